"""Every verb that writes, as small as it can be, for faults of the disk at its changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from disk_gates import FAMILIES, LABELLED, NO_PAUSE, QUICK, badly_told, place_in, pretraining, transferring
from disk_lab import FAULTS, DiskLab
from old_artefacts import HOME

_TEXT, _HALVES = HOME / "text.txt", FAMILIES["halves"]
_ROWS = (HOME / "test.tsv", "--text", "document")
_ENDINGS = {"embed": ".npy", "predict": ".jsonl", "next": ".csv"}
_GO_ON = ("pretrain --log", "pretrain --filters")
VERBS: dict[str, tuple] = {
    "sweep": ("sweep", "none", *LABELLED, "--route", "tfidf_logreg", "--vary", "default=0.1,2", "--trials", 2),
    "transfer --seeds": ("transfer", "none", *LABELLED, "--route", "tfidf_nb", "--seeds", "0,1"),
    "pretrain --seeds": ("pretrain", _TEXT, *_HALVES, *QUICK, "--steps", 2, "--seeds", "0,1"),
    "pretrain --log": ("pretrain", _TEXT, *_HALVES, *QUICK, "--steps", 3, "--log", "csv,tensorboard"),
    "pretrain --filters": ("pretrain", _TEXT, *_HALVES, *QUICK, "--steps", 2, "--filters", "length"),
    "ablate": (
        *("ablate", "none", *LABELLED, "--route", "tfidf_logreg", "--vary", "default=0.1"),
        *("--labels", 8, "--draws", 1),
    ),
    "cross": (
        *("cross", "none", "--data", f"a={HOME / 'train.tsv'}", f"b={HOME / 'test.tsv'}"),
        *("--routes", "tfidf_nb", "--labels", 8, "--draws", 1),
    ),
    "audit": ("audit", HOME / "train.tsv"),
    "convert": ("convert", "RUN"),
    "embed": ("embed", "RUN", *_ROWS),
    "predict": ("predict", "TASK", *_ROWS),
    "next": ("next", "RUN", *_ROWS, "--count", 5),
}


class Verbs:
    """The verbs in a lab; home: where the run and the task model lie that they read."""

    def __init__(self, lab: DiskLab, home: Path) -> None:
        self.lab, self.home = lab, home
        lab.warm(*pretraining("halves", _TEXT).first(home / "RUN"))
        lab.warm(*transferring(home / "RUN", "--route", "probe").first(home / "TASK"))

    def command(self, verb: str, out: Path) -> tuple:
        """The command that writes to `out`, or to a file of that name."""
        words = [self.home / word if word in ("RUN", "TASK") else word for word in VERBS[verb]]
        return (*words, "--out", f"{out}{_ENDINGS.get(verb, '')}")

    def changes(self, verb: str) -> list:
        """The changes of the command alone, which is carried out once before."""
        name = verb.replace(" ", "")
        self.lab.warm(*self.command(verb, place_in(self.home / f"{name}-warm")))
        out = place_in(self.home / f"{name}-alone")
        ran = self.lab.run(*self.command(verb, out), below=out.parent)
        assert ran.code == 0, ran.said
        return ran.changes

    def wrong(self, verb: str, number: int, fault: str, plant: str = "") -> Iterator[str]:
        """Yield what is wrong with what is said of a fault, and whether the command works afterwards."""
        out = place_in(self.home / f"{verb.replace(' ', '')}-{number}-{fault}")
        ran = self.lab.failed(number, fault, *self.command(verb, out), below=out.parent, plant=f"{NO_PAUSE}\n{plant}")
        yield from badly_told(ran, out)
        more = ["--resume"] if verb in _GO_ON else []
        again = self.lab.run(*self.command(verb, out), *more, below=out.parent, plant=plant)
        if again.code and "exists" not in again.said:
            yield f"again: {again.said[-300:]}"


def fault_at(number: int) -> str:
    """A fault for each change, in turns."""
    return list(FAULTS)[number % len(FAULTS)]
