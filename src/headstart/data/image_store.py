"""Image store: the corpus as one memory-mapped file of uint8 pixels, all of one size, with a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.core import migration
from headstart.core.artefact_files import ImageStoreFacts
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.files import writing
from headstart.core.json_files import write_json
from headstart.core.manifest import need_intact, write_folder
from headstart.core.memory import let_go
from headstart.core.migration import FORMAT, read_versioned
from headstart.core.processor import ImagesToPixels, Processor
from headstart.core.seeds import numpy_generator
from headstart.data.batch_settings import BatchSpec
from headstart.data.batches import EpochBatches
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.read_images import read_images
from headstart.data.row import Row

_AT_ONCE = 256  # images that are decoded side by side
_FACTS, _PIXELS = "store.json", "pixels.bin"


@dataclass(frozen=True)
class ImageStore:
    """A decoded corpus of M images. pixels: memory map, uint8 [M, C, H, W]; facts: store.json."""

    folder: Path
    pixels: np.ndarray
    facts: ImageStoreFacts

    @classmethod
    def open(cls, folder: Path, verify: bool = True) -> ImageStore:
        """Map a folder that `write_store` wrote. Raises HeadstartError when missing or any byte disagrees.

        verify: compare every file with its SHA-256; without it only sizes are checked.
        """
        if not folder.is_dir():
            raise HeadstartError(f"{folder}: no such folder of an image store")
        if verify:
            need_intact(folder, "store")
        try:
            facts = read_versioned(folder / _FACTS, migration.image_store_facts)
            shape = (facts["images"], *facts["shape"])
            agrees = (folder / _PIXELS).stat().st_size == np.prod(shape)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise HeadstartError(
                f"{folder}: damaged image store ({error}); delete the folder, it is made again"
            ) from None
        if not agrees:
            raise HeadstartError(f"{folder}: damaged image store, sizes disagree; delete the folder, it is made again")
        pixels = np.memmap(folder / _PIXELS, np.uint8, "r", shape=shape) if shape[0] else np.zeros(shape, np.uint8)
        return cls(folder, pixels, facts)

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def ledger(self) -> Ledger:
        """The row ledger of the pass that wrote the store."""
        return Ledger.from_dict(self.facts["ledger"])

    def batches(self, documents: np.ndarray, processor: Processor, wanted: BatchSpec, seed: int) -> EpochBatches:
        """Return the images at these positions in batches of `wanted.images`; see `Store.batches`."""
        return ImageBatches(self.pixels, documents, processor, size=wanted.images, seed=seed)

    def counts(self, documents: np.ndarray, ids: int) -> None:
        """See `Store.counts`: pixels are no ids."""
        return None

    def pairs(self, documents: np.ndarray, ids: int, begin_id: int, end_id: int) -> None:
        """See `Store.pairs`: pixels are no ids."""
        return None

    def remark(self, documents: np.ndarray, wanted: BatchSpec) -> str:
        """Return nothing: no image is cut; see `Store.remark`."""
        return ""


class ImageBatches(EpochBatches):
    """Batches of `size` images in random order; every epoch visits every image once, the last batch may be smaller."""

    unit: ClassVar[str] = ImageBatch.unit

    def __init__(self, pixels: np.ndarray, documents: np.ndarray, processor: Processor, *, size: int, seed: int):
        super().__init__(seed)
        self.pixels, self.documents, self.processor = pixels, documents, processor
        # Equal batches as near to `size` as can be: a last batch of a few images would be a poor step.
        self.per_epoch = max(1, round(len(documents) / size))
        self.units_per_epoch = len(documents)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return the positions of the images of each batch."""
        order = numpy_generator(self.seed, "order", epoch).permutation(len(self.documents))
        return np.array_split(self.documents[order], self.per_epoch)

    def batch(self, plan: list[np.ndarray], index: int, epoch: int) -> ImageBatch:
        """See `EpochBatches.batch`."""
        rows = plan[index]
        batch = self.processor.collate(list(self.pixels[rows]), samples=rows, epoch=epoch)
        let_go(self.pixels)
        return batch


def open_store(folder: Path) -> ImageStore:
    """See `ImageStore.open`."""
    return ImageStore.open(folder)


def in_memory(encoded: Sequence[np.ndarray]) -> ImageStore:
    """Return a store of images that were decoded already, uint8 [C, H, W] each."""
    return ImageStore(Path(), np.stack(encoded) if len(encoded) else np.zeros((0, 1, 1, 1), np.uint8), {})


def write_store(corpus: Corpus, processor: ImagesToPixels, folder: Path) -> ImageStore:
    """Decode `corpus` in one streamed pass into `folder`, whole or not at all, and return it opened.

    Raises HeadstartError: disk full.
    """
    with writing(folder, need=lambda: 2 * corpus.bytes_on_disk()):
        write_folder(folder, "store", lambda temporary: _fill(corpus, processor, temporary))
    return ImageStore.open(folder, verify=False)


def _fill(corpus: Corpus, processor: ImagesToPixels, folder: Path) -> None:
    """Write pixels.bin and store.json; images that cannot be used are named in the ledger."""
    corpus_print, images = corpus.fingerprint(), 0
    with open(folder / _PIXELS, "wb") as pixels:
        for rows in _batches(corpus.rows()):
            for values in read_images(processor, rows, corpus.ledger):
                pixels.write(values.tobytes())
                images += 1
    shape = processor.shape
    facts = {
        "format": FORMAT,
        "images": images,
        "shape": [shape.channels, shape.height, shape.width],
        "corpus": corpus_print,
        "processor": processor.identity,
        "ledger": corpus.ledger.to_dict(),
    }
    write_json(folder / _FACTS, facts)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, _AT_ONCE)):
        yield batch
