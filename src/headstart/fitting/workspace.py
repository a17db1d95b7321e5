"""The workspace that routes share: base, unlabelled corpus, vectors embedded once, and a cache of costly results."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from headstart.core.device import pick_device
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, digest
from headstart.core.reason import Reason, cannot_run
from headstart.vectors.transform import VectorTransform, pair_features

if TYPE_CHECKING:
    from headstart.training.pretrained_model import PretrainedModel

T = TypeVar("T")
NO_BASE = Reason("no_base", "it needs a pre-trained base and none was given")
_AT_ONCE = 256  # items that are embedded before the next ones: what is cut off loses no more
_MADE_BY = ("headstart", "torch", "numpy", "scipy", "scikit-learn", "pillow")
_WORTH_KEEPING = 256  # new vectors, at least, that are written to the disk together
_LOOKED_AT, _EMBEDDED = 20_000, 4_000  # documents that the transform is learned from: read, embedded
_asked_now: ContextVar[dict[tuple[Any, ...], dict[bytes, np.ndarray]] | None] = ContextVar("asked", default=None)


@contextlib.contextmanager
def embedded_once() -> Iterator[None]:
    """Let a workspace that keeps nothing embed each different item once while the block runs, in this thread."""
    token = _asked_now.set({} if _asked_now.get() is None else _asked_now.get())
    try:
        yield
    finally:
        _asked_now.reset(token)


class Workspace:
    """Shared by all routes, draws and seeds of one comparison.

    base: the pretrained model, or None. corpus: a function that returns the unlabelled documents from the start, or
    None: the corpus of the base is used, if its files are still there. cache: keeps vectors on disk between commands.
    keeps: whether anything is remembered between two calls. A workspace that keeps nothing serves trained models for
    as long as a process lives, also in several threads at once; one that keeps is for one thread.
    """

    def __init__(
        self,
        base: PretrainedModel | None = None,
        corpus: Callable[[], Iterable[Any]] | None = None,
        cache: DiskCache | None = None,
        *,
        keeps: bool = True,
    ):
        self.base = base
        self._keeps = keeps
        self.partner: Workspace | None = None
        self._corpus, self._cache = corpus, cache
        self._made: dict[Hashable, Any] = {}
        self._vectors: dict[tuple[Any, ...], dict[bytes, np.ndarray]] = {}
        self._unwritten: dict[tuple[Any, ...], dict[bytes, np.ndarray]] = {}
        self._files: dict[tuple[Any, ...], set[str]] = {}
        self._batches: list[dict[bytes, Any]] = []  # items by name that are embedded together
        self._batch_of: dict[bytes, int] = {}

    def beside(self, partner: Workspace) -> Workspace:
        """Return this workspace with a partner, for routes that join two bases; what was computed is shared by both."""
        joined = copy.copy(self)
        joined.partner = partner
        return joined

    def documents(self) -> Iterator[Any]:
        """Return the unlabelled documents from the start; images that cannot be decoded are left out where a base reads
        them. Raises HeadstartError when they are not at hand.
        """
        if self._corpus is not None:
            found = iter(self._corpus())
            return found if self.base is None else filter(self.base.processor.usable, found)
        if self.base is not None:
            return iter(self.base.documents())
        raise HeadstartError(
            Reason(
                "no_documents", "no unlabelled documents: give a corpus, or a base whose corpus is still where it was"
            )
        )

    @property
    def has_documents(self) -> bool:
        """Whether unlabelled documents are at hand."""
        try:
            return next(self.documents(), None) is not None
        except HeadstartError:
            return False

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return `make()`, called at most once per `key` in the life of this workspace, if it keeps anything."""
        if not self._keeps:
            return make()
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def kept(self, key: Sequence[Any], documents: int, kind: Any, make: Callable[[], T]) -> T:
        """Return `make()`, called once per `key` and content of the first `documents` unlabelled documents; see
        `RouteWorkspace`.
        """

        def found() -> T:
            if self._cache is None:
                return make()
            place = [*key, self.once(("content", documents), lambda: self._content(documents)), *_made_by()]
            for data, arrays in self._cache.read(place):
                return kind.from_parts(data, arrays)
            made = make()
            self._cache.add(place, *made.parts())
            return made

        return self.once(tuple(key), found)

    def _content(self, documents: int) -> str:
        """Return a SHA-256 over the first unlabelled documents."""
        state = hashlib.sha256()
        for item in itertools.islice(self.documents(), documents):
            state.update(_name(item))
        return state.hexdigest()

    def read_together(self, items: Sequence[Any]) -> None:
        """Fix the batches in which these items will be embedded, but for those that are in one already.

        The last bits of a vector depend on what is embedded with it. So they are the same whoever asks first: another
        cell, a run that goes on, another process.
        """
        fresh = {name: item for name, item in zip(map(_name, items), items) if name not in self._batch_of}
        coming = iter(fresh.items())
        while part := dict(itertools.islice(coming, _AT_ONCE)):
            self._batch_of.update(dict.fromkeys(part, len(self._batches)))
            self._batches.append(part)

    def flush(self) -> None:
        """Write the vectors to the disk that were too few to be written before."""
        for key, made in self._unwritten.items():
            if made and self._cache is not None:
                arrays = {"names": np.frombuffer(b"".join(made), np.uint8), "vectors": np.stack(list(made.values()))}
                self._cache.add(key, {}, arrays)
            made.clear()

    def _known(self, key: tuple[Any, ...]) -> dict[bytes, np.ndarray]:
        """Return the vectors of a key so far, by the name of the item; those on disk included."""
        if not self._keeps:
            asked = _asked_now.get()
            return {} if asked is None else asked.setdefault((id(self), *key), {})
        if key not in self._vectors:
            self._vectors[key] = {}
            self._look_up(key)
        return self._vectors[key]

    def _look_up(self, key: tuple[Any, ...]) -> None:
        """Take up the vectors of a key that came to the disk since the last look."""
        for _, arrays in [] if self._cache is None else self._cache.read(key, self._files.setdefault(key, set())):
            names = arrays["names"].tobytes()
            found = zip((names[at : at + 32] for at in range(0, len(names), 32)), arrays["vectors"])
            self._vectors[key].update(found)

    def each(self, key: Sequence[Any], items: Sequence[Any], make: Callable[[Sequence[Any]], np.ndarray]) -> np.ndarray:
        """Return `make(items)`, float32 [N, D], asked once for each different item; see `RouteWorkspace`."""
        return self._each([key], items, lambda part: [make(part)])[0]

    def _each(
        self, keys: Sequence[Sequence[Any]], items: Sequence[Any], make: Callable[[Sequence[Any]], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return the vectors of all items under each key; `make` gives those of some items under all keys."""
        made_by = () if self._cache is None else _made_by()
        places = [(*key, *made_by) for key in keys]
        known = [self._known(place) for place in places]
        fresh = [self._unwritten.setdefault(place, {}) if self._keeps else {} for place in places]
        names = [_name(item) for item in items]
        missing = {name: item for name, item in zip(names, items) if any(name not in own for own in known)}
        if missing and self._cache is not None and self._cache.crowded:
            for place in places:
                self._look_up(place)
            missing = {name: item for name, item in missing.items() if any(name not in own for own in known)}
        for part in self._parts(missing):
            for found, own, new in zip(make([item for _, item in part]), known, fresh, strict=True):
                made = dict(zip((name for name, _ in part), found))
                new.update((name, vector) for name, vector in made.items() if name not in own)
                own.update(made)
        if self._keeps and any(len(new) >= _WORTH_KEEPING for new in fresh):
            self.flush()
        return [np.stack([own[name] for name in names]) if names else np.zeros((0, 0), np.float32) for own in known]

    def _parts(self, missing: dict[bytes, Any]) -> Iterator[list[tuple[bytes, Any]]]:
        """Yield the batches in which these items are embedded: whole ones where they were fixed."""
        for number in dict.fromkeys(self._batch_of[name] for name in missing if name in self._batch_of):
            yield list(self._batches[number].items())
        loose = iter([(name, item) for name, item in missing.items() if name not in self._batch_of])
        while part := list(itertools.islice(loose, _AT_ONCE)):
            yield part

    def vectors(
        self, items: Sequence[Any], *, base: PretrainedModel | None = None, layer: int = -1, pooling: str = "auto"
    ) -> np.ndarray:
        """Return the untransformed vectors of the base, float32 [N, D]; each different item is embedded once.

        Memory of a workspace that keeps: 4 D bytes per different item ever asked for.
        """
        base = base or self.need_base()
        key = self._key(base, layer, pooling)
        return self.each(key, items, lambda part: base.embed(part, layer=layer, pooling=pooling))

    def read_ahead(self, items: Sequence[Any], readouts: Sequence[tuple[int, str]]) -> None:
        """Embed items, and what transforms are learned from, for each (layer, pooling) in one pass through the base."""
        base = self.need_base()
        keys = [self._key(base, *readout) for readout in readouts]
        self._each(keys, [*items, *(self._sample() or ())], lambda part: base.read(part, readouts))

    def _key(self, base: PretrainedModel, layer: int, pooling: str) -> tuple[Any, ...]:
        """Return what vectors of a base depend on; between commands also the processor and the base's usual pooling."""

        def identity() -> tuple[str, ...]:
            return () if self._cache is None else (base.processor.identity, base.pooling)

        return "vectors", base.identity, *self.once(("base", base.identity), identity), layer, pooling

    def keep_nothing(self) -> None:
        """Forget everything, and remember nothing from here on: training is over and serving begins."""
        self.forget_vectors()
        self._made.clear()
        self._unwritten.clear()
        self._keeps, self._cache = False, None

    def forget_vectors(self) -> None:
        """Forget the vectors of all items: they are embedded anew, in the batches in which they are asked."""
        for forgotten in (self._vectors, self._files, self._batch_of):
            forgotten.clear()
        self._batches.clear()

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
            sample = self._sample()
            return None if sample is None else learn(self.vectors(sample, **setting), "corpus")

        transform = self.once(("transform", base.identity, layer, pooling), from_corpus)
        if transform is not None:
            return transform
        texts = [*examples.items, *(examples.second or ())]
        return learn(self.vectors(texts, **setting), "training rows")

    def _sample(self) -> list[Any] | None:
        """Return the documents that transforms are learned from, or None where none are at hand."""

        def draw() -> list[Any] | None:
            if not self.has_documents:
                return None
            seen = list(itertools.islice(self.documents(), _LOOKED_AT))
            places = np.linspace(0, len(seen), min(len(seen), _EMBEDDED), endpoint=False).astype(int)
            sample = [seen[place] for place in places]
            self.read_together(sample)
            return sample

        return self.once("documents of the transform", draw)

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
            raise HeadstartError(cannot_run(NO_BASE))
        return self.base


def _name(item: Any) -> bytes:
    """Return the SHA-256 by which a text or an image is known, 32 bytes."""
    return hashlib.sha256(digest(item).encode("utf-8", "surrogatepass")).digest()


def _made_by() -> tuple[str, ...]:
    """Return what decides the last bits of a result beside what it is made from: versions and device."""
    return (*_versions(), pick_device().type)


@cache
def _versions() -> tuple[str, ...]:
    """Return the versions of the packages; once, as they are read from the disk and asked for with every vector."""
    return tuple(f"{package} {metadata.version(package)}" for package in _MADE_BY)
