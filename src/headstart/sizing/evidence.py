"""What pre-training gained where it was measured, by family, minutes and labels: `evidence.toml`, read for `plan`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_NEAR = 4  # times as many or as few labels and minutes still speak for what is asked


@dataclass(frozen=True)
class Measured:
    """One labelled set, see `evidence.toml`. scores: by labels, (with pre-training, without)."""

    family: str
    name: str
    task: str
    takes: str
    minutes: float
    documents: int
    source: str
    scores: dict[int, tuple[float, float]]


@dataclass(frozen=True)
class Gain:
    """low, middle, high: the least, the mean and the most that was gained over the best row without pre-training.

    score: lowest and highest score with it; sets: on how many.
    """

    low: float
    middle: float
    high: float
    score: tuple[float, float]
    sets: int

    def gained(self) -> str:
        """Return the least and the most that was gained."""
        return f"{self.low:+.3f}" if self.low == self.high else f"{self.low:+.3f} to {self.high:+.3f}"

    def text(self) -> str:
        """Return both ranges in few words."""
        low, high = self.score
        if self.sets == 1:
            return f"{self.low:+.3f} (score {low:.2f}, one set)"
        return f"{self.low:+.3f} to {self.high:+.3f} (scores {low:.2f} to {high:.2f}, {self.sets} sets)"


@cache
def measured() -> tuple[Measured, ...]:
    """Return everything that is known."""
    data = tomllib.loads(resources.files("headstart.sizing").joinpath("evidence.toml").read_text(encoding="utf-8"))
    return tuple(_measured(**one) for one in data["measured"])


def gain(family: str, *, takes: str, task: str, minutes: float, labels: int) -> Gain | None:
    """Return what a family gained over the best row without it, near so many minutes and labels; None: not known.

    For each set the label count that is nearest counts; corpora too small for the family (`fewest_documents`) do not.
    """
    found, fewest = [], fewest_documents(family, takes)
    for one in measured():
        if (one.family, one.takes, one.task) != (family, takes, task) or one.documents < fewest:
            continue
        if _apart(one.minutes, minutes) > _NEAR:
            continue
        nearest = min(one.scores, key=lambda count: _apart(count, labels))
        if _apart(nearest, labels) <= _NEAR:
            found.append((one.name, *one.scores[nearest]))
    if not found:
        return None
    gains = [after - before for _, after, before in found]
    scores = [after for _, after, _ in found]
    return Gain(
        min(gains), sum(gains) / len(gains), max(gains), (min(scores), max(scores)), len({name for name, _, _ in found})
    )


def fewest_documents(family: str, takes: str) -> int:
    """Return the size of the smallest corpus on which the family gained anything."""
    own = [one for one in measured() if (one.family, one.takes) == (family, takes)]
    return min(
        (one.documents for one in own if any(after > before for after, before in one.scores.values())), default=0
    )


def _apart(one: float, other: float) -> float:
    """Return how many times the smaller number the larger one is; both are above 0."""
    return max(one, other) / min(one, other)


def _measured(scores: dict[str, list[float]], task: str = "classify", takes: str = "text", **rest: Any) -> Measured:
    by_labels = {int(labels): (pair[0], pair[1]) for labels, pair in scores.items()}
    return Measured(task=task, takes=takes, scores=by_labels, **rest)
