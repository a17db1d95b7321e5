"""How the vectors of a base of images are read: which layer, which pooling; an inner choice on the labelled rows.

The best readout differs by data (quarters of the last stages on grey products, means of all stages on photographs) and
by network (the middle layers of an image GPT: Chen et al., ICML 2020, section 4.1).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from headstart.core.examples import Examples
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.held_out_quality import choose_features
from headstart.fitting.model_selection import folds_of
from headstart.fitting.time_budget import Clock
from headstart.nn.pooling import OF_STAGES

_STRENGTH, _IMAGE_STRENGTH = 1.0, 10.0  # docs/decisions.md, 2026-11-27
FOR_READOUT = 0.4  # share of the seconds of a route, at most, for the choice


def strength_of(default: float | None, examples: Examples) -> float:
    """Return the strength from which others are tried; None: C = 10 for classes of images, else 1."""
    if default is not None:
        return default
    return _IMAGE_STRENGTH if examples.takes == "image" and examples.task != "regress" else _STRENGTH


def readouts_of(base: Any) -> list[tuple[int, str]]:
    """Return every (layer, pooling) in which vectors of a `PretrainedModel` can be read, the usual one first.

    The order is that of caution: the whole network, then its layers from the last one to the input.
    """
    stages = [(-1, pooling) for pooling in OF_STAGES] if base.backbone.has_maps else []
    return [(-1, "auto"), *stages, *((layer, "auto") for layer in range(base.backbone.depth, -1, -1))]


def is_open(given: tuple[int, str], base: Any) -> bool:
    """Whether (layer, pooling) of a route leave the readout to be chosen: both as they are by default, for images."""
    return given == (-1, "auto") and base.processor.takes == "image"


def prepare_readouts(examples: Examples, workspace: RouteWorkspace, given: tuple[int, str]) -> None:
    """Learn the transforms and embed the rows, for every readout that may be chosen."""
    base = workspace.need_base()
    if is_open(given, base):
        workspace.read_ahead([*examples.items, *(examples.second or ())], readouts_of(base))
    FrozenVectors.of(examples, workspace, *given).features(examples)


def choose_readout(
    examples: Examples,
    workspace: RouteWorkspace,
    given: tuple[int, str],
    *,
    default: float,
    seed: int,
    clock: Clock,
) -> tuple[FrozenVectors, dict[str, Any]]:
    """Return the vectors of the readout to use and notes about the choice.

    given: (layer, pooling) of the route; (-1, auto) leaves the choice open for a base of images: by cross-validation on
    the labelled rows, the usual readout unless another one is clearly better. default: strength of the linear models.
    clock: no further fold is judged after its end. Raises HeadstartError: no base, no such layer.
    """
    if not is_open(given, workspace.need_base()):
        return FrozenVectors.of(examples, workspace, *given), {}
    if not folds_of(examples, seed=seed):
        return FrozenVectors.of(examples, workspace, *given), {"readout": _name(*given), "readout_folds": 0}
    readouts = _different(examples, workspace)
    vectors = [FrozenVectors.of(examples, workspace, *one) for one in readouts]
    blocks = [partial(one.features, examples) for one in vectors]
    chosen, judged = choose_features(blocks, 0, examples, default=default, seed=seed, clock=clock)
    return vectors[chosen], {"readout": _name(*readouts[chosen]), "readout_folds": judged}


def _different(examples: Examples, workspace: RouteWorkspace) -> list[tuple[int, str]]:
    """Return the readouts that differ on these rows; rows and statistics are read in one pass for all of them."""
    readouts = readouts_of(workspace.need_base())
    items = [*examples.items, *(examples.second or ())]
    workspace.read_ahead(items, readouts)
    found = [workspace.vectors(items, layer=layer, pooling=pooling) for layer, pooling in readouts]
    kept: list[int] = []
    for place, vectors_ND in enumerate(found):
        if not any(np.array_equal(vectors_ND, found[before]) for before in kept):
            kept.append(place)
    return [readouts[place] for place in kept]


def _name(layer: int, pooling: str) -> str:
    """Return what notes call a readout."""
    return pooling if layer == -1 else f"layer {layer}"
