"""Training a network on labelled rows: the fit that scratch, finetune, unfreeze, lora, prompt and continued share.

A route defines the weights it starts from, the parts added to a copy of them (`adapt`), which layers are trained when
(`stages`), and the final network (`settle`). The routes scratch and finetune differ in the starting weights only.

The learning rate is chosen by `model_selection.py`: held-out folds, one-standard-error rule. Few rows are judged on
three folds; with 1,000 rows or more, one fold holds out 200 rows, which are enough. The inner fits and the final fit
share the caller's seconds; where a few timed steps tell that these allow no inner fit per factor, none is begun. The
head is trained alone first: on NSMC with 64 labels this gave .730 instead of .709.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch

from headstart.core import registry
from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Head, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Adapter
from headstart.core.reason import Reason, cannot_run
from headstart.core.seeds import numpy_generator
from headstart.core.spec import HeadSpec
from headstart.core.workspace import RouteWorkspace
from headstart.data.encode_examples import take_pieces
from headstart.fitting.checks import no_base, one_class, targets_of
from headstart.fitting.early_stopping import ENOUGH, MOST_LOOKS, fit_best, hold_out
from headstart.fitting.linear_probe_init import start_from_probe
from headstart.fitting.model_selection import FOLDS, RowFacts, folds_of, nearest_good
from headstart.fitting.network_model import NetworkModel, encode_with_prompt
from headstart.fitting.network_steps import learning_layers, seconds_per_step
from headstart.fitting.regularisation import Regularisation
from headstart.fitting.supervised import LabelledBatches, LabelledPieces, Supervised, head_outputs, weights_of
from headstart.fitting.time_budget import CUT, Clock
from headstart.images.averaged_views import Views
from headstart.training.curves import curve
from headstart.training.plan import TrainPlan, measured_dtype
from headstart.training.pretrained_model import PretrainedModel, trainable_copy

FACTORS = (0.3, 1.0, 3.0)  # of the default learning rate
_HELD_ROWS = 200  # held-out rows that are enough to judge a learning rate
_MOST_FOLDS = 3  # each costs a fit per factor
_INNER_SHARE = 0.6  # of the seconds, at most, for choosing
_HEAD_SHARE = 0.25  # of the seconds of one fit, at most, for the head alone
# Of these seconds for solving it instead: banking77 in one minute, MiniLM on one core, .893 and .876 with a quarter.
_PROBE_SHARE = 0.5
_LOOKED_AT = 1_000  # training rows, at most, that a head looks at when it concludes
_TRIAL_SHARE = 0.05  # of the seconds, at most, for timing steps
_SLICE = 32  # held-out rows answered between two looks at the clock


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a fit.

    layers: number of layers of the network, counted from the output, that are trained beside the head. plan: steps,
    peak learning rate and schedule; the fit fills in seed and seconds. share: largest share of the seconds left that
    the stage may take.
    """

    plan: TrainPlan
    layers: int
    share: float = 1.0


class Settled(NamedTuple):
    """notes: entries for the receipt. adapter: the low-rank updates that were merged into the network, or None."""

    notes: dict[str, object]
    adapter: Adapter | None


@dataclass(frozen=True, kw_only=True)
class NetworkFit(Regularisation):
    """Settings and behaviour of a route that trains a network; a route adds its starting weights and its learning rate.

    learning_rate: at its peak (None = `learning_rate_scale` / `Backbone.inner_width`); choose_learning_rate: whether
    FACTORS of it are tried on held-out rows; hurried: the factor where time does not allow one whole fit and the head
    is not solved beforehand (banking77 in two minutes: .890 with it, .904 without).
    head_steps, head_learning_rate: steps in which only the head learns, so that its random start does not spoil the
    network (Kumar et al. 2022, arXiv:2202.10054); a head of one linear layer is solved instead, see
    `linear_probe_init.py`. epochs: over the rows, but at least `least_steps` steps of `batch` rows. layer_decay: factor
    of the learning rate per layer, output to input (1 = the same everywhere). test_views: what the answers to an image
    are averaged over, the image alone (one), also mirrored (flip), moved towards the corners (shifts), or both. Further
    settings: `Regularisation`.
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    tasks: ClassVar[tuple[str, ...] | None] = None
    weighs: ClassVar[tuple[str, ...] | None] = ("classify", "multilabel", "regress")
    learning_rate_scale: ClassVar[float]
    hurried: ClassVar[float] = 1.0
    learning_rate: float | None = None
    choose_learning_rate: bool = True
    epochs: int = 10
    least_steps: int = 60
    batch: int = 16
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    head_steps: int = 60
    head_learning_rate: float = 1e-2
    test_views: Views = "one"

    @property
    def virtual(self) -> int:
        """Number of the last words of the vocabulary that are put in front of every text (route prompt)."""
        return 0

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if why := no_base(workspace) or one_class(examples):
            return why
        head, base = _head_of(examples), workspace.base
        if base.backbone_spec.batch not in head.batch:
            given = base.backbone_spec.batch
            return Reason(
                "head_batch",
                "head {head} reads {reads:or}, and the base reads {given}",
                head=head.name,
                reads=head.batch,
                given=given,
            )
        if self.augment != type(self)().augment and base.backbone_spec.batch != "pixels":
            return Reason("changes_no_tokens", "augment: it changes pixels, and this network reads tokens")
        if self.test_views != "one" and base.backbone_spec.batch != "pixels":
            return Reason(
                "views_no_tokens",
                "test_views={views}: versions of an image are averaged, and this network reads tokens; leave it out",
                views=self.test_views,
            )
        return head.refuses(base.backbone)

    def base(self, examples: Examples, workspace: RouteWorkspace) -> PretrainedModel:
        """Return the workspace's base. Raises HeadstartError when the route cannot run here."""
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(cannot_run(refusal))
        return workspace.base

    def default_learning_rate(self, backbone: Backbone) -> float:
        """Return the peak learning rate; FACTORS of it are tried."""
        return self.learning_rate_scale / backbone.inner_width

    def adapt(self, backbone: Backbone) -> None:
        """Add trained parts to a copy of the network; parameters without a gradient afterwards are never trained.

        Called with torch's global seed set.
        """

    def stages(self, layers: int, per_epoch: int, learning_rate: float) -> list[Stage]:
        """Return the stages: the head alone, then all layers. layers: number of trainable layers of the network."""
        steps = max(self.least_steps, self.epochs * per_epoch)
        return [*self.head_first(), Stage(layers=layers, plan=self.plan(steps, learning_rate))]

    def head_first(self) -> list[Stage]:
        """Return the stage in which the head is trained alone, or no stage if `head_steps` is 0."""
        if not self.head_steps:
            return []
        return [
            Stage(
                layers=0,
                share=_HEAD_SHARE,
                plan=TrainPlan(steps=self.head_steps, learning_rate=self.head_learning_rate, final=0.0),
            )
        ]

    def plan(self, steps: int, learning_rate: float) -> TrainPlan:
        """Return the plan of a stage that trains the network: warm-up for a tenth of the steps, decay to 0."""
        return TrainPlan(
            steps=steps,
            learning_rate=learning_rate,
            warmup=0.1,
            hold=0.1,
            final=0.0,
            weight_decay=self.weight_decay,
            layer_decay=self.layer_decay,
        )

    def settle(self, backbone: Backbone, start: PretrainedModel) -> Settled:
        """Turn the trained copy of `start` back into an ordinary network."""
        return Settled({}, None)

    def load(self, folder: Path) -> NetworkModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return NetworkModel.load(folder)


def _head_of(examples: Examples) -> HeadSpec:
    """Return the head for the task of these examples."""
    return registry.load("head", registry.load("task", examples.task).head)()


class _Parts(NamedTuple):
    """The parts of one fit: a copy of the start with a new head, and the labelled pieces.

    places: positions of the pieces to learn from; unseen: batches for early stopping.
    """

    pretrained: PretrainedModel
    head: Head
    objective: Supervised
    labelled: LabelledPieces
    places: np.ndarray
    batches: LabelledBatches
    unseen: list[Batch]
    layers: list[list[torch.nn.Parameter]]


class _Trained(NamedTuple):
    """A trained copy with its head; steps: of the network; whole: whether no step was cut."""

    pretrained: PretrainedModel
    head: Head
    steps: int
    whole: bool
    settled: Settled


@dataclass(frozen=True, kw_only=True)
class _Work:
    """Arguments that all fits of one run share. default_rate: the learning rate whose FACTORS are tried."""

    start: PretrainedModel
    examples: Examples
    settings: NetworkFit
    seed: int
    spec: HeadSpec
    pieces: Pieces
    default_rate: float


def fit_network(
    start: PretrainedModel, examples: Examples, settings: NetworkFit, *, seed: int, seconds: float | None
) -> NetworkModel:
    """Train a copy of `start` and a new head as `settings` say. Raises HeadstartError: no rows, no answers, one class.

    Without `seconds` the result is a function of the arguments and of the number format, which is measured once a
    process (`dtype` in the notes); with it the clock may end the choice or the training early, which the notes tell.
    """
    clock = Clock(seconds)
    targets_of(examples)
    spec = _head_of(examples)
    if start.pooling and "pooling" in spec.to_dict():  # a sentence model's pooler, if it has one, was never trained
        spec = replace(spec, pooling=start.pooling)
    default_rate = settings.learning_rate or settings.default_learning_rate(start.backbone)
    pieces = encode_with_prompt(spec, start, examples, settings.virtual)
    work = _Work(
        start=start,
        examples=examples,
        settings=settings,
        seed=seed,
        spec=spec,
        pieces=pieces,
        default_rate=default_rate,
    )
    factor, tried = 1.0, 0
    if settings.choose_learning_rate:
        fits, solved = (math.inf, False) if seconds is None else _whole_fits(work, seconds)
        if fits < 1:
            factor = 1.0 if solved else settings.hurried
        elif fits * _INNER_SHARE >= len(FACTORS) * (1 - 1 / FOLDS):  # a fit per factor, without the held-out rows
            factor, tried = _choose_factor(work, Clock(None if seconds is None else clock.left * _INNER_SHARE))
    left = None if seconds is None else max(clock.left, 0.05 * seconds, 0.1)
    trained = _train(work, np.arange(len(examples)), default_rate * factor, left)
    if trained.head.concludes:
        some = np.arange(len(examples))[:: -(-len(examples) // _LOOKED_AT)]
        kept = take_pieces(pieces, some)
        trained.head.conclude(head_outputs(trained.pretrained, trained.head, kept), kept, examples.take(some))
    notes = {"learning_rate": default_rate * factor, "steps": trained.steps, CUT: not trained.whole}
    notes |= {"inner_fits": tried, "rows_cut": pieces.cut}
    notes["dtype"] = measured_dtype(start.backbone_spec)
    notes |= trained.settled.notes | trained.head.notes(examples, pieces)
    pairs = examples.second is not None
    how = {"prompt": settings.virtual, "views": settings.test_views}
    model = NetworkModel(trained.pretrained, trained.head, examples.classes, pairs, notes, examples.task, **how)
    model.adapter = trained.settled.adapter
    return model


def _parts(work: _Work, chosen: np.ndarray) -> _Parts:
    """Return the parts of a fit on the chosen examples; the head's initial weights are a function of `seed`."""
    settings = work.settings
    pretrained = trainable_copy(work.start)
    backbone = pretrained.backbone
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(numpy_generator(work.seed, "head").integers(2**31)))
        head = work.spec.build(backbone, pretrained.processor, work.examples.classes)
        settings.adapt(backbone)
    head.to(next(backbone.parameters()).device)
    head.inherit(work.start.objective)
    chosen, held = hold_out(work.examples, chosen, settings.patience, work.seed)
    head.prepare(work.examples.take(chosen))
    places = np.flatnonzero(np.isin(work.pieces.owner_P, chosen))
    targets = head.targets(work.examples, work.pieces) | weights_of(work.examples, work.pieces, chosen)
    labelled = LabelledPieces(work.pieces, targets, pretrained.processor)
    batches = LabelledBatches(labelled, places, size=settings.batch, seed=work.seed)
    layers = learning_layers(backbone, head, labelled.batch(places[[labelled.cost_P[places].argmax()]]))
    unseen = labelled.batches(np.flatnonzero(np.isin(work.pieces.owner_P, held)))
    objective = Supervised(head, settings, pretrained.processor)
    return _Parts(pretrained, head, objective, labelled, places, batches, unseen, layers)


def _train(work: _Work, chosen: np.ndarray, learning_rate: float, seconds: float | None) -> _Trained:
    """Return a copy trained on the chosen examples."""
    settings, clock = work.settings, Clock(seconds)
    pretrained, head, objective, labelled, places, batches, unseen, layers = _parts(work, chosen)
    backbone = pretrained.backbone
    steps, begun_stages, whole = 0, 0, True
    for stage in settings.stages(len(layers), batches.per_epoch, learning_rate):
        if stage.layers == 0 and not any(parameter.requires_grad for parameter in head.parameters()):
            continue
        if begun_stages and clock.out:  # a single slow step may have used up the time
            whole = False
            break
        begun_stages += 1
        if stage.layers == 0 and start_from_probe(head, backbone, labelled, places, clock.share(_PROBE_SHARE)):
            continue
        for height, layer in enumerate(reversed(layers)):
            for parameter in layer:
                parameter.requires_grad_(height < stage.layers)
        looks = max(batches.per_epoch, stage.plan.steps // MOST_LOOKS)
        plan = replace(stage.plan, seconds=clock.share(stage.share), evaluate_steps=looks, **_how(work))
        with curve("network" if stage.layers else "head"):
            made = fit_best(objective, backbone, batches, plan, unseen if stage.layers else [], settings.patience)
        if stage.layers:
            steps, whole = steps + made.step, whole and (made.step >= plan.steps or made.stopped == ENOUGH)
    settled = settings.settle(backbone, work.start)
    backbone.requires_grad_(True)
    return _Trained(pretrained, head, steps, whole, settled)


def _whole_fits(work: _Work, seconds: float) -> tuple[float, bool]:
    """Return (how many fits with all their steps the seconds allow, whether the head is solved instead of trained).

    By the pace of a few steps of all layers.
    """
    parts = _parts(work, np.arange(len(work.examples)))
    stages = work.settings.stages(len(parts.layers), parts.batches.per_epoch, work.default_rate)
    plans = [replace(stage.plan, **_how(work)) for stage in stages if stage.layers]
    most = _TRIAL_SHARE * seconds
    pace = seconds_per_step(parts.objective, parts.pretrained.backbone, parts.batches, plans[-1], most)
    solved = any(not stage.layers for stage in stages) and parts.head.linear_layer() is not None
    return seconds / (pace * sum(plan.steps for plan in plans)), solved


def _how(work: _Work) -> dict[str, object]:
    """Return the settings of a plan that all stages of all fits share."""
    dtype = measured_dtype(work.start.backbone_spec)
    return {"seed": work.seed, "optimizer": work.settings.optimizer, "dtype": dtype}


def _choose_factor(work: _Work, clock: Clock) -> tuple[float, int]:
    """Return (factor of the default learning rate, number of inner fits); 1 when time or rows allow no choice."""
    slowest, tried, held_rows = 0.0, 0, 0
    quality: list[np.ndarray] = []
    for train, held in folds_of(work.examples, seed=work.seed)[:_MOST_FOLDS]:
        if held_rows >= _HELD_ROWS:
            break
        columns = []
        for factor in FACTORS:
            # A fold counts only when all factors were tried on it; it is given up when the time is too short for that.
            fit, to_come = Clock(None), len(FACTORS) - len(columns)
            if slowest * to_come > clock.left:
                break
            with curve(f"choice/rate-{work.default_rate * factor:.3g}"):
                trained = _train(work, train, work.default_rate * factor, clock.share(1 / to_come))
            tried += 1
            if not trained.whole and not quality:  # slower than its first steps: all time goes to the final fit
                return 1.0, tried
            judged = _quality(work, trained, held, clock)
            if judged is None:
                break
            columns.append(judged)
            slowest = max(slowest, fit.used)
        if len(columns) < len(FACTORS):
            break
        quality.append(RowFacts.of(work.examples).weighted(np.stack(columns, axis=1), np.sort(held)))
        held_rows += len(held)
    if not quality:
        return 1.0, tried
    return FACTORS[nearest_good(np.concatenate(quality), FACTORS.index(1.0))], tried


def _quality(work: _Work, trained: _Trained, held: np.ndarray, clock: Clock) -> np.ndarray | None:
    """Return the quality of the answers to the held-out examples, [held], or None when time runs out."""
    task, parts = registry.load("task", work.examples.task)(), []
    for some in np.array_split(np.sort(held), -(-len(held) // _SLICE)):
        if clock.out:
            return None
        kept, asked = take_pieces(work.pieces, some), work.examples.take(some)
        answers = trained.head.decode(head_outputs(trained.pretrained, trained.head, kept), kept, asked)
        parts.append(task.quality(answers, asked))
    return np.concatenate(parts)
