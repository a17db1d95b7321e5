"""Continued pre-training on the unlabelled text by the base's own objective, then finetune (Gururangan et al. 2020)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from headstart.base import registry
from headstart.base.contracts import Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.files import read_json
from headstart.base.spec import ObjectiveSpec, RouteSpec
from headstart.data.shards import Shards
from headstart.objectives.fit import need_reads
from headstart.routes.checks import no_corpus, targets_of
from headstart.routes.clock import CUT, Clock
from headstart.routes.finetune import Finetune
from headstart.routes.fitting import fit_network
from headstart.routes.network_model import NetworkModel
from headstart.routes.unlabelled import sample_documents
from headstart.routes.workspace import Workspace
from headstart.training.artefact import Artefact, trainable_copy
from headstart.training.batching import BatchSpec, check_usable, make_batches
from headstart.training.loop import fit
from headstart.training.plan import TrainPlan
from headstart.training.run import RunSpec

_AT_ONCE = 200  # documents made into ids between two looks at the clock
_READING_SHARE = 0.3  # of the seconds of going on, at most, for making documents into ids
# Where the base does not say how it was trained (a checkpoint of another library): BERT's rate for going on (Devlin et
# al. 2019), and the batches of the recipes.
_TRAINING = TrainPlan(steps=1, rate=1e-4)
_BATCHES = {"document": BatchSpec(tokens=65_536, window=2_048, bucket=False, framed=False)}


@dataclass(frozen=True, kw_only=True)
class Continued(Finetune, RouteSpec):
    """objective: None = the base's own. share: of the seconds, for going on with it, once for all draws and counts;
    documents: most that it reads; passes: most often; pace: share of the base's own peak rate. The other settings are
    those of `finetune`, which follows."""

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

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        if why := super().refuses(examples, workspace) or no_corpus(workspace):
            return why
        base = workspace.base
        if self.objective is None and base.objective is None:
            return f"{base.name} came without an objective to go on with; name one (continued.objective=halves)"
        try:
            objective = _objective_of(self, base)
            need_reads(objective, base.backbone)
        except HeadstartError as error:
            return str(error)
        if objective.teacher:
            return f"objective {objective.name} learns from a teacher; name another one (continued.objective=mlm)"
        return None

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> NetworkModel:
        """Go on with pre-training unless this workspace did, then train a copy of that base on the rows.

        Every cell has the same seconds for the rows; those of going on are spent by the first alone, which its notes
        tell (`continued_now`). Without `seconds` all passes are made. Raises HeadstartError: see `refuses`; no rows.
        """
        clock, base = Clock(seconds), self.base(examples, workspace)
        targets_of(examples)  # before the time is spent
        made = []

        def go_on() -> tuple[Artefact, dict[str, object]]:
            made.append(True)
            return _go_on(self, workspace, Clock(None if seconds is None else self.share * seconds))

        key = ("continued", base.identity, self.objective, self.share, self.documents, self.passes, self.pace)
        start, notes = workspace.once(key, go_on)
        left = None if seconds is None else max(min(clock.left, (1 - self.share) * seconds), 0.1 * seconds)
        model = fit_network(start, examples, self, seed=seed, seconds=left)
        model.notes |= notes | {"continued_now": bool(made)}
        return model


def _objective_of(route: Continued, base: Artefact) -> ObjectiveSpec:
    """Return what the base goes on with."""
    return base.objective_spec if route.objective is None else registry.load("objective", route.objective)()


def _go_on(route: Continued, workspace: Workspace, clock: Clock) -> tuple[Artefact, dict[str, object]]:
    """Return a copy of the base, trained further on the unlabelled documents, and what to note of it."""
    base = workspace.need_base()
    spec, artefact = _objective_of(route, base), trainable_copy(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        objective = spec.build(artefact.backbone, artefact.tokenizer)
    if base.objective is not None and base.objective_spec.name == spec.name:
        objective.load_state_dict(base.objective.state_dict())
    objective.to(next(artefact.backbone.parameters()).device)
    documents = sample_documents(workspace, route.documents)
    shards, read = _shards(artefact.tokenizer, documents, Clock(clock.share(_READING_SHARE)))
    wanted, training = _as_trained(base)
    everything = (np.arange(len(shards)), np.zeros(0, np.int64))
    batches, _ = make_batches(wanted, artefact.tokenizer, shards, everything, 0, lambda line: None)
    check_usable(spec, objective, batches)
    plan = dataclasses.replace(
        training,
        steps=max(1, round(route.passes * batches.per_epoch / training.accumulate)),
        seconds=clock.share(1.0),
        rate=training.rate * route.pace,
        rate_embeddings=training.rate_embeddings and training.rate_embeddings * route.pace,
        warmup=0.1,
        seed=0,
        dtype="auto",
    )
    result = fit(objective, artefact.backbone, batches, plan)
    artefact.objective, artefact.objective_spec = objective.eval(), spec
    notes = {"objective": spec.name, "documents": len(shards), "rate": plan.rate, "steps": result.step}
    notes |= {
        "loss": result.loss,
        "passes": result.step * plan.accumulate / batches.per_epoch,
        "seconds": clock.used,
        CUT: result.step < plan.steps or read < len(documents),
    }
    return artefact, {f"continued_{name}": value for name, value in notes.items()}


def _shards(tokenizer: Tokenizer, documents: list[str], clock: Clock) -> tuple[Shards, int]:
    """Return the documents as ids in memory, as many of them as time allows, and how many were read."""
    encoded, read = [], 0
    while read < len(documents) and not (read and clock.out):
        encoded += [ids for ids in tokenizer.encode(documents[read : read + _AT_ONCE]) if len(ids)]
        read += _AT_ONCE
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return Shards(Path(), np.concatenate(encoded or [np.zeros(0)]).astype(np.uint32), offsets, {}), read


def _as_trained(base: Artefact) -> tuple[BatchSpec, TrainPlan]:
    """Return the batches and the plan that the base was trained with, or usual ones where it does not say."""
    record = None if base.path is None else base.path / "run.json"
    if record is not None and record.is_file():
        run = RunSpec.read(read_json(record)["spec"])
        return run.batches, run.training
    usual = _BATCHES.get(base.backbone.reads, BatchSpec())
    window = usual.window if base.window is None else min(usual.window, base.window)
    return dataclasses.replace(usual, window=window), _TRAINING
