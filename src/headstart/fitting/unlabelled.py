"""A sample of a comparison's unlabelled documents, the same for every route, draw and seed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from headstart.core.seeds import numpy_generator
from headstart.core.workspace import RouteWorkspace

LOOKED_AT = 100_000  # documents from which the sample is drawn


def sample_documents(workspace: RouteWorkspace, most: int) -> list[Any]:
    """Return at most `most` of the first 100,000 documents, drawn at random, in the order of the corpus.

    A sample of more documents holds those of a smaller one. Raises HeadstartError when no documents are at hand.
    """

    def draw() -> tuple[list[Any], np.ndarray]:
        seen = list(itertools.islice(workspace.documents(), LOOKED_AT))
        return seen, numpy_generator(0, "unlabelled").permutation(len(seen))

    seen, order = workspace.once("unlabelled documents", draw)
    return [seen[place] for place in np.sort(order[:most])]
