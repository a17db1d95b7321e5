"""The workspace that routes share: base, unlabelled corpus, vectors embedded once, and a cache of costly results."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, digest
from headstart.vectors.transform import VectorTransform, pair_features

if TYPE_CHECKING:
    from headstart.training.pretrained_model import PretrainedModel

T = TypeVar("T")
NO_BASE = "it needs a pre-trained base and none was given"
_LOOKED_AT, _EMBEDDED = 20_000, 4_000  # documents that the transform is learned from: read, embedded


class Workspace:
    """Shared by all routes, draws and seeds of one comparison. Not safe to share between threads.

    base: the pretrained model, or None. corpus: a function that returns the unlabelled documents from the start, or
    None: the corpus of the base is used, if its files are still there.
    """

    def __init__(self, base: PretrainedModel | None = None, corpus: Callable[[], Iterable[Any]] | None = None):
        self.base = base
        self._corpus = corpus
        self._made: dict[Hashable, Any] = {}
        self._vectors: dict[Hashable, dict[str, np.ndarray]] = {}

    def documents(self) -> Iterator[Any]:
        """Return the unlabelled documents from the start; images that cannot be decoded are left out where a base reads
        them. Raises HeadstartError when they are not at hand.
        """
        if self._corpus is not None:
            found = iter(self._corpus())
            return found if self.base is None else filter(self.base.processor.usable, found)
        if self.base is not None:
            return iter(self.base.documents())
        raise HeadstartError("no unlabelled documents: give a corpus, or a base whose corpus is still where it was")

    @property
    def has_documents(self) -> bool:
        """Whether unlabelled documents are at hand."""
        try:
            return next(self.documents(), None) is not None
        except HeadstartError:
            return False

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return `make()`, called at most once per `key` in the life of this workspace."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def vectors(
        self, items: Sequence[Any], *, base: PretrainedModel | None = None, layer: int = -1, pooling: str = "auto"
    ) -> np.ndarray:
        """Return the untransformed vectors of the base, float32 [N, D]; each different item is embedded once.

        Memory: 4 D bytes per different item ever asked for.
        """
        base = base or self.need_base()
        known = self._vectors.setdefault((base.identity, layer, pooling), {})
        missing = {digest(item): item for item in items if digest(item) not in known}
        if missing:
            known.update(zip(missing, base.embed(list(missing.values()), layer=layer, pooling=pooling)))
        return np.stack([known[digest(item)] for item in items]) if len(items) else np.zeros((0, 0), np.float32)

    def transform(
        self, examples: Examples, *, base: PretrainedModel | None = None, layer: int = -1, pooling: str = "auto"
    ) -> VectorTransform:
        """Return the transform learned from a sample of the unlabelled corpus, the same for every draw.

        Without a corpus the transform is learned from the items of `examples`; labels are not used.
        """
        base = base or self.need_base()
        setting = {"base": base, "layer": layer, "pooling": pooling}
        learn = VectorTransform.standardising if base.processor.takes == "image" else VectorTransform.of

        def from_corpus() -> VectorTransform | None:
            if not self.has_documents:
                return None
            seen = list(itertools.islice(self.documents(), _LOOKED_AT))
            places = np.linspace(0, len(seen), min(len(seen), _EMBEDDED), endpoint=False).astype(int)
            sample = [seen[place] for place in places]
            return learn(base.embed(sample, layer=layer, pooling=pooling), "corpus")

        transform = self.once(("transform", base.identity, layer, pooling), from_corpus)
        if transform is not None:
            return transform
        texts = [*examples.items, *(examples.second or ())]
        return learn(self.vectors(texts, **setting), "training rows")

    def features(
        self,
        examples: Examples,
        *,
        transform: VectorTransform,
        base: PretrainedModel | None = None,
        layer: int = -1,
        pooling: str = "auto",
    ) -> np.ndarray:
        """Return what linear models see, float32 [N, D] (pairs: [N, 4 D], see `pair_features`)."""
        setting = {"base": base, "layer": layer, "pooling": pooling}
        first = transform.apply(self.vectors(examples.items, **setting))
        if examples.second is None:
            return first
        return pair_features(first, transform.apply(self.vectors(examples.second, **setting)))

    def need_base(self) -> PretrainedModel:
        """Return the base. Raises HeadstartError when there is none."""
        if self.base is None:
            raise HeadstartError(f"this route cannot run: {NO_BASE}")
        return self.base
