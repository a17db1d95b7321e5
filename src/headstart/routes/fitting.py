"""Training a network on labelled rows: what the routes share that do so, and what each of them may say of its own.

A route says which weights it starts from, what is put into a copy of them (`adapt`), what learns when (`stages`), and
what becomes of it at the end (`settle`); scratch and finetune differ in the weights they hand in, in nothing else.

The learning rate is chosen like every other row's setting (`choose.py`): held-out folds, one-standard-error rule. Few
rows are judged on three folds; from 1,000 rows on one fold already holds 200 rows out. The inner fits and the last one
share the caller's seconds. The head learns alone first: on NSMC with 64 labels that gave .730 instead of .709.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch

from headstart.base import registry
from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Head, Rows
from headstart.base.device import pick_compute_dtype, pick_device
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import numpy_generator
from headstart.base.spec import HeadSpec
from headstart.data.framing import take_rows
from headstart.routes.checks import no_base, one_class, targets_of
from headstart.routes.choose import folds_of, nearest_good
from headstart.routes.clock import CUT, Clock
from headstart.routes.craft import ENOUGH, MOST_LOOKS, Craft, fit_best, hold_out
from headstart.routes.head_start import start_from_probe
from headstart.routes.network_model import NetworkModel, frame
from headstart.routes.supervised import LabelledBatches, LabelledRows, Supervised, predict
from headstart.routes.workspace import Workspace
from headstart.training.artefact import Artefact, trainable_copy
from headstart.training.plan import TrainPlan

FACTORS = (0.3, 1.0, 3.0)  # of the usual rate
_HELD_ROWS = 200  # held-out rows that are enough to judge a rate
_MOST_FOLDS = 3  # each costs a fit per factor
_INNER_SHARE = 0.6  # of the seconds, at most, for choosing
_HEAD_SHARE = 0.25  # of the seconds of one fit, at most, for the head alone
_SLICE = 32  # held-out rows answered between two looks at the clock


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a fit.

    layers: how many of those of the network, counted from the output, learn beside the head. plan: steps, peak rate and
    schedule; the fit fills in seed and seconds. share: of the seconds that are left when it begins, at most.
    """

    plan: TrainPlan
    layers: int
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class NetworkFit(Craft):
    """Settings and behaviour of a route that trains a network; a route adds its start and its usual rate.

    rate: usual peak rate (None = `usual` / width); choose_rate: whether FACTORS of it are tried on held-out rows;
    hurried: the factor where time does not allow one whole fit.
    head_steps, head_rate: steps in which only the head learns, so that its random start does not spoil the network
    (Kumar et al. 2022, arXiv:2202.10054); a head of one linear layer is solved instead, see `head_start.py`.
    epochs: over the rows, but at least `least_steps` steps of `batch` rows.
    layer_decay: factor of the rate per layer, output to input (1 = the same everywhere). Further settings: `Craft`.
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

    @property
    def virtual(self) -> int:
        """How many of the network's last words are put in front of every text (`prompt`)."""
        return 0

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace) or one_class(examples) or _head_of(examples).refuses(workspace.base.backbone)

    def base(self, examples: Examples, workspace: Workspace) -> Artefact:
        """Return the workspace's base. Raises HeadstartError when the route cannot run here."""
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(f"this route cannot run: {refusal}")
        return workspace.base

    def usual_rate(self, backbone: Backbone) -> float:
        """Return the peak rate whose FACTORS are tried."""
        return self.usual / backbone.width

    def adapt(self, backbone: Backbone) -> None:
        """Put into a copy of the network what is to learn in it; what needs no gradient afterwards is never trained.

        Called with torch's global seed set.
        """

    def stages(self, layers: int, per_epoch: int, rate: float) -> list[Stage]:
        """Return what learns when: the head alone, then everything. layers: of the network that there are to learn."""
        steps = max(self.least_steps, self.epochs * per_epoch)
        return [*self.head_first(), Stage(layers=layers, plan=self.plan(steps, rate))]

    def head_first(self) -> list[Stage]:
        """Return the stage in which the head learns alone, unless it is set to no steps."""
        if not self.head_steps:
            return []
        return [
            Stage(layers=0, share=_HEAD_SHARE, plan=TrainPlan(steps=self.head_steps, rate=self.head_rate, final=0.0))
        ]

    def plan(self, steps: int, rate: float) -> TrainPlan:
        """Return how a stage is trained in which the network learns: up for a tenth of the steps, then down to 0."""
        return TrainPlan(
            steps=steps,
            rate=rate,
            warmup=0.1,
            hold=0.1,
            final=0.0,
            weight_decay=self.weight_decay,
            layer_decay=self.layer_decay,
        )

    def settle(self, backbone: Backbone, start: Artefact) -> dict[str, object]:
        """Make an ordinary network again of the trained copy of `start`; return what the notes should tell."""
        return {}

    def load(self, folder: Path) -> NetworkModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return NetworkModel.load(folder)


def _head_of(examples: Examples) -> HeadSpec:
    """Return the head that answers what is asked of these rows."""
    return registry.load("head", registry.load("task", examples.task).head)()


class _Trained(NamedTuple):
    """A trained copy, its head, the steps in which the network learned, whether those were all, and what to note."""

    artefact: Artefact
    head: Head
    steps: int
    whole: bool
    notes: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What all fits of one run have in common. usual: the rate whose FACTORS are tried; see `fit_network`."""

    start: Artefact
    examples: Examples
    settings: NetworkFit
    seed: int
    spec: HeadSpec
    rows: Rows
    usual: float


def fit_network(
    start: Artefact, examples: Examples, settings: NetworkFit, *, seed: int, seconds: float | None
) -> NetworkModel:
    """Train a copy of `start` and a new head as `settings` say. Raises HeadstartError: no rows, no answers, one class.

    Without `seconds` the result is a function of the arguments and of the number format, which is measured once a
    process (`dtype` in the notes); with it the clock may end the choice or the training early, which the notes tell.
    """
    clock = Clock(seconds)
    targets_of(examples)
    spec = _head_of(examples)
    if start.pooling and hasattr(spec, "pooling"):  # a sentence model's pooler, if it has one, was never trained
        spec = replace(spec, pooling=start.pooling)
    usual = settings.rate or settings.usual_rate(start.backbone)
    rows = frame(spec, start, examples, settings.virtual)
    work = _Work(start=start, examples=examples, settings=settings, seed=seed, spec=spec, rows=rows, usual=usual)
    factor, tried = 1.0, 0
    if settings.choose_rate:
        factor, tried = _choose_factor(work, Clock(None if seconds is None else seconds * _INNER_SHARE))
    left = None if seconds is None else max(clock.left, 0.05 * seconds, 0.1)
    trained = _train(work, np.arange(len(examples)), usual * factor, left)
    notes = {"rate": usual * factor, "steps": trained.steps, CUT: not trained.whole}
    notes |= {"inner_fits": tried, "rows_cut": rows.cut}
    notes["dtype"] = str(pick_compute_dtype(pick_device().type).dtype).removeprefix("torch.")
    notes |= trained.notes | trained.head.notes(examples, rows)
    pairs = examples.second is not None
    return NetworkModel(
        trained.artefact, trained.head, examples.classes, pairs, notes, examples.task, prompt=settings.virtual
    )


def _train(work: _Work, chosen: np.ndarray, rate: float, seconds: float | None) -> _Trained:
    """Return a copy trained on the chosen examples, with its head, whose start is a function of `seed`."""
    settings, rows, clock = work.settings, work.rows, Clock(seconds)
    artefact = trainable_copy(work.start)
    backbone = artefact.backbone
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(numpy_generator(work.seed, "head").integers(2**31)))
        head = work.spec.build(backbone, artefact.tokenizer, work.examples.classes)
        settings.adapt(backbone)
    head.to(next(backbone.parameters()).device)
    head.inherit(work.start.objective)
    chosen, held = hold_out(work.examples, chosen, settings.patience, work.seed)
    head.prepare(work.examples.take(chosen))
    pieces = np.flatnonzero(np.isin(rows.owner_R, chosen))
    labelled = LabelledRows(rows, head.targets(work.examples, rows))
    batches = LabelledBatches(labelled, pieces, size=settings.batch, seed=work.seed)
    layers = _layers(backbone, head, labelled.batch(pieces[[labelled.lengths_R[pieces].argmax()]]))
    unseen = labelled.batches(np.flatnonzero(np.isin(rows.owner_R, held)))
    objective = Supervised(head, settings, artefact.tokenizer)
    steps, begun_stages, whole = 0, 0, True
    for stage in settings.stages(len(layers), batches.per_epoch, rate):
        if stage.layers == 0 and not any(parameter.requires_grad for parameter in head.parameters()):
            continue
        if begun_stages and clock.out:  # a single slow step may have used it up
            whole = False
            break
        begun_stages += 1
        if stage.layers == 0 and start_from_probe(head, backbone, labelled, pieces, clock.share(stage.share)):
            continue
        for height, layer in enumerate(reversed(layers)):
            for parameter in layer:
                parameter.requires_grad_(height < stage.layers)
        looks = max(batches.per_epoch, stage.plan.steps // MOST_LOOKS)
        more = {"seed": work.seed, "optimizer": settings.optimizer, "evaluate_steps": looks}
        plan = replace(stage.plan, seconds=clock.share(stage.share), **more)
        made = fit_best(objective, backbone, batches, plan, unseen if stage.layers else [], settings.patience)
        if stage.layers:
            steps, whole = steps + made.step, whole and (made.step >= plan.steps or made.stopped == ENOUGH)
    notes = settings.settle(backbone, work.start)
    backbone.requires_grad_(True)
    return _Trained(artefact, head, steps, whole, notes)


def _layers(backbone: Backbone, head: Head, batch: Batch) -> list[list[torch.nn.Parameter]]:
    """Return the parameters that can learn by layer, input to output, and freeze those that the head does not reach.

    A head on the tokens does not reach a pooler, nor one on an encoder the decoder: they would be stages in which
    nothing happens. batch: any rows.
    """
    with torch.random.fork_rng(devices=[]):
        head.score(backbone, batch.to(next(backbone.parameters()).device)).total.backward()
    layers = [[parameter for parameter in group if parameter.grad is not None] for group in backbone.groups()]
    for parameter in backbone.parameters():
        parameter.requires_grad_(parameter.grad is not None)
        parameter.grad = None
    head.zero_grad()
    return [layer for layer in layers if layer]


def _choose_factor(work: _Work, clock: Clock) -> tuple[float, int]:
    """Return (factor of the usual rate, inner fits made); the usual one when time or rows do not allow a choice."""
    slowest, tried, held_rows = 0.0, 0, 0
    quality: list[np.ndarray] = []
    for train, held in folds_of(work.examples, seed=work.seed)[:_MOST_FOLDS]:
        if held_rows >= _HELD_ROWS:
            break
        columns = []
        for factor in FACTORS:
            # A fold is judged whole or not at all; a first fit that would not end in time three times over is given up.
            fit, to_come = Clock(None), len(FACTORS) - len(columns)
            if slowest * to_come > clock.left:
                break
            trained = _train(work, train, work.usual * factor, clock.share(1 / to_come))
            tried += 1
            if not trained.whole and not quality:  # not even one fit comes to its end: all time for the one that counts
                return work.settings.hurried, tried
            judged = _quality(work, trained, held, clock)
            if judged is None:
                break
            columns.append(judged)
            slowest = max(slowest, fit.used)
        if len(columns) < len(FACTORS):
            break
        quality.append(np.stack(columns, axis=1))
        held_rows += len(held)
    if not quality:
        return 1.0, tried
    return FACTORS[nearest_good(np.concatenate(quality), FACTORS.index(1.0))], tried


def _quality(work: _Work, trained: _Trained, held: np.ndarray, clock: Clock) -> np.ndarray | None:
    """Return how good the network's answers to the held-out examples are, [held], or None when time runs out."""
    task, parts = registry.load("task", work.examples.task)(), []
    for some in np.array_split(np.sort(held), -(-len(held) // _SLICE)):
        if clock.out:
            return None
        kept, asked = take_rows(work.rows, some), work.examples.take(some)
        answers = trained.head.answers(predict(trained.artefact, trained.head, kept), kept, asked)
        parts.append(task.quality(answers, asked))
    return np.concatenate(parts)
