"""Continued pre-training on the unlabelled text by the base's own objective, then finetune (Gururangan et al. 2020)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from headstart.core import registry
from headstart.core.compatibility import need_reads
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.core.reason import Reason, reason_of
from headstart.core.spec import ObjectiveSpec, RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.data.batch_settings import BatchSpec
from headstart.data.store import HeldOutSplit, Store, memory_store
from headstart.fitting.checks import no_corpus, targets_of
from headstart.fitting.network_fit import fit_network
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.time_budget import CUT, Clock
from headstart.fitting.unlabelled import sample_documents
from headstart.routes.finetune import Finetune
from headstart.training.batching import check_usable, make_batches
from headstart.training.curves import curve
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel, trainable_copy
from headstart.training.run_folder import RunFolder
from headstart.training.run_spec import RunSpec

_AT_ONCE = 200  # documents encoded between two looks at the clock
_READING_SHARE = 0.3  # largest share of the seconds of pre-training that encoding documents may take
# For a base without a record of its training (a checkpoint of another library): BERT's learning rate for further
# pre-training (Devlin et al. 2019) and the batches of the recipes.
_TRAINING = TrainPlan(steps=1, learning_rate=1e-4)
_BATCHES = {"document": BatchSpec(tokens=65_536, max_length=2_048, bucket=False, add_special_tokens=False)}


@dataclass(frozen=True, kw_only=True)
class ContinuedPretraining(Finetune, RouteSpec):
    """objective: None = the objective of the base.

    share: share of the seconds for pre-training, done once for all draws and label counts; documents: most documents
    read; passes: most epochs; pace: factor of the peak learning rate of the base. The other settings belong to the
    fine-tuning that follows (`finetune`).
    """

    objective: str | None = None
    share: float = 0.5
    documents: int = 50_000
    passes: float = 3.0
    pace: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share < 1:
            raise HeadstartError(f"{self.label()}.share={self.share}: must be a share between 0 and 1")
        for name in ("documents", "passes", "pace"):
            if not getattr(self, name) > 0:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: must be larger than 0")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if why := super().refuses(examples, workspace) or no_corpus(workspace):
            return why
        base = workspace.base
        if self.objective is None and base.objective is None:
            return Reason(
                "no_objective",
                "{base} came without an objective to go on with; name one (continued.objective=halves)",
                base=base.name,
            )
        try:
            objective = _objective_of(self, base)
            need_reads(objective, base.backbone)
        except HeadstartError as error:
            return reason_of(error)
        if objective.teacher:
            return Reason(
                "needs_teacher",
                "objective {objective} learns from a teacher; name another one (continued.objective=mlm)",
                objective=objective.name,
            )
        return None

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Continue pre-training once per workspace, then fine-tune a copy of the resulting base on the rows.

        Every cell has the same seconds for fine-tuning; the first cell also pays for pre-training, which its notes tell
        (`continued_now`). Without `seconds` all passes are made. Raises HeadstartError: see `refuses`; no rows.
        """
        clock, base = Clock(seconds), self.base(examples, workspace)
        targets_of(examples)  # raises before the time is spent
        made = []

        def go_on() -> tuple[PretrainedModel, dict[str, object]]:
            made.append(True)
            return _go_on(self, workspace, Clock(None if seconds is None else self.share * seconds))

        key = ("continued", base.identity, self.objective, self.share, self.documents, self.passes, self.pace)
        start, notes = workspace.once(key, go_on)
        left = None if seconds is None else max(min(clock.left, (1 - self.share) * seconds), 0.1 * seconds)
        model = fit_network(start, examples, self, seed=seed, seconds=left)
        model.notes |= notes | {"continued_now": bool(made)}
        return model


def _objective_of(route: ContinuedPretraining, base: PretrainedModel) -> ObjectiveSpec:
    """Return the objective of continued pre-training."""
    return base.objective_spec if route.objective is None else registry.load("objective", route.objective)()


def _go_on(
    route: ContinuedPretraining, workspace: RouteWorkspace, clock: Clock
) -> tuple[PretrainedModel, dict[str, object]]:
    """Return (a copy of the base trained further on the unlabelled documents, entries for the notes)."""
    base = workspace.need_base()
    spec, pretrained = _objective_of(route, base), trainable_copy(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        objective = spec.build(pretrained.backbone, pretrained.processor)
    if base.objective is not None and base.objective_spec.name == spec.name:
        objective.load_state_dict(base.objective.state_dict())
    objective.to(next(pretrained.backbone.parameters()).device)
    documents = sample_documents(workspace, route.documents)
    store, read = _encoded(pretrained.processor, documents, Clock(clock.share(_READING_SHARE)))
    wanted, training = _as_trained(base)
    everything = HeldOutSplit(np.arange(len(store)), np.zeros(0, np.int64))
    batches, _ = make_batches(wanted, pretrained.processor, store, everything, 0, lambda line: None)
    check_usable(spec, objective, batches)
    plan = dataclasses.replace(
        training,
        steps=max(1, round(route.passes * batches.per_epoch / training.accumulate)),
        seconds=clock.share(1.0),
        learning_rate=training.learning_rate * route.pace,
        learning_rate_embeddings=training.learning_rate_embeddings and training.learning_rate_embeddings * route.pace,
        warmup=0.1,
        seed=0,
        dtype="auto",
    )
    with curve("continued"):
        result = fit(start_state(objective, pretrained.backbone, plan), batches, plan)
    pretrained.objective, pretrained.objective_spec = objective.eval(), spec
    notes = {"objective": spec.name, "documents": len(store), "learning_rate": plan.learning_rate, "steps": result.step}
    notes |= {
        "loss": result.loss,
        "passes": result.step * plan.accumulate / batches.per_epoch,
        "seconds": clock.used,
        CUT: result.step < plan.steps or read < len(documents),
    }
    return pretrained, {f"continued_{name}": value for name, value in notes.items()}


def _encoded(processor: Processor, documents: list[Any], clock: Clock) -> tuple[Store, int]:
    """Return (documents as the processor makes them, in memory, as many as time allows, number of documents read)."""
    encoded, read = [], 0
    while read < len(documents) and not (read and clock.out):
        encoded += processor.encode(documents[read : read + _AT_ONCE])
        read += _AT_ONCE
    return memory_store(processor, encoded), read


def _as_trained(base: PretrainedModel) -> tuple[BatchSpec, TrainPlan]:
    """Return the batches and the plan that the base was trained with, or defaults if it has no record."""
    if base.path is not None and (home := RunFolder(base.path)).is_begun:
        run = RunSpec.read(home.record()["spec"])
        return run.batches, run.training
    default = _BATCHES.get(base.backbone.reads, BatchSpec())
    max_length = default.max_length if base.max_length is None else min(default.max_length, base.max_length)
    return dataclasses.replace(default, max_length=max_length), _TRAINING
