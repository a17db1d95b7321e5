"""The `headstart` program: finds the verbs, turns mistakes into one line, never shows a traceback unless --debug."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import typing
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import cyclopts

import headstart
from headstart.commands.session import DASH, Terminated, running
from headstart.core.disk_cache import without_cache
from headstart.core.disk_errors import told_of
from headstart.core.errors import HeadstartError, nearest, one_line
from headstart.core.launched import launched
from headstart.core.reason import is_out_of_memory
from headstart.core.registry import use_plugin
from headstart.core.spoken import language, speaking, spoken

VERBS = {
    "demo": "the whole story on text this machine has: pretrain, compare, report",
    "audit": "what is in the files: duplicates, leaks, doubtful labels, shifts",
    "plan": "what to pre-train in so many minutes, what that takes and gained elsewhere",
    "pretrain": "train a model on unlabelled texts or images",
    "convert": "make a base of a file of weights, or for other images",
    "transfer": "one route from a base to a task model",
    "compare": "all routes and baselines on your labels, a verdict and a report",
    "work": "help a comparison that runs with --workers, from here or elsewhere",
    "verify": "make cells of a report again and compare the scores",
    "ablate": "a route against the same with one change each: which one helped",
    "sweep": "settings of a route or of pre-training: a search by trials",
    "cross": "train on one domain or language, test on every one",
    "evaluate": "score a task model on a labelled file",
    "predict": "label texts or images with a task model",
    "next": "which rows to label next, as a table to fill in",
    "embed": "turn texts or images into vectors",
    "fill": "let a masked language model fill [MASK]",
    "generate": "let a causal language model go on with a text, or draw pictures",
    "inspect": "look into a network: senses, neighbours, tokens, views",
    "export": "leave for transformers, sentence-transformers, ONNX or peft",
    "push": "print the command that shares an export on a hub",
    "list": "what can be chosen",
    "doctor": "what is wrong with this environment",
}
_HELP = "Pre-train on unlabelled texts or images, transfer to your few labels, learn honestly whether it paid."
_EPILOGUE = (
    "Everything else by dotted setting: objective.mask_ratio=0.3. On every command: --language auto|en|ko (of all that "
    "is said), --device auto|cpu|cuda|cuda:1|mps (where networks run), --debug (tracebacks), --plugin FILE (a choice "
    "of your own), and how files are read where their contents are not to decide: --encoding cp949, --delimiter tab, "
    "--header no, --quoting no, --sheet NAME, --lost 0.2 (share of unreadable rows)."
)
_SET_VERBS = ("pretrain", "transfer", "compare", "ablate", "sweep", "cross", "export")
_GOES_ON = dict.fromkeys(
    ("compare", "ablate", "cross"), "finished cells are saved, the same command goes on from there"
)
_GOES_ON["pretrain"] = "what was saved is kept, the same command with --resume goes on from there"
_GOES_ON["sweep"] = "finished trials are saved, the same command goes on from there"
_READING = ("--encoding", "--delimiter", "--header", "--quoting", "--sheet", "--lost")
_FUNCTIONS = {"list": "list_choices", "next": "next_rows"}  # verbs that are called as a builtin of Python
_FILE_OPTIONS = ("--data", "--test", "--corpus", "--labelled")
_VALUED = ("--vary", "--out", "--base", *_FILE_OPTIONS)
_SETTING = re.compile(r"^((--)?[a-z_]+(\.[a-z0-9_]+)+|[a-z][a-z0-9_]*)=")
_PARTS = ("cross",)  # verbs with `name=file` among their words: their settings need the name of a part
# What to lower where memory was not enough.
_LOWER = dict.fromkeys(
    ("pretrain", "plan", "demo", "sweep"),
    "lower batches.tokens (1024, say; batches.images for images), --vocabulary or backbone.width",
) | dict.fromkeys(
    ("transfer", "compare", "ablate", "cross", "work", "verify"),
    "lower the batch of the route (finetune.batch=8, say), or take a smaller base",
)
_ACCELERATORS = ("OutOfMemoryError", "CUDA", "CUBLAS", "CUDNN", "MPS")  # in what torch says of memory that is not ours
_KINDS = {float: "a number", int: "a whole number", Path: "a path", str: "text"}


def build() -> cyclopts.App:
    """Return the command line; a verb's file is imported only when the verb is used."""
    app = cyclopts.App(
        name="headstart",
        help=spoken(_HELP),
        version=headstart.__version__,
        version_flags=["--version"],
        help_epilogue=spoken(_EPILOGUE),
        help_formatter=_formatter(),
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for verb, help_line in VERBS.items():
        name = _FUNCTIONS.get(verb, verb)
        app.command(f"headstart.commands.{verb}:{name}", name=verb, help=spoken(help_line))
    return app


def _formatter() -> Any:
    """Return what prints `--help`; None: the parser's own, in English."""
    if language() == "en":
        return None
    from headstart.commands.spoken_help import SpokenHelp

    return SpokenHelp()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 internal fault, 2 a mistake the message explains, 130/143 interrupted."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    named, tokens = _taken(tokens, ("--language",))
    try:
        speech = speaking(named.get("language", "auto"))
    except HeadstartError as error:
        _complain(str(error))
        sys.exit(2)
    with speech:
        _main(tokens, debug=debug, said=[part for name in named.values() for part in ("--language", name)])


def _main(tokens: list[str], *, debug: bool, said: Sequence[str]) -> None:
    """Run the program in its language and exit. said: how the language was asked for."""
    uncached = without_cache() if "--no-cache" in tokens else contextlib.nullcontext()
    tokens = [t for t in tokens if t not in ("--debug", "--no-cache")]
    device, tokens = _taken(tokens, ("--device",))
    how, tokens = _taken(tokens, _READING)
    # Idle OpenMP threads that spin make a busy 2-core machine 10 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        if launched().world > 1:
            # torch warns on every rank that parameters which a batch might not reach were reached.
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        _need_one_process(tokens)
        if device:
            from headstart.core.device import use_device

            use_device(device["device"])
        plugged, tokens = _plugged(tokens)
        for place in plugged:
            use_plugin(place)
        with running([*tokens, *said]), uncached, _reading(how):
            code = _run(tokens)
        sys.exit(code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except SystemExit:
        raise
    except BaseException as error:  # a panic of a library in Rust is no Exception
        text, code = _explain(error, tokens)
        if debug and not isinstance(error, cyclopts.CycloptsError | KeyboardInterrupt):
            raise
        _complain(text)
        sys.exit(code)


def _need_one_process(tokens: Sequence[str]) -> None:
    """Raise HeadstartError for a verb that several processes would carry out several times; the first one says so."""
    place = launched()
    if place.world == 1 or (tokens and tokens[0] == "pretrain"):
        return
    if not place.is_first:
        sys.exit(2)
    verb = tokens[0] if tokens and tokens[0] in VERBS else "this"
    raise HeadstartError(
        f"{verb}: WORLD_SIZE is {place.world}, and so many processes would do the same work; only pretrain trains one "
        "model on several; start all else without torchrun, or unset WORLD_SIZE"
    )


def _plugged(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return (the values of every --plugin, the tokens without them)."""
    found, left, coming = [], [], iter(tokens)
    for token in coming:
        name, equals, value = token.partition("=")
        if name == "--plugin":
            found.append(value if equals else next(coming, ""))
            if not found[-1] or found[-1].startswith("--"):
                raise HeadstartError("--plugin needs a file, or the folder of a run or task model")
        else:
            left.append(token)
    return found, left


def _taken(tokens: Sequence[str], options: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Return (values of these options by name, the tokens without them): they are on every command."""
    found, left, coming = {}, [], iter(tokens)
    for token in coming:
        name, equals, value = token.partition("=")
        if name in options:
            found[name.removeprefix("--")] = value if equals else next(coming, "")
        else:
            left.append(token)
    return found, left


def _reading(how: dict[str, str]) -> contextlib.AbstractContextManager[object]:
    """Return a block in which files are read so."""
    if not how:
        return contextlib.nullcontext()
    from headstart.data.read_how import reading

    return reading(**how)


def prepare(tokens: Sequence[str]) -> list[str]:
    """Return the tokens as the parser takes them: settings behind --set, a stand-in for the - of standard input."""
    moved = _split_settings(tokens)
    files = [not before.startswith("--") or before in _FILE_OPTIONS for before in ("", *moved)]
    return [DASH if token == "-" and is_file else token for token, is_file in zip(moved, files)]


def _split_settings(tokens: Sequence[str]) -> list[str]:
    """Return the tokens with every `part.field=value` and `field=value` of a verb with settings behind a --set."""
    if not tokens or tokens[0] not in _SET_VERBS:
        return list(tokens)
    if "--" in tokens:  # what follows are files, whatever they look like
        end = list(tokens).index("--")
        return [*_split_settings(tokens[:end]), *tokens[end:]]
    found = [  # what follows these is a value, though it may look like a setting
        before not in _VALUED and _is_setting(token, tokens[0] in _PARTS)
        for before, token in zip(("", *tokens), tokens)
    ]
    settings = [token.removeprefix("--") for token, moved in zip(tokens, found) if moved]
    plain = [token for token, moved in zip(tokens, found) if not moved]
    return plain + [part for setting in settings for part in ("--set", setting)]


def _is_setting(token: str, dotted: bool) -> bool:
    found = _SETTING.match(token)
    return found is not None and (not dotted or "." in found.group()) and not Path(token).exists()


def _run(tokens: list[str]) -> int:
    if tokens and not tokens[0].startswith("-") and tokens[0] not in VERBS:
        raise HeadstartError(f"unknown command '{tokens[0]}'{nearest(tokens[0], VERBS)} (allowed: {', '.join(VERBS)})")
    app = build()
    result = app(prepare(tokens), exit_on_error=False, print_error=False, result_action="return_value")
    summary = getattr(result, "summary", None)
    if summary is not None and launched().is_first and (told := summary() if callable(summary) else summary):
        print(spoken(told))
    return int(getattr(result, "exit_code", 0))


def _explain(error: BaseException, tokens: Sequence[str]) -> tuple[str, int]:
    """Return (one line for people, exit code)."""
    if isinstance(error, cyclopts.CycloptsError):
        return _misused(error, tokens), 2
    if isinstance(error, HeadstartError):
        return spoken(error.args[0] if error.args else ""), 2
    if isinstance(error, KeyboardInterrupt):
        again = _GOES_ON.get(tokens[0] if tokens else "", "nothing was left half done")
        return f"interrupted; {again}", 143 if isinstance(error, Terminated) else 130
    if is_out_of_memory(error):
        lower = _LOWER.get(tokens[0] if tokens else "", "give fewer or shorter items at once, or take a smaller model")
        if any(name in f"{type(error).__name__}: {error}" for name in _ACCELERATORS):
            return f"out of memory on the device; {lower}, or add --device cpu", 2
        return f"out of memory; {lower}", 2
    if isinstance(error, OSError):
        return spoken(told_of(error).args[0]), 2
    return f"internal fault: {type(error).__name__}: {error} (--debug shows where)", 1


def _misused(error: cyclopts.CycloptsError, tokens: Sequence[str]) -> str:
    """Return our words for a command line that cannot be understood: what was given, what is expected."""
    verb = tokens[0] if tokens and tokens[0] in VERBS else ""
    more = f"`headstart {verb} --help` shows what it takes" if verb else "`headstart --help` shows the commands"
    if isinstance(error, cyclopts.CoercionError) and error.token is not None:
        kind = error.target_type
        members = [kind, *typing.get_args(kind)]
        expected = next((_KINDS[member] for member in members if member in _KINDS), "")
        if typing.get_origin(kind) is typing.Literal:
            expected = ", ".join(typing.get_args(kind)) + nearest(error.token.value, typing.get_args(kind))
        name = error.token.keyword or (error.argument.name if error.argument is not None else "argument")
        return f"{name} {error.token.value}: expected {expected or 'another value'}"
    if isinstance(error, cyclopts.MissingArgumentError) and error.argument is not None:
        name = error.argument.name if error.argument.name.startswith("-") else error.argument.name.upper()
        return f"{verb}: {name} {'needs a value' if name in tokens else 'is missing'}; {more}"
    if isinstance(error, cyclopts.UnusedCliTokensError) and error.unused_tokens:
        return f"{verb}: '{error.unused_tokens[0]}' is not understood here; {more}"
    return str(error).strip().rstrip(".")


def _complain(text: str) -> None:
    print(f"headstart: {spoken(one_line(' '.join(text.split())))}", file=sys.stderr)
