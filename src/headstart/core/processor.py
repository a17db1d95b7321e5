"""The contract of processors: raw items (texts, images) to what a network reads; tokenizers are those to ids."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from headstart.core.batch import Batch, ImageBatch, TokenBatch
from headstart.core.device import in_threads
from headstart.core.errors import HeadstartError
from headstart.core.files import sha256
from headstart.core.kept_images import KeptImages
from headstart.core.scratch import scratch_folder
from headstart.core.shapes import ImageShape, Shape, TokenShape

KIND_FILE = "headstart.json"  # says by which choice a saved processor is loaded


class Processor(ABC):
    """Raw items (texts, images) to what a network reads, and the files of that.

    kind: name of the choice that made it. takes: what an item is. gives: what a network gets. store: module of `data/`
    that keeps a processed corpus on disk. at_once: most items to encode at a time, which bounds the memory.
    """

    kind: str
    takes: ClassVar[Literal["text", "image"]]
    gives: ClassVar[Literal["tokens", "pixels"]]
    store: ClassVar[str]
    at_once: ClassVar[int] = 1024

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """What a backbone is built for."""

    @property
    @abstractmethod
    def size(self) -> str:
        """How large its vocabulary or its images are, in words for people."""

    @abstractmethod
    def encode(self, items: Sequence[Any]) -> list[np.ndarray]:
        """Return what a network reads of each item: int64 ids [T], or uint8 pixels [C, H, W].

        Raises HeadstartError: an image that cannot be decoded.
        """

    def usable(self, item: Any) -> bool:
        """Whether an item can be encoded at all; every text can."""
        return True

    def windows(self, encoded: np.ndarray, longest: int | None) -> list[np.ndarray]:
        """Return an encoded item in parts of at most `longest` tokens (None: any number), as a network takes them."""
        return [encoded]

    @abstractmethod
    def cost(self, encoded: np.ndarray) -> int:
        """Return how large an encoded item is in a batch, in tokens or what takes as long."""

    @abstractmethod
    def collate(self, items: Sequence[np.ndarray], *, samples: Sequence[int] | None = None, epoch: int = 0) -> Batch:
        """Return the batch of encoded items; sample ids count from 0 unless given."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the processor's files."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Processor:
        """Read what `save` wrote. Raises HeadstartError on a damaged file."""

    @cached_property
    def identity(self) -> str:
        """A SHA-256 over the files that `save` writes: equal for processors that do the same."""
        with scratch_folder("processor") as folder:
            self.save(folder)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            text = "".join(f"{path.relative_to(folder)} {sha256(path)}\n" for path in files)
        return hashlib.sha256(text.encode()).hexdigest()


class ImageProcessor(Processor):
    """Images to pixels or ids, decoded side by side in threads; what was read is kept while the images live, up to
    `kept_bytes`, see `KeptImages`."""

    takes = "image"
    kept_bytes: ClassVar[int] = 1 << 29

    @abstractmethod
    def read(self, image: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return (what `finish` takes of an `ImageRef`, what was changed on the way, in words).

        Raises HeadstartError: an image that cannot be used.
        """

    def finish(self, read: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what `encode` does, from what `read` gave of each image: where a network is asked, of all together."""
        return list(read)

    def encode(self, items: Sequence[Any]) -> list[np.ndarray]:
        """See `Processor.encode`."""
        found = self._kept.of(items)
        missing = list({item.digest: item for item in items if item.digest not in found}.values())
        for image, made in zip(missing, self.finish([read for read, _ in in_threads(self.read, missing)])):
            found[image.digest] = made
            self._kept.add(image, made)
        return [found[item.digest] for item in items]

    def usable(self, item: Any) -> bool:
        """See `Processor.usable`; the image is decoded, and kept."""
        if self._kept.of([item]):
            return True
        try:
            self._kept.add(item, self.finish([self.read(item)[0]])[0])
        except HeadstartError:
            return False
        return True

    @cached_property
    def _kept(self) -> KeptImages:
        return KeptImages(self.kept_bytes)


class ImagesToPixels(ImageProcessor):
    """Images to uint8 pixels [C, H, W], all of the size that `shape` says."""

    gives, store = "pixels", "image_store"

    @property
    @abstractmethod
    def shape(self) -> ImageShape:
        """See `Processor.shape`."""

    def cost(self, encoded: np.ndarray) -> int:
        """Return how many patches of 8 x 8 pixels the image has."""
        return max(1, self.shape.height * self.shape.width // 64)

    def collate(
        self, items: Sequence[np.ndarray], *, samples: Sequence[int] | None = None, epoch: int = 0
    ) -> ImageBatch:
        """See `Processor.collate`."""
        shape = self.shape
        pixels = np.stack(items) if len(items) else np.zeros((0, shape.channels, shape.height, shape.width), np.uint8)
        return ImageBatch(
            pixels_BCHW=torch.from_numpy(np.ascontiguousarray(pixels)),
            sample_B=torch.as_tensor(np.arange(len(items)) if samples is None else samples, dtype=torch.int64),
            epoch=epoch,
        )


def joined_ids(found: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return (ids of all texts one behind the other, [T]; ids of each text, int64 [N])."""
    lengths_N = np.array([len(ids) for ids in found], np.int64)
    return np.concatenate(found) if found else np.zeros(0, np.int64), lengths_N


class Tokenizer(Processor):
    """Text to ids and back. Text is NFC-normalised first, so NFC and NFD spellings give identical ids.

    Special ids are -1 where the tokenizer has none. `mask_id >= 0` is what a masked objective needs. word_end_id: ends
    every word, of tokenizers whose ids are n-grams of words; phrase_id: first id that stands for a pair of words.
    """

    takes, gives, store, at_once = "text", "tokens", "token_store", 65_536
    vocabulary: int
    pad_id: int = -1
    unk_id: int = -1
    cls_id: int = -1
    sep_id: int = -1
    mask_id: int = -1
    word_end_id: int = -1
    phrase_id: int = -1
    reversible: ClassVar[bool] = True
    special_ids: frozenset[int] = frozenset()
    sentinel_ids: tuple[int, ...] = ()  # of <extra_id_0>, <extra_id_1> ..., which stand for hidden spans (T5)

    @property
    def shape(self) -> TokenShape:
        """See `Processor.shape`."""
        return TokenShape(self.vocabulary, self.pad_id)

    @property
    def size(self) -> str:
        """See `Processor.size`."""
        return f"vocabulary {self.vocabulary:,}"

    def collate(
        self, items: Sequence[np.ndarray], *, samples: Sequence[int] | None = None, epoch: int = 0
    ) -> TokenBatch:
        """Return the ragged batch of id arrays; see `Processor.collate`."""
        return TokenBatch(
            ids_N=torch.from_numpy(np.concatenate(items) if len(items) else np.zeros(0, np.int64)),
            lengths_B=torch.tensor([len(ids) for ids in items], dtype=torch.int64),
            sample_B=torch.as_tensor(np.arange(len(items)) if samples is None else samples, dtype=torch.int64),
            epoch=epoch,
        )

    def windows(self, encoded: np.ndarray, longest: int | None) -> list[np.ndarray]:
        """Return the ids in parts of like length with special tokens, `longest` tokens at most without those."""
        parts = 1 if longest is None else max(1, -(-len(encoded) // longest))
        return [self.add_special_tokens(part)[0] for part in np.array_split(encoded, parts)]

    def cost(self, encoded: np.ndarray) -> int:
        """Return the number of tokens."""
        return len(encoded)

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return one int64 id array per text, without special tokens and without truncation."""

    def encode_flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return what `encode` does as (ids of all texts one behind the other, [T]; ids of each text, int64 [N]).

        The ids are integers of 4 or 8 bytes: a text of 16 MiB has tens of millions. Several threads may ask at once. It
        is for the batches of a corpus, one after the other, and may remember words from one to the next, within a
        bound; `encode` serves requests without end and remembers nothing.
        """
        return joined_ids(self.encode(texts))

    def encode_spans(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (ids [N], spans [N, 2]) per text: ids as `encode`, spans the characters each id was made of.

        Spans are int64 offsets (start, end exclusive) into the text as given, before any normalisation. An id for a
        part of a character has the span of the whole character; blanks that belong to a piece belong to its span.
        Raises HeadstartError for a tokenizer whose ids are no pieces of the text.
        """
        raise HeadstartError(f"tokenizer {self.kind} has no spans: its ids are no pieces of the text; take wordpiece")

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`; special tokens are left out."""

    @abstractmethod
    def token(self, token_id: int) -> str:
        """Return how one id is written, for people."""

    def add_special_tokens(self, first: np.ndarray, second: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids, segment types) of `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.

        A tokenizer without these specials returns the plain concatenation.
        """
        start = [self.cls_id] if self.cls_id >= 0 else []
        stop = [self.sep_id] if self.sep_id >= 0 else []
        ids = np.concatenate([np.array(start, np.int64), first, np.array(stop, np.int64)])
        if second is None:
            return ids, np.zeros(len(ids), np.int64)
        tail = np.concatenate([second, np.array(stop, np.int64)])
        segment_ids = np.concatenate([np.zeros(len(ids), np.int64), np.ones(len(tail), np.int64)])
        return np.concatenate([ids, tail]), segment_ids


class ImageTokenizer(ImageProcessor, Tokenizer):
    """Images to ids and back, as many of each, row by row: `finish` returns int64 ids [T].

    length: T, without special tokens; of these it may have a begin mark.
    """

    at_once, reversible = 1024, False
    length: int

    def windows(self, encoded: np.ndarray, longest: int | None) -> list[np.ndarray]:
        """Return the ids with special tokens, whole: a part of an image is no image.

        Raises HeadstartError: they are more than `longest`.
        """
        if longest is not None and self.length > longest:
            raise HeadstartError(
                f"an image has {self.length} tokens here, and this network takes {longest} of them: pre-train again "
                f"with a larger backbone.max_tokens (now {longest + 1}) or a smaller processor.side"
            )
        return [self.add_special_tokens(encoded)[0]]

    def decode(self, ids: Sequence[int]) -> str:
        """Return how the ids are written, one after the other; what they show is told by `pictures`."""
        return " ".join(self.token(number) for number in ids if int(number) not in self.special_ids)

    @abstractmethod
    def pictures(self, ids_NT: np.ndarray) -> np.ndarray:
        """Return what ids show, uint8 [N, H, W, C], C = 1 for grey, else 3.

        Raises HeadstartError: ids that are no whole images.
        """
