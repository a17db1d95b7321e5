"""Runs that die at a chosen batch and go on from their last checkpoint, beside the run that never died."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from disk_gates import FAMILIES, QUICK, trained
from old_artefacts import HOME
from program import headstart

from headstart.training import loop
from headstart.training.parallel import Network

AFTER = 20  # steps that are compared after the last death, at least
# Where a run dies: after a whole step in mid-epoch or at the end of an epoch, or between two batches of a step.
MOMENTS = ("mid-epoch", "epoch end", "mid-accumulation")
_SMALL = ("backbone.width=16", "backbone.depth=1", "backbone.heads=2", "batches.tokens=256")
# By objective: how a tiny run of it is asked for. Images are changed at random, running text is carried.
OBJECTIVES: dict[str, tuple] = FAMILIES | {
    "halves": ("--objective", "halves", "--vocabulary", 60, "backbone.width=8", "backbone.mlp_width=8",
               "batches.tokens=1024"),
    "views": ("--objective", "views", "backbone.width=4", "batches.images=12"),
    "causal": ("--objective", "causal", "--vocabulary", 270, *_SMALL[:-1], "batches.tokens=1024"),
    "span": ("--objective", "span", "--vocabulary", 163, *_SMALL),
    "rtd": ("--objective", "rtd", "--vocabulary", 60, *_SMALL),
    "mlm_nsp": ("--objective", "mlm_nsp", "--vocabulary", 60, *_SMALL),
    "bilm": ("--recipe", "elmo", "--unit", "line", "backbone.width=16", "batches.tokens=128", "batches.max_length=16"),
    "skipgram": ("--objective", "skipgram", "backbone.width=8", "batches.tokens=100"),
    "cbow": ("--objective", "cbow", "backbone.width=8", "batches.tokens=100"),
    "mae": ("--objective", "mae", "backbone.width=16", "backbone.depth=1", "backbone.heads=2", "batches.images=12"),
    "vicreg": ("--objective", "vicreg", "backbone.width=4", "batches.images=12"),
}  # fmt: skip
IMAGES = ("views", "mae", "vicreg")


class Died(BaseException):
    """The process is gone: nothing of it goes on."""


@dataclass
class _Seen:
    """What a run did: the epochs of the batches of each step."""

    epochs: list[list[int]] = field(default_factory=list)


@contextlib.contextmanager
def watched(dies: tuple[int, int] | None = None) -> Iterator[_Seen]:
    """Watch the steps of the one loop; dies: at which batch (from 0) of the step after so many the run dies."""
    seen, at = _Seen(), [0, 0]
    read, step, score = loop._Run._read, loop._Run.step, Network.score

    def reading(run: loop._Run, number: int, seconds: float) -> list:
        found = read(run, number, seconds)
        seen.epochs.append([share.whole.epoch for share in found])
        return found

    def stepping(run: loop._Run) -> None:
        at[:] = [run.state.step, 0]
        step(run)

    def scoring(network: Network, batch: object, phase: str = "") -> object:
        if network.backbone.training:
            if dies is not None and at == [dies[0], dies[1]]:
                raise Died
            at[1] += 1
        return score(network, batch, phase)

    with (
        mock.patch.object(loop._Run, "_read", reading),
        mock.patch.object(loop._Run, "step", stepping),
        mock.patch.object(Network, "score", scoring),
    ):
        yield seen


@dataclass(frozen=True)
class Resumed:
    """other: names of tensors and lines that differ from those of the run that never died; cuts: where it died."""

    other: list[str]
    cuts: tuple[int, int]
    carried: int


def resumed_twice(
    objective: str,
    moment: str,
    home: Path,
    images: Path,
    plant: Callable[[], contextlib.AbstractContextManager] | None = None,
) -> Resumed:
    """Let a run die twice at such moments; plant: a fault under which it goes on."""
    corpus = images if objective in IMAGES else _sentences(home / "text.txt")
    accumulate = 1 if moment == "epoch end" else 2
    command = ("pretrain", corpus, *OBJECTIVES[objective], *QUICK, f"training.accumulate={accumulate}")
    cut = _cut(command, home, moment, accumulate)
    command = (*command, f"training.save_steps={cut}", "--steps", 2 * cut + AFTER)
    _run(*command, "--out", home / "whole")
    for number, resume in ((cut, ()), (2 * cut, ("--resume",))):
        with (
            watched((number, 1 if moment == "mid-accumulation" else 0)),
            plant() if plant else contextlib.nullcontext(),
        ):
            _run(*command, "--out", home / "cut", *resume, code=1)
    with plant() if plant else contextlib.nullcontext():
        said = _run(*command, "--out", home / "cut", "--resume")
    assert f"resumed from step-{2 * cut:09d}" in said
    one, two = trained(home / "whole"), trained(home / "cut")
    other = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    return Resumed(other, (cut, 2 * cut), sum(name.startswith("carry.") for name in one))


def _sentences(path: Path) -> Path:
    """Write documents of two sentences: the words of a line of the old text, twice."""
    lines = (HOME / "text.txt").read_text().splitlines()
    path.write_text("".join(f"{line}. {other}.\n" for line, other in zip(lines, reversed(lines))))
    return path


def _cut(command: tuple, home: Path, moment: str, accumulate: int) -> int:
    """After how many steps the run dies first; it dies again after twice as many."""
    with watched() as seen:
        _run(*command, "--out", home / "tried", "--steps", 24)
    batches = [epoch for step in seen.epochs for epoch in step]
    per_epoch = batches.index(batches[0] + 1)
    whole = [step for step in range(3, 20) if (step * accumulate) % per_epoch == 0]
    parts = [step for step in range(3, 20) if (step * accumulate) % per_epoch and (2 * step * accumulate) % per_epoch]
    return (whole if moment == "epoch end" else parts)[0]


def _run(*arguments: object, code: int = 0) -> str:
    """Run the program; a death (code 1) is none of its own faults."""
    ran = headstart(*arguments)
    assert ran.code == code, ran.err
    assert code == 0 or "Died" in ran.err, ran.err
    return ran.err
