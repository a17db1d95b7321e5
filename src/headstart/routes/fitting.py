"""Training a whole network on labelled rows; scratch and finetune differ in the weights they hand in, in nothing else.

The learning rate is chosen like every other row's setting (`choose.py`): held-out folds, one-standard-error rule. Few
rows are judged on three folds; from 1,000 rows on one fold already holds 200 rows out. The inner fits and the last one
share the caller's seconds. The head learns alone first: on NSMC with 64 labels that gave .730 instead of .709.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch

from headstart.base import registry
from headstart.base.contracts import Head, Rows
from headstart.base.device import pick_compute_dtype, pick_device
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import numpy_generator
from headstart.base.spec import HeadSpec
from headstart.data.framing import take_rows
from headstart.routes.checks import no_base, one_class, targets_of
from headstart.routes.choose import make_folds, nearest_good
from headstart.routes.network_model import NetworkModel
from headstart.routes.supervised import LabelledBatches, LabelledRows, Supervised, frame_for, predict
from headstart.routes.workspace import Workspace
from headstart.training.artefact import Artefact, trainable_copy
from headstart.training.loop import fit
from headstart.training.plan import TrainPlan

FACTORS = (0.3, 1.0, 3.0)  # of the usual rate
_HELD_ROWS = 200  # held-out rows that are enough to judge a rate
_MOST_FOLDS = 3  # each costs a fit per factor
_INNER_SHARE = 0.6  # of the seconds, at most, for choosing


@dataclass(frozen=True, kw_only=True)
class NetworkFit:
    """Settings and behaviour of a route that trains a whole network; a route adds its start and its usual rate.

    rate: usual peak rate (None = `usual` / width); choose_rate: whether FACTORS of it are tried on held-out rows;
    hurried: the factor where time does not allow one whole fit.
    head_steps, head_rate: steps in which only the head learns, so that its random start does not spoil the network
    (Kumar et al. 2022, arXiv:2202.10054). epochs: over the rows, but at least `least_steps` steps of `batch` rows.
    layer_decay: factor of the rate per layer, output to input (1 = the same everywhere).
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    tasks: ClassVar[tuple[str, ...] | None] = None
    usual: ClassVar[float]
    hurried: ClassVar[float] = 1.0
    rate: float | None = None
    choose_rate: bool = True
    epochs: int = 10
    least_steps: int = 60
    batch: int = 16
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    head_steps: int = 60
    head_rate: float = 1e-2

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace) or one_class(examples) or _head_of(examples).refuses(workspace.base.backbone)

    def base(self, examples: Examples, workspace: Workspace) -> Artefact:
        """Return the workspace's base. Raises HeadstartError when the route cannot run here."""
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(f"this route cannot run: {refusal}")
        return workspace.base

    def load(self, folder: Path) -> NetworkModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return NetworkModel.load(folder)


def _head_of(examples: Examples) -> HeadSpec:
    """Return the head that answers what is asked of these rows."""
    return registry.load("head", registry.load("task", examples.task).head)()


class _Trained(NamedTuple):
    """A trained copy, its head, the steps made, and whether those were all that were planned."""

    artefact: Artefact
    head: Head
    steps: int
    whole: bool


def fit_network(
    start: Artefact, examples: Examples, settings: NetworkFit, *, seed: int, seconds: float | None
) -> NetworkModel:
    """Train every weight of a copy of `start` and a new head. Raises HeadstartError: no rows, no answers, one class.

    Without `seconds` the result is a function of the arguments and of the number format, which is measured once a
    process (`dtype` in the notes); with it the clock may end the choice or the training early, which the notes tell.
    """
    begun = time.monotonic()
    targets_of(examples)
    spec = _head_of(examples)
    usual = settings.rate or settings.usual / start.backbone.width
    rows = frame_for(spec, start, examples)
    inner = None if seconds is None else seconds * _INNER_SHARE
    factor, tried = 1.0, 0
    if settings.choose_rate:
        factor, tried = _choose_factor(start, spec, rows, examples, settings, usual, seed, inner)
    left = None if seconds is None else max(seconds - (time.monotonic() - begun), 0.05 * seconds, 0.1)
    everything = np.arange(len(examples))
    artefact, head, steps, _ = _train(start, spec, rows, everything, examples, settings, usual * factor, seed, left)
    notes = {"rate": usual * factor, "steps": steps, "inner_fits": tried, "rows_cut": rows.cut}
    notes["dtype"] = str(pick_compute_dtype(pick_device().type).dtype).removeprefix("torch.")
    notes |= head.notes(examples, rows)
    return NetworkModel(artefact, head, examples.classes, examples.second is not None, notes, examples.task)


def _train(
    start: Artefact,
    spec: HeadSpec,
    rows: Rows,
    chosen: np.ndarray,
    examples: Examples,
    settings: NetworkFit,
    rate: float,
    seed: int,
    seconds: float | None,
) -> _Trained:
    """Return a copy trained on the chosen examples, with its head, whose start is a function of `seed`."""
    artefact = trainable_copy(start)
    device = next(artefact.backbone.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(numpy_generator(seed, "head").integers(2**31)))
        head = spec.build(artefact.backbone, artefact.tokenizer, examples.classes).to(device)
    head.inherit(start.objective)
    head.prepare(examples)
    pieces = np.flatnonzero(np.isin(rows.owner_R, chosen))
    batches = LabelledBatches(LabelledRows(rows, head.targets(examples, rows)), pieces, size=settings.batch, seed=seed)
    begun = time.monotonic()
    if settings.head_steps and any(parameter.requires_grad for parameter in head.parameters()):
        artefact.backbone.requires_grad_(False)
        allowed = None if seconds is None else 0.25 * seconds
        first = TrainPlan(steps=settings.head_steps, seconds=allowed, rate=settings.head_rate, final=0.0, seed=seed)
        fit(Supervised(head), artefact.backbone, batches, first)
        artefact.backbone.requires_grad_(True)
    plan = TrainPlan(
        steps=max(settings.least_steps, settings.epochs * batches.per_epoch),
        seconds=None if seconds is None else max(seconds - (time.monotonic() - begun), 0.05),
        rate=rate,
        warmup=0.1,
        hold=0.1,
        final=0.0,
        weight_decay=settings.weight_decay,
        layer_decay=settings.layer_decay,
        seed=seed,
    )
    result = fit(Supervised(head), artefact.backbone, batches, plan)
    return _Trained(artefact, head, result.step, result.step >= plan.steps)


def _choose_factor(
    start: Artefact,
    spec: HeadSpec,
    rows: Rows,
    examples: Examples,
    settings: NetworkFit,
    usual: float,
    seed: int,
    seconds: float | None,
) -> tuple[float, int]:
    """Return (factor of the usual rate, inner fits made); the usual one when time or rows do not allow a choice."""
    begun, slowest, tried = time.monotonic(), 0.0, 0
    quality: list[np.ndarray] = []
    held_rows = 0
    strata_N = np.zeros(len(examples), np.int64) if examples.labels is None else examples.labels
    # Questions about one passage stay together: held-out ones are about passages that were not seen.
    groups = examples.second if examples.groups is None and examples.task == "answer" else examples.groups
    for train, held in make_folds(strata_N, seed=seed, groups=groups)[:_MOST_FOLDS]:
        if held_rows >= _HELD_ROWS:
            break
        columns = []
        for factor in FACTORS:
            # A fold is judged whole or not at all; a first fit that would not end in time three times over is given up.
            used = time.monotonic() - begun
            if seconds is not None and used + slowest * (len(FACTORS) - len(columns)) > seconds:
                break
            allowed = None if seconds is None else (seconds - used) / (len(FACTORS) - len(columns))
            artefact, head, _, whole = _train(
                start, spec, rows, train, examples, settings, usual * factor, seed, allowed
            )
            if not whole and not quality:  # not even one fit comes to its end: all time for the fit that counts
                return settings.hurried, tried + 1
            columns.append(_quality(artefact, head, rows, held, examples))
            slowest = max(slowest, time.monotonic() - begun - used)
            tried += 1
        if len(columns) < len(FACTORS):
            break
        quality.append(np.stack(columns, axis=1))
        held_rows += len(held)
    if not quality:
        return 1.0, tried
    return FACTORS[nearest_good(np.concatenate(quality), FACTORS.index(1.0))], tried


def _quality(artefact: Artefact, head: Head, rows: Rows, held: np.ndarray, examples: Examples) -> np.ndarray:
    """Return how good the network's answers to the held-out examples are, [held]."""
    kept, asked = take_rows(rows, held), examples.take(held)
    answers = head.answers(predict(artefact, head, kept), kept, asked)
    return np.array(registry.load("task", examples.task)().quality(answers, asked))
