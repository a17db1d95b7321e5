"""The `headstart` program: finds the verbs, turns mistakes into one line, never shows a traceback unless --debug."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

import cyclopts

import headstart
from headstart.base.errors import HeadstartError, nearest

VERBS = {
    "demo": "the whole story on text this machine has: pretrain, compare, report",
    "pretrain": "train a tokenizer and a model on unlabelled text",
    "transfer": "one route from a base to a task model",
    "compare": "all routes and baselines on your labels, a verdict and a report",
    "evaluate": "score a task model on a labelled file",
    "predict": "label texts with a task model",
    "embed": "turn texts into vectors",
    "fill": "let a masked language model fill [MASK]",
    "export": "leave for transformers",
    "list": "what can be chosen",
    "doctor": "what is wrong with this environment",
}
_EPILOGUE = "Everything else by dotted setting: objective.rate=0.3. Add --debug to any command for tracebacks."
_SETTING = re.compile(r"^(--)?[a-z_]+\.[a-z0-9_]+=")


def build() -> cyclopts.App:
    """Return the command line; a verb's file is imported only when the verb is used."""
    app = cyclopts.App(
        name="headstart",
        help="Pre-train on your unlabelled text, transfer to your few labels, learn honestly whether it paid.",
        version=headstart.__version__,
        version_flags=["--version"],
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
    )
    for verb, help_line in VERBS.items():
        name = "list_choices" if verb == "list" else verb
        app.command(f"headstart.commands.{verb}:{name}", name=verb, help=help_line)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 internal fault, 2 a mistake the message explains, 130/143 interrupted."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    tokens = [t for t in tokens if t != "--debug"]
    # Idle OpenMP threads that spin make a busy 2-core machine 10 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(_run(tokens))
    except (HeadstartError, cyclopts.CycloptsError) as error:
        if debug and isinstance(error, HeadstartError):
            raise
        _complain(" ".join(str(error).split()))
        sys.exit(2)
    except KeyboardInterrupt:
        _complain(
            "interrupted; nothing that was finished is lost: the same command (with --resume for pretrain) goes on"
        )
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        if debug:
            raise
        _complain("out of memory; give smaller batches (batches.tokens=1024) or a smaller --vocabulary")
        sys.exit(2)
    except OSError as error:
        if debug:
            raise
        _complain(f"{error.filename or 'a file'}: {error.strerror or error}")
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        _complain(f"internal fault: {type(error).__name__}: {' '.join(str(error).split())} (--debug shows where)")
        sys.exit(1)


def _run(tokens: list[str]) -> int:
    settings = [t.removeprefix("--") for t in tokens if _SETTING.match(t)]
    plain = [t for t in tokens if not _SETTING.match(t)]
    if settings:
        plain += [part for setting in settings for part in ("--set", setting)]
    if plain and not plain[0].startswith("-") and plain[0] not in VERBS:
        raise HeadstartError(f"unknown command '{plain[0]}'{nearest(plain[0], VERBS)} (allowed: {', '.join(VERBS)})")
    result = build()(plain, exit_on_error=False, print_error=False, result_action="return_value")
    summary = getattr(result, "summary", None)
    if summary is not None:
        print(summary() if callable(summary) else summary)
    return int(getattr(result, "exit_code", 0))


def _complain(text: str) -> None:
    print(f"headstart: {text}", file=sys.stderr)
