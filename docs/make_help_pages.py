"""Write docs/cli.md: the --help of every verb, as the program prints it. Run: python docs/make_help_pages.py"""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from headstart.commands.app import VERBS, build

PAGE = Path(__file__).with_name("cli.md")
_WIDTH = 100
_HEAD = """# The command line

Written by `make help-pages` from the program itself; `headstart VERB --help` prints the same.
"""


def help_text(*tokens: str) -> str:
    """Return what `headstart TOKENS --help` prints on a terminal of 100 columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    build().help_print(list(tokens), console=console)
    return "\n".join(line.rstrip() for line in stream.getvalue().strip().splitlines())


def page() -> str:
    """Return the whole page."""
    parts = [f"## headstart\n\n```text\n{help_text()}\n```\n"]
    parts += [f"## headstart {verb}\n\n```text\n{help_text(verb)}\n```\n" for verb in VERBS]
    return "\n".join([_HEAD, *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
