"""demo: pre-training, comparing and a report on text that this machine has."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

from headstart.commands.reading import open_bases, say
from headstart.commands.session import Language, need_positive, pick_language, whole
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples

_PLACES = ("data/nsmc", "../shared/data/nsmc", "nsmc")
# Shares of the demo's minutes: halves, masked LM, comparison.
_SHARES = (0.3, 0.15, 0.55)
_EACH = 2  # of so many docstring test rows one is used, for time: every model is asked all of them
_WORDS = {
    "en": {
        "plan": "planned: {minutes:g} min of training and comparing in all; everything goes to {folder}",
        "docstrings": "[1/4] reading the docstrings of the installed packages (no network, no download)",
        "nsmc": "[1/4] reading NSMC from {folder}",
        "task": "task: which package does a paragraph come from? {classes}",
        "halves": "[2/4] pre-training `halves` for {minutes:.1f} min",
        "mlm": "[3/4] pre-training `mlm` for {minutes:.1f} min",
        "compare": "[4/4] comparing routes on the same labels for up to {minutes:.1f} min",
        "done": "The whole demo took {minutes:.1f} min. Open this file in a browser: {report}",
    },
    "ko": {
        "plan": "계획: 사전 학습과 비교에 모두 {minutes:g}분; 결과는 모두 {folder}에 저장됩니다",
        "docstrings": "[1/4] 설치된 패키지의 설명문을 읽습니다 (네트워크와 내려받기 없음)",
        "nsmc": "[1/4] {folder}에서 NSMC를 읽습니다",
        "task": "과제: 이 단락은 어느 패키지에서 왔는가? {classes}",
        "halves": "[2/4] `halves` 사전 학습, {minutes:.1f}분",
        "mlm": "[3/4] `mlm` 사전 학습, {minutes:.1f}분",
        "compare": "[4/4] 같은 라벨로 여러 방법을 비교합니다, 최대 {minutes:.1f}분",
        "done": "데모 전체에 {minutes:.1f}분 걸렸습니다. 브라우저로 여세요: {report}",
    },
}


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
    minutes: Annotated[float, Parameter(help="for pre-training and comparing together")] = 7.5,
    labels: Annotated[str, Parameter(help="label counts to try")] = "16,64,256",
    draws: Annotated[int, Parameter(help="most label draws per count", converter=whole)] = 30,
    language: Annotated[Language, Parameter(help="of messages and report")] = "auto",
) -> Shown:
    """Pre-train two models and compare every route, for real, offline; prints the path of the report, opens nothing."""
    from headstart.commands.compare import run_comparison
    from headstart.commands.comparison_options import label_counts, routes_asked
    from headstart.commands.pretrain import pretrain
    from headstart.comparing.inputs import entries_of, public_ledger
    from headstart.comparing.settings import StudyData, StudySettings
    from headstart.core import registry

    need_positive("--minutes", minutes)
    need_positive("--draws", draws)
    sizes = label_counts(labels)
    begun = time.monotonic()
    spoken = pick_language(language)
    words = _WORDS[spoken]
    home = _free_folder(None if out is None else Path(out))
    say(words["plan"].format(minutes=minutes, folder=home))
    corpus, train, test, ledger = _docstrings(home, words) if data == "docstrings" else _nsmc(folder, words)
    options = ["--data", data, *(["--folder", str(folder)] if folder else []), "--minutes", f"{minutes:g}"]
    options += ["--labels", labels, "--draws", str(draws)]
    runs = []
    for objective, share in zip(("halves", "mlm"), _SHARES):
        say(words[objective].format(minutes=share * minutes))
        made = pretrain([str(corpus)], out=home / objective, minutes=share * minutes, objective=objective, unit="line")
        if made.exit_code:
            raise KeyboardInterrupt
        runs.append(made.folder)
    left = max(minutes * _SHARES[2], 0.1)
    say(words["compare"].format(minutes=left))
    bases = open_bases(runs)
    facts = {"ledger": public_ledger(ledger), "minutes": left, "command": shlex.join(["headstart", "demo", *options])}
    asked = StudySettings(
        sizes=sizes,
        draws=draws,
        seconds=60 * left,
        metric=registry.load("metric", "accuracy")(),
        folder=home / "report",
        screened=True,
    )
    entries = entries_of(routes_asked("all", [], "classify", classical=False), bases)
    compared = run_comparison(bases, entries, StudyData(train, test, facts), asked, language=spoken)
    took = (time.monotonic() - begun) / 60
    report = compared.folder / "report.html"
    text = f"{compared.summary()}\n\n{words['done'].format(minutes=took, report=report)}"
    return Shown(home, text, compared.exit_code)


def _free_folder(out: Path | None) -> Path:
    if out is not None:
        if out.exists():
            raise HeadstartError(f"{out} exists; give another --out")
        return out
    names: Iterator[Path] = (Path("headstart-demo" + (f"-{n}" if n > 1 else "")) for n in range(1, 1000))
    return next(name for name in names if not name.exists())


def _docstrings(home: Path, words: dict[str, str]) -> tuple[Path, Examples, Examples, dict]:
    """Write the corpus to a file, as a user would have it, and return the task's examples."""
    from headstart.core.files import write_bytes
    from headstart.data.docstrings import docstring_task

    say(words["docstrings"])
    task = docstring_task()
    say(words["task"].format(classes=", ".join(task.classes)))
    path = home / "docstrings.txt"
    write_bytes(path, "".join(f"{text}\n" for text in task.corpus).encode())

    def examples(rows: list[tuple[str, str]]) -> Examples:
        labels = np.array([task.classes.index(label) for _, label in rows], np.int64)
        return Examples(items=[text for text, _ in rows], labels=labels, classes=tuple(task.classes))

    parts = {"training": (task.train, task.train), "test": (task.test, task.test[::_EACH])}
    ledger = {name: {"read": len(rows), "used": len(used)} for name, (rows, used) in parts.items()}
    return path, examples(parts["training"][1]), examples(parts["test"][1]), ledger


def _nsmc(folder: Path | None, words: dict[str, str]) -> tuple[Path, Examples, Examples, dict]:
    """Find the NSMC files; the test rows are a fixed 2,000 of the dev part, for time."""
    from headstart.data.read_request import ReadRequest, read_labelled_rows

    given = [folder] if folder else [Path(p) for p in (os.environ.get("HEADSTART_DATA", "") + "/nsmc", *_PLACES)]
    place = next((p for p in given if (p / "unlabeled.txt.xz").is_file()), None)
    if place is None:
        looked = ", ".join(str(p) for p in given)
        raise HeadstartError(f"NSMC was not found (looked for unlabeled.txt.xz in {looked}); give --folder FOLDER")
    say(words["nsmc"].format(folder=place))
    request = ReadRequest(paths=place / "train.tsv.gz", text="document", label="label")
    train, one = read_labelled_rows(request, say)
    test, two = read_labelled_rows(replace(request, paths=place / "dev.tsv.gz", classes=train.classes), say)
    return (
        place / "unlabeled.txt.xz",
        train,
        test.take(np.arange(min(2_000, len(test)))),
        {"training": one, "test": two},
    )
