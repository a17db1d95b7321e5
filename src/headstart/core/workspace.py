"""The contract of a workspace: base, unlabelled documents and the work that the routes of a comparison share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from headstart.core.examples import Examples

T = TypeVar("T")


class RouteWorkspace(Protocol):
    """What a route is given besides its labelled examples; `fitting/workspace.py` implements it.

    base: the pretrained model that routes start from, or None. partner: the workspace of a second base, for routes that
    join two, or None.
    """

    base: Any
    partner: RouteWorkspace | None

    @property
    def has_documents(self) -> bool:
        """Whether unlabelled documents are at hand."""

    def documents(self) -> Iterator[Any]:
        """Return the unlabelled documents from the start. Raises HeadstartError when they are not at hand."""

    def need_base(self) -> Any:
        """Return the base. Raises HeadstartError when there is none."""

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return `make()`, called at most once per `key` in the life of the workspace."""

    def kept(self, key: Sequence[Any], documents: int, kind: Any, make: Callable[[], T]) -> T:
        """Return `make()`, called once per `key` and content of the first `documents` unlabelled documents.

        It may depend on nothing else. Where there is a cache, the result is kept on disk between commands.

        kind: the class of the result, with `parts() -> (JSON values, arrays)` and `from_parts` of these.
        """

    def each(self, key: Sequence[Any], items: Sequence[Any], make: Callable[[Sequence[Any]], np.ndarray]) -> np.ndarray:
        """Return `make(items)`, float32 [N, D], asked once per `key` and different item.

        A vector may depend on nothing but key and item. Where there is a cache, it is kept on disk between commands.
        """

    def read_ahead(self, items: Sequence[Any], readouts: Sequence[tuple[int, str]]) -> None:
        """Embed items, and what transforms are learned from, for each (layer, pooling) in one pass through the base."""

    def vectors(self, items: Sequence[Any], *, base: Any = None, layer: int = -1, pooling: str = "auto") -> np.ndarray:
        """Return the base's vectors of texts or images, float32 [N, D]; each different item is embedded once."""

    def transform(self, examples: Examples, *, base: Any = None, layer: int = -1, pooling: str = "auto") -> Any:
        """Return the `VectorTransform` through which linear models see the base's vectors, the same for every draw."""

    def features(
        self, examples: Examples, *, transform: Any, base: Any = None, layer: int = -1, pooling: str = "auto"
    ) -> np.ndarray:
        """Return what linear models see, float32 [N, D], of pairs [N, 4 D]."""
