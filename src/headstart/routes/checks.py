"""What every route asks of its labelled rows before it starts."""

from __future__ import annotations

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.routes.workspace import NO_BASE, Workspace


def labels_of(examples: Examples) -> np.ndarray:
    """Return the labels, int64 [N]. Raises HeadstartError when there are no rows, no labels or a label out of range."""
    if examples.labels is None:
        raise HeadstartError("training rows have no labels; name the label column")
    if not len(examples):
        raise HeadstartError("no training rows; at least one labelled row is needed")
    labels_N = np.asarray(examples.labels, dtype=np.int64)
    if labels_N.min() < 0 or labels_N.max() >= len(examples.classes):
        wrong = int(np.flatnonzero((labels_N < 0) | (labels_N >= len(examples.classes)))[0])
        raise HeadstartError(
            f"row {wrong}: label {labels_N[wrong]} is not one of the {len(examples.classes)} classes (0 to "
            f"{len(examples.classes) - 1})"
        )
    return labels_N


def check_kind(pairs: bool, examples: Examples) -> None:
    """Raise HeadstartError when a model made for one text is given two, or the other way round."""
    if pairs and examples.second is None:
        raise HeadstartError("this task model was trained on pairs of texts, but the rows hold one text; give both")
    if not pairs and examples.second is not None:
        raise HeadstartError("this task model was trained on single texts, but the rows hold two; give one text column")


def no_base(workspace: Workspace) -> str | None:
    """Return why a route that needs a base cannot run, or None."""
    return None if workspace.base is not None else NO_BASE


def no_corpus(workspace: Workspace) -> str | None:
    """Return why a route that needs unlabelled text cannot run, or None."""
    return None if workspace.has_documents else "it needs the unlabelled corpus, which is not at hand"


def one_class(examples: Examples) -> str | None:
    """Return why a network cannot be trained on these classes, or None."""
    return None if len(examples.classes) > 1 else f"it needs at least 2 classes, got {len(examples.classes)}"
