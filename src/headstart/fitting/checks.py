"""Checks of labelled examples before a route starts: the task, the labels, the kind of items, what is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.item_nouns import one_item, some_items
from headstart.core.reason import Reason, as_reason
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.workspace import NO_BASE

NO_CORPUS = Reason("no_corpus", "it needs the unlabelled corpus, which is not at hand")
NO_ROWS = Reason("no_rows", "no training rows; at least one labelled row is needed")


def routes_for(task: str, takes: str = "text") -> list[str]:
    """Return the names of the routes that do `task` on texts or on images."""
    kinds = ((name, registry.load("route", name)) for name in registry.names("route"))
    return [name for name, kind in kinds if _does(kind, task) and takes in kind().takes]


def other_task(route: RouteSpec, task: str, takes: str = "text") -> Reason | None:
    """Return why this route cannot do `task`, with those that can on texts or on images, or None."""
    if _does(type(route), task):
        return None
    return Reason(
        "other_task",
        "it does {tasks:and}, not {task}; {able} do",
        tasks=route.tasks or (),
        task=task,
        able=tuple(routes_for(task, takes)),
    )


def other_items(route: RouteSpec, takes: str) -> Reason | None:
    """Return why this route cannot read rows of texts or of images (`takes`), or None."""
    if takes in route.takes:
        return None
    if takes == "image":
        return Reason("reads_texts", "it reads texts, not images")
    return Reason("reads_images", "it reads images, not texts")


def why_not(route: RouteSpec, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
    """Return why a route cannot run on these examples, or None: other items than it reads, or what it says itself."""
    refusal = other_items(route, examples.takes) or _no_weights(route, examples)
    return refusal or as_reason(route.refuses(examples, workspace))


def _no_weights(route: RouteSpec, examples: Examples) -> Reason | None:
    """Return why a route cannot let these rows count differently, with those that can, or None."""
    if examples.weights is None or _weighs(type(route), examples.task):
        return None
    routes = routes_for(examples.task, examples.takes)
    able = tuple(name for name in routes if _weighs(registry.load("route", name), examples.task))
    return Reason("no_weights", "all rows count alike in it; routes that take weights of rows: {able}", able=able)


def _weighs(route: type[RouteSpec], task: str) -> bool:
    return route.weighs is None or task in route.weighs


def need_task(route: RouteSpec, examples: Examples) -> None:
    """Raise HeadstartError when this route cannot do the task of these examples."""
    if refusal := other_task(route, examples.task, examples.takes):
        raise HeadstartError(f"route {route.name}: {refusal}")


def _does(route: type[RouteSpec], task: str) -> bool:
    return route.tasks is None or task in route.tasks


def targets_of(examples: Examples) -> Sequence[Any]:
    """Return the answers: class numbers for `classify`. Raises HeadstartError when there are no rows or no answers."""
    if examples.task == "classify":
        return labels_of(examples)
    if examples.targets is None:
        raise HeadstartError(
            Reason(
                "no_answers", "training rows have no answers for task {task}; name the label column", task=examples.task
            )
        )
    if not len(examples):
        raise HeadstartError(NO_ROWS)
    return examples.targets


def labels_of(examples: Examples) -> np.ndarray:
    """Return the labels, int64 [N].

    Raises HeadstartError: no rows, no labels, a label out of range, rows of a task other than `classify`.
    """
    if examples.task != "classify":
        able = tuple(routes_for(examples.task, examples.takes))
        raise HeadstartError(
            Reason("no_classify", "this route does classify, not {task}; {able} do", task=examples.task, able=able)
        )
    if examples.labels is None:
        raise HeadstartError(Reason("no_labels", "training rows have no labels; name the label column"))
    if not len(examples):
        raise HeadstartError(NO_ROWS)
    labels_N = np.asarray(examples.labels, dtype=np.int64)
    if labels_N.min() < 0 or labels_N.max() >= len(examples.classes):
        wrong = int(np.flatnonzero((labels_N < 0) | (labels_N >= len(examples.classes)))[0])
        raise HeadstartError(
            f"row {wrong}: label {labels_N[wrong]} is not one of the {len(examples.classes)} classes (0 to "
            f"{len(examples.classes) - 1})"
        )
    return labels_N


def check_kind(pairs: bool, examples: Examples) -> None:
    """Raise HeadstartError when a model made for one item is given two, or the other way round."""
    one, some = one_item(examples.takes), some_items(examples.takes)
    if pairs and examples.second is None:
        raise HeadstartError(f"this task model was trained on pairs of {some}, but the rows hold one {one}; give both")
    if not pairs and examples.second is not None:
        raise HeadstartError(
            f"this task model was trained on single {some}, but the rows hold two; give one {one} column"
        )


def no_base(workspace: RouteWorkspace) -> Reason | None:
    """Return why a route that needs a base cannot run, or None."""
    return None if workspace.base is not None else NO_BASE


def no_partner(workspace: RouteWorkspace) -> Reason | None:
    """Return why a route that joins two bases cannot run, or None."""
    if workspace.base is None or workspace.partner is None or workspace.partner.base is None:
        return Reason("no_partner", "it joins two pre-trained bases and needs both; give two")
    own, other = (base.processor.takes for base in (workspace.base, workspace.partner.base))
    if own == other:
        return None
    return Reason(
        "other_partner",
        "one of the two bases reads {own}, the other {other}",
        own=some_items(own),
        other=some_items(other),
    )


def no_corpus(workspace: RouteWorkspace) -> Reason | None:
    """Return why a route that needs unlabelled text cannot run, or None."""
    return None if workspace.has_documents else NO_CORPUS


def no_single_documents(examples: Examples, workspace: RouteWorkspace) -> Reason | None:
    """Return why a route that answers unlabelled documents cannot run, or None."""
    if examples.second is not None:
        return Reason("no_pairs", "it answers unlabelled documents, and these are no pairs")
    return no_base(workspace) or no_corpus(workspace)


def one_class(examples: Examples) -> Reason | None:
    """Return why a network cannot be trained on these classes, or None."""
    if examples.task != "classify":
        return None
    if len(examples.classes) > 1:
        return None
    return Reason("one_class", "it needs at least 2 classes, got {count}", count=len(examples.classes))
