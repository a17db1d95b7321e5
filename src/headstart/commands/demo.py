"""demo: pre-training, comparing and a report on text and on small pictures that this machine has."""

from __future__ import annotations

import csv
import io
import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from cyclopts import Parameter

from headstart.commands.reading import open_bases, say
from headstart.commands.session import Language, need_positive, pick_language, whole
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples

if TYPE_CHECKING:
    from headstart.commands.compare import Compared

_PLACES = ("data/nsmc", "../shared/data/nsmc", "nsmc")
# Shares of the demo's minutes: halves, masked LM, comparison of texts; pre-training and comparison of pictures.
_SHARES = (0.27, 0.13, 0.47)
_PICTURES = (0.035, 0.095)
_PICTURE_LABELS = "10,100"
_PICTURE_ROUTES = "majority,pixels_logreg,hog_svm,nearest_mean,probe,knn,joined,scratch"  # all would take minutes
_EACH = 2  # of so many docstring test rows one is kept, for time: every model is asked all of them


@dataclass(frozen=True)
class Shown:
    """folder: runs and report; text: table, verdict and where the report is; exit_code: as of compare."""

    folder: Path
    text: str
    exit_code: int = 0

    def summary(self) -> str:
        """Return what to look at."""
        return self.text


def demo(
    *,
    data: Annotated[Literal["docstrings", "nsmc"], Parameter(help="text to use")] = "docstrings",
    folder: Annotated[Path | None, Parameter(help="where the NSMC files are [looked for]")] = None,
    out: Annotated[Path | None, Parameter(help="folder to write [headstart-demo, or the next free name]")] = None,
    minutes: Annotated[float, Parameter(help="for pre-training and comparing together")] = 7.6,
    labels: Annotated[str, Parameter(help="label counts to try")] = "16,64,256",
    draws: Annotated[int, Parameter(help="most label draws per count", converter=whole)] = 30,
    target: Annotated[float | None, Parameter(help="accuracy to reach; the report says with how many labels")] = None,
    files_only: Annotated[bool, Parameter(help="write the texts and labelled rows, then stop", negative="")] = False,
    language: Annotated[Language, Parameter(help="of messages and report")] = "auto",
) -> Shown:
    """Pre-train on text and on pictures and compare every route, for real, offline; prints the paths of the reports."""
    from headstart.commands.compare import run_comparison
    from headstart.commands.comparison_options import label_counts, routes_asked
    from headstart.commands.pretrain import pretrain
    from headstart.comparing.inputs import entries_of, public_ledger
    from headstart.comparing.settings import StudyData, StudySettings, WinnerRows
    from headstart.comparing.target import check_target
    from headstart.core import registry
    from headstart.core.sole_writer import sole_writer
    from headstart.reporting.phrases import phrase

    need_positive("--minutes", minutes)
    need_positive("--draws", draws)
    sizes, metric = label_counts(labels), registry.load("metric", "accuracy")()
    check_target(target, metric)
    begun = time.monotonic()
    spoken = pick_language(language)
    home = _free_folder(None if out is None else Path(out))
    if files_only:
        return _files_alone(home, spoken)
    say(phrase(spoken, "demo.plan", minutes=minutes, folder=home))
    corpus, train, test, ledger = _docstrings(home, spoken) if data == "docstrings" else _nsmc(folder, spoken)
    options = ["--data", data, *(["--folder", str(folder)] if folder else []), "--minutes", f"{minutes:g}"]
    options += ["--labels", labels, "--draws", str(draws), *([] if target is None else ["--target", f"{target:g}"])]
    runs = []
    for objective, share in zip(("halves", "mlm"), _SHARES):
        say(phrase(spoken, f"demo.{objective}", minutes=share * minutes))
        made = pretrain([str(corpus)], out=home / objective, minutes=share * minutes, objective=objective, unit="line")
        if made.exit_code:
            raise KeyboardInterrupt
        runs.append(made.folder)
    left = max(minutes * _SHARES[2], 0.1)
    say(phrase(spoken, "demo.compare", minutes=left))
    bases = open_bases(runs)
    facts = {"ledger": public_ledger(ledger), "minutes": left, "target": target}
    facts["command"] = shlex.join(["headstart", "demo", *options])
    asked = StudySettings(
        sizes=sizes,
        draws=draws,
        seconds=60 * left,
        metric=metric,
        folder=home / "report",
        screened=True,
    )
    entries = entries_of(routes_asked("all", [], "classify", classical=False), bases)
    rows = StudyData(train, test, facts, winner=WinnerRows(train, str(corpus)))
    with sole_writer(home / "report", say):
        compared = run_comparison(bases, entries, rows, asked, language=spoken)
    code, pictures = compared.exit_code, ""
    if not code:
        seen = _pictures(home, minutes, spoken)
        answer = seen.verdict.splitlines()[0]
        pictures = f"{phrase(spoken, 'demo.pictures', answer=answer, report=seen.folder / 'report.html')}\n"
        code = seen.exit_code
    took = (time.monotonic() - begun) / 60
    report = compared.folder / "report.html"
    text = f"{compared.summary()}\n\n{pictures}{phrase(spoken, 'demo.done', minutes=took, report=report)}"
    return Shown(home, text, code)


def _pictures(home: Path, minutes: float, language: str) -> Compared:
    """Pre-train on digits and compare, with the two commands that a user would give. Raises KeyboardInterrupt."""
    from headstart.commands.compare import compare
    from headstart.commands.pretrain import pretrain
    from headstart.data.digits import write_digits
    from headstart.reporting.phrases import phrase

    folder = home / "digits"
    train, test = write_digits(folder)
    learning, comparing = (share * minutes for share in _PICTURES)
    count = sum(1 for _ in train.rglob("*.png"))
    say(phrase(language, "demo.digits", seconds=60 * learning, count=count, folder=folder))
    made = pretrain([str(train)], out=folder / "run", minutes=learning, objective="views")
    if made.exit_code:
        raise KeyboardInterrupt
    say(phrase(language, "demo.compare_digits", seconds=60 * comparing))
    rows = {"data": [str(train)], "test": [str(test)], "labels": _PICTURE_LABELS}
    asked = {"routes": _PICTURE_ROUTES, "minutes": comparing, "language": language}
    return compare([made.folder], **rows, **asked, out=folder / "report")


def _free_folder(out: Path | None) -> Path:
    if out is not None:
        if out.exists():
            raise HeadstartError(f"{out} exists; give another --out")
        return out
    names: Iterator[Path] = (Path("headstart-demo" + (f"-{n}" if n > 1 else "")) for n in range(1, 1000))
    return next(name for name in names if not name.exists())


def _files_alone(home: Path, spoken: str) -> Shown:
    """Write the demo's files, for the reader who wants to give the commands one by one."""
    from headstart.data.digits import write_digits
    from headstart.reporting.phrases import phrase

    corpus, train, test = _docstring_files(home, spoken)
    write_digits(home / "digits")
    return Shown(home, phrase(spoken, "demo.files", corpus=corpus, train=train, test=test, digits=home / "digits"))


def _docstring_files(home: Path, spoken: str) -> tuple[Path, Path, Path]:
    """Write the texts, the labelled rows and the test rows to files, as a user would have them."""
    from headstart.core.files import write_bytes
    from headstart.data.docstrings import docstring_task
    from headstart.reporting.phrases import phrase

    task = docstring_task()
    say(phrase(spoken, "demo.task", classes=", ".join(task.classes)))
    corpus = home / "texts.txt"
    write_bytes(corpus, "".join(f"{text}\n" for text in task.corpus).encode())
    places = home / "train.csv", home / "test.csv"
    for place, rows in zip(places, (task.train, task.test[::_EACH])):
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([("text", "label"), *rows])
        write_bytes(place, table.getvalue().encode())
    return corpus, *places


def _docstrings(home: Path, spoken: str) -> tuple[Path, Examples, Examples, dict]:
    """Write the demo's files and read them as those of a user are read."""
    from headstart.data.read_request import ReadRequest, read_labelled_rows
    from headstart.reporting.phrases import phrase

    say(phrase(spoken, "demo.docstrings"))
    corpus, *places = _docstring_files(home, spoken)
    train, one = read_labelled_rows(ReadRequest(paths=places[0], text="text", label="label"), say)
    test, two = read_labelled_rows(ReadRequest(paths=places[1], text="text", label="label", classes=train.classes), say)
    return corpus, train, test, {"training": one, "test": two}


def _nsmc(folder: Path | None, spoken: str) -> tuple[Path, Examples, Examples, dict]:
    """Find the NSMC files; the test rows are a fixed 2,000 of the dev part, for time."""
    from headstart.data.read_request import ReadRequest, read_labelled_rows
    from headstart.reporting.phrases import phrase

    given = [folder] if folder else [Path(p) for p in (os.environ.get("HEADSTART_DATA", "") + "/nsmc", *_PLACES)]
    place = next((p for p in given if (p / "unlabeled.txt.xz").is_file()), None)
    if place is None:
        looked = ", ".join(str(p) for p in given)
        raise HeadstartError(f"NSMC was not found (looked for unlabeled.txt.xz in {looked}); give --folder FOLDER")
    say(phrase(spoken, "demo.nsmc", folder=place))
    request = ReadRequest(paths=place / "train.tsv.gz", text="document", label="label")
    train, one = read_labelled_rows(request, say)
    test, two = read_labelled_rows(replace(request, paths=place / "dev.tsv.gz", classes=train.classes), say)
    return (
        place / "unlabeled.txt.xz",
        train,
        test.take(np.arange(min(2_000, len(test)))),
        {"training": one, "test": two},
    )
