"""The program called in this process, as `headstart ARGUMENTS` would run it."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass

from headstart.commands.app import main
from headstart.data import open as opening


@dataclass(frozen=True)
class Outcome:
    """code: exit status; out, err: what was printed."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of complaint; checks that there is exactly one, at the end, and no traceback."""
        lines = [line for line in self.err.splitlines() if line.startswith("headstart:")]
        assert len(lines) == 1, self.err
        assert self.err.endswith(lines[0] + "\n")
        assert "Traceback" not in self.err + self.out
        assert "internal fault" not in lines[0]
        return lines[0]


def headstart(*arguments: object, stdin: bytes = b"") -> Outcome:
    """Run the program as `headstart ARGUMENTS < stdin` would, without a new process."""
    tokens = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    opening._spooled.cache_clear()  # a process has one standard input; this one plays many
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["headstart", *tokens], io.TextIOWrapper(io.BytesIO(stdin))
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(tokens)
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv, sys.stdin = before
    return Outcome(code, out.getvalue(), err.getvalue())
