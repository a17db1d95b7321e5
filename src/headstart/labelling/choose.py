"""From a task model or a pre-trained model to what strategies see, and the rows that a strategy chooses."""

from __future__ import annotations

import numpy as np

from headstart.auditing.items import kind_of
from headstart.core import registry
from headstart.core.candidates import Candidates
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.core.spec import StrategySpec
from headstart.core.task_model import TaskModel
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.transform import unit_rows

FILLED_IN = ("classify", "regress")  # tasks whose answer is one cell of a table
_WIDTH = 64  # of the vectors of rows for which the task model has none


def pick_strategy(name: str | None, has_probabilities: bool) -> StrategySpec:
    """Return the named strategy, or the default one. Raises HeadstartError: unknown, or no probabilities for it."""
    spec = registry.load("strategy", name or _default("model" if has_probabilities else "start"))
    if spec.probabilities and not has_probabilities:
        able = [one for one in registry.names("strategy") if not registry.load("strategy", one).probabilities]
        raise HeadstartError(
            f"--strategy {name}: it asks a task model for class probabilities, and there is none; allowed here: "
            f"{', '.join(able)}"
        )
    return spec()


def candidates_of_base(base: PretrainedModel, rows: Examples, known: Examples | None) -> Candidates:
    """Return the rows as a pre-trained model sees them. Raises HeadstartError: it has no vectors."""
    return _seen(FrozenVectors.of(rows, Workspace(base), -1, "auto"), rows, known)


def candidates_of_task(model: TaskModel, rows: Examples, known: Examples | None) -> tuple[Candidates, str]:
    """Return (the rows as a task model sees them, what their vectors are, in words).

    Without vectors of a base (`TaskModel.frozen`) they are those of n-grams, or of colours and gradients. Raises
    HeadstartError: answers of the task that are not filled in by hand.
    """
    if model.task not in FILLED_IN:
        raise HeadstartError(
            f"task {model.task}: its answers do not fit into one cell of a table, so no table of rows to label is made "
            f"(allowed: {', '.join(FILLED_IN)})"
        )
    if model.frozen is not None:
        seen, what = _seen(model.frozen, rows, known), "vectors of its base"
    else:
        every = rows if known is None else rows.and_then(known)
        vectors = _plain_vectors(every)
        seen = Candidates(vectors[: len(rows)], None, vectors[len(rows) :])
        what = "vectors of " + ("colours and gradients" if rows.takes == "image" else "character n-grams")
    if model.task != "classify":
        return seen, what
    return Candidates(seen.vectors_ND, model.predict_proba(rows), seen.known_MD), what


def choose(spec: StrategySpec, candidates: Candidates, count: int, *, seed: int) -> list[int]:
    """Return the rows to label, at most `count`, the first one first."""
    return spec.choose(candidates, min(count, len(candidates)), seed=seed).tolist()


def _seen(frozen: FrozenVectors, rows: Examples, known: Examples | None) -> Candidates:
    known_MD = None if known is None else frozen.features(known)
    return Candidates(unit_rows(frozen.features(rows)), None, None if known_MD is None else unit_rows(known_MD))


def _plain_vectors(rows: Examples) -> np.ndarray:
    """Return float32 [N, D <= 64], unit rows: a random projection of what the audit's classifiers read.

    Random projections keep the distances of rows (Johnson & Lindenstrauss 1984), and need no rows to learn from.
    """
    features = kind_of(rows.items).features(rows.items, rows.second)
    turn = numpy_generator(0, "projection").standard_normal((features.shape[1], _WIDTH)).astype("float32")
    return unit_rows(features @ turn).astype("float32")


def _default(after: str) -> str:
    """Return the strategy that is taken `model`, with a task model, or at the `start`."""
    return next(name for name in registry.names("strategy") if registry.load("strategy", name).default == after)
