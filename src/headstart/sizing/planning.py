"""What a budget buys: each family that fits the data, tried for seconds on its own first batches."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headstart.core.files import make_folder
from headstart.core.item_nouns import some_items
from headstart.core.json_files import read_json, write_json
from headstart.core.shapes import TokenShape
from headstart.data.corpus import Corpus
from headstart.sizing.default_recipe import choose_recipe, resolved
from headstart.sizing.evidence import Gain, fewest_documents, gain
from headstart.sizing.facts import Facts
from headstart.training.from_base import from_base
from headstart.training.pace import Forecast, Pace, forecast, measured_pace, trial_seconds
from headstart.training.prepare import prepared
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run import training_seconds
from headstart.training.run_folder import RunFolder
from headstart.training.run_spec import RunSpec
from headstart.training.warm_start import default_objective

LADDER = (2.0, 10.0, 30.0, 120.0)  # minutes that the table shows beside those that are asked for
CONTINUED = "continued"  # the family of runs that go on from a checkpoint
FAMILIES = {"text": ("halves", "mlm"), "image": ("views",)}  # objectives that are compared for each kind of items


@dataclass(frozen=True)
class Trial:
    """What a run cost in a process of its own. preparing: seconds before its first step; documents: of the text.

    vocabulary: ids, 0 where there are none; parameters: of the network; epoch: tokens or images of one pass.
    """

    pace: Pace
    preparing: float
    documents: int
    vocabulary: int
    parameters: int
    epoch: int

    @classmethod
    def read(cls, path: Path) -> Trial:
        """Return what `tried` wrote."""
        data = read_json(path)
        return cls(**data | {"pace": Pace(**data["pace"])})

    def scaled(self, larger: float) -> Trial:
        """Return what it costs with a corpus so many times as large; a vocabulary and its network stay as they are."""
        more = {"preparing": self.preparing * larger, "documents": round(self.documents * larger)}
        return dataclasses.replace(self, epoch=round(self.epoch * larger), **more)


@dataclass(frozen=True)
class Row:
    """A family at a budget. gain: what it gained elsewhere, None = never measured."""

    minutes: float
    family: str
    spec: RunSpec
    trial: Trial
    forecast: Forecast
    gain: Gain | None

    @property
    def network(self) -> str:
        """The backbone with its size, in words."""
        sizes = self.spec.backbone.to_dict()
        size = f" {sizes['depth']} x {sizes['width']}" if {"depth", "width"} <= sizes.keys() else ""
        return f"{self.spec.backbone.name}{size}, {self.trial.parameters / 1e6:.1f} M"

    @property
    def epochs(self) -> float:
        """Passes over the corpus."""
        return self.forecast.units / max(self.trial.epoch, 1)


def tried(spec: RunSpec, folder: Path, out: Path) -> None:
    """Prepare a run in `folder`, time its first steps and write what that cost to `out`; for a process of its own.

    A folder that holds the same processor and store already is used as it is. Raises HeadstartError: see `prepared`.
    """
    begun = time.monotonic()
    make_folder(folder)
    run = prepared(spec, Corpus(**spec.corpus), RunFolder(folder), "", lambda text: None)
    preparing = time.monotonic() - begun
    pace = measured_pace(spec.training, run, trial_seconds(spec.training), folder)
    shape = run.processor.shape
    found = Trial(
        pace=pace,
        preparing=preparing,
        documents=run.ledger["used"],
        vocabulary=shape.vocabulary if isinstance(shape, TokenShape) else 0,
        parameters=sum(p.numel() for p in run.backbone.parameters()),
        epoch=run.batches.units_per_epoch,
    )
    write_json(out, dataclasses.asdict(found))


class Planner:
    """Makes rows of what is tried, each run of the same parts once.

    corpus: keyword arguments of `Corpus`; tried: returns what a run costs, None where there is no time for it; base: of
    a checkpoint to go on from.
    """

    def __init__(
        self, corpus: dict[str, Any], takes: str, tried: Callable[[RunSpec], Trial | None], base: Path | None = None
    ) -> None:
        self.corpus, self.takes, self._tried = corpus, takes, tried
        self._base = None if base is None else PretrainedModel.open(base)
        self._known: list[tuple[RunSpec, Trial | None]] = []

    def facts(self, minutes: float) -> Facts:
        """Return what a recipe looks at."""
        return Facts(self.corpus, 60 * minutes, None, 0, torch.cuda.is_available(), self.takes)

    def first_choice(self, minutes: float) -> str:
        """Return the family that `pretrain` takes by itself."""
        return CONTINUED if self._base is not None else choose_recipe(None, self.facts(minutes))[0].objective

    def rows(self, minutes: float, task: str, labels: int, families: Sequence[str] = ()) -> list[Row]:
        """Return a row per family that there was time for, the usual one first; families: none = all that fit."""
        default = self.first_choice(minutes)
        asked = families or [default, *(name for name in FAMILIES[self.takes] if name != default)]
        found = ((family, spec, self._trial(spec)) for family in asked for spec in [self._spec(family, minutes)])
        of = {"takes": self.takes, "task": task, "labels": labels}
        return [row_of(family, spec, trial, minutes, of) for family, spec, trial in found if trial is not None]

    def _spec(self, family: str, minutes: float) -> RunSpec:
        """Return the run of a family for the budget, as `pretrain` would make it."""
        facts = self.facts(minutes)
        if family == CONTINUED:
            name = default_objective(self._base)
            return from_base(resolved(choose_recipe(name, facts)[0], name, facts), self._base)
        return resolved(choose_recipe(family, facts)[0], family, facts)

    def _trial(self, spec: RunSpec) -> Trial | None:
        for known, trial in self._known:
            if _same_parts(known, spec):
                return trial
        self._known.append((spec, self._tried(spec)))
        return self._known[-1][1]


def row_of(family: str, spec: RunSpec, trial: Trial, minutes: float, of: dict[str, Any]) -> Row:
    """Return what the run comes to at that budget; trial: of the same parts at any budget; of: see `gain`."""
    training = dataclasses.replace(spec.training, seconds=training_seconds(60 * minutes, trial.preparing))
    if spec.batches.epochs is not None:
        a_pass = max(trial.epoch / trial.pace.units, 1)
        training = dataclasses.replace(training, steps=max(1, round(spec.batches.epochs * a_pass)))
    planned = forecast(training, trial.pace, trial.preparing)
    return Row(minutes, family, spec, trial, planned, gain(family, minutes=minutes, **of))


def _same_parts(one: RunSpec, other: RunSpec) -> bool:
    """Whether two runs cost the same per step: they differ in their budget and its schedule alone."""
    parts = ("processor", "backbone", "objective", "batches", "vocabulary", "base")
    return all(getattr(one, name) == getattr(other, name) for name in parts)


@dataclass(frozen=True)
class Advice:
    """row: what to train, None = do not pre-train; reason: in words."""

    row: Row | None
    reason: str


def advise(rows: Sequence[Row], default: str, takes: str) -> Advice:
    """Return which of the rows of one budget to train. default: the family that `pretrain` takes by itself.

    A family is advised against where it gained on no set; too few documents where it never was worth it on so few.
    """
    row = next((row for row in rows if row.family == default), rows[0])
    fewest, documents = fewest_documents(default, takes), row.trial.documents
    if documents < fewest:
        told = f"{documents:,} {some_items(takes)}, and it was never worth it on fewer than {fewest:,}"
        return Advice(None, told)
    others = sorted((one for one in rows if one.gain is not None), key=lambda one: one.gain.middle, reverse=True)
    best = next(iter(others), row)
    if best.gain is not None and best.gain.high <= 0:
        return Advice(None, f"it gained on none of the sets that were measured ({best.gain.text()})")
    if row.gain is None and best.gain is None:
        return Advice(row, "nothing near this budget was measured; `headstart compare` tells whether it paid")
    return Advice(best, f"gained {best.gain.text()} over the best row without pre-training")
