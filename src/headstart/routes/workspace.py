"""What the routes of one comparison share: base, unlabelled corpus, texts embedded once, costly things made once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.routes.vectors import Frame, pair_features

if TYPE_CHECKING:
    from headstart.training.artefact import Artefact

T = TypeVar("T")
NO_BASE = "it needs a pre-trained base and none was given"
_FRAME_FROM, _FRAME_ROWS = 20_000, 4_000  # documents looked at, documents embedded


class Workspace:
    """Shared by all routes, draws and seeds of one comparison. Not safe to share between threads.

    base: the pre-trained artefact, or None. corpus: a function that starts the unlabelled documents anew, or None (then
    the base's own corpus is used where it is still there).
    """

    def __init__(self, base: Artefact | None = None, corpus: Callable[[], Iterable[str]] | None = None):
        self.base = base
        self._corpus = corpus
        self._made: dict[Hashable, Any] = {}
        self._vectors: dict[Hashable, dict[str, np.ndarray]] = {}

    def documents(self) -> Iterator[str]:
        """Return the unlabelled documents from the start. Raises HeadstartError when they are not at hand."""
        if self._corpus is not None:
            return iter(self._corpus())
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
        self, texts: Sequence[str], *, base: Artefact | None = None, layer: int = -1, pooling: str = "auto"
    ) -> np.ndarray:
        """Return the base's vectors as they are, float32 [N, D]; each different text is embedded once.

        Memory: 4 D bytes per different text ever asked for.
        """
        base = base or self.need_base()
        known = self._vectors.setdefault((base.identity, layer, pooling), {})
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, base.embed(missing, layer=layer, pooling=pooling)))
        return np.stack([known[text] for text in texts]) if len(texts) else np.zeros((0, 0), np.float32)

    def frame(
        self, examples: Examples, *, base: Artefact | None = None, layer: int = -1, pooling: str = "auto"
    ) -> Frame:
        """Return the frame of the base's vectors, from a sample of the unlabelled corpus, the same for every draw.

        Without the corpus it is that of the texts of `examples` (their labels are not looked at).
        """
        base = base or self.need_base()
        setting = {"base": base, "layer": layer, "pooling": pooling}

        def from_corpus() -> Frame | None:
            if not self.has_documents:
                return None
            seen = list(itertools.islice(self.documents(), _FRAME_FROM))
            places = np.linspace(0, len(seen), min(len(seen), _FRAME_ROWS), endpoint=False).astype(int)
            sample = [seen[place] for place in places]
            return Frame.of(base.embed(sample, layer=layer, pooling=pooling), "corpus")

        frame = self.once(("frame", base.identity, layer, pooling), from_corpus)
        if frame is not None:
            return frame
        texts = [*examples.first, *(examples.second or ())]
        return Frame.of(self.vectors(texts, **setting), "training rows")

    def features(
        self,
        examples: Examples,
        *,
        frame: Frame,
        base: Artefact | None = None,
        layer: int = -1,
        pooling: str = "auto",
    ) -> np.ndarray:
        """Return what linear models see, float32 [N, D] (pairs: [N, 4 D], see `pair_features`)."""
        setting = {"base": base, "layer": layer, "pooling": pooling}
        first = frame.apply(self.vectors(examples.first, **setting))
        if examples.second is None:
            return first
        return pair_features(first, frame.apply(self.vectors(examples.second, **setting)))

    def need_base(self) -> Artefact:
        """Return the base. Raises HeadstartError when there is none."""
        if self.base is None:
            raise HeadstartError(f"this route cannot run: {NO_BASE}")
        return self.base
