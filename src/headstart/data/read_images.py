"""The images of a corpus as an image processor reads them, those that cannot be used named in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.device import in_threads
from headstart.core.processor import ImageProcessor
from headstart.data.ledger import Ledger
from headstart.data.row import Row
from headstart.images.decode import UnusableImage


def read_images(processor: ImageProcessor, rows: Sequence[Row], ledger: Ledger) -> list[np.ndarray]:
    """Return what `ImageProcessor.encode` makes of each usable image of `rows`, read side by side in threads.

    The ledger is told which others there are, and why, and what was changed on the way.
    """
    used = []
    for row, found in zip(rows, in_threads(lambda row: _read(processor, row), rows)):
        if isinstance(found, UnusableImage):
            ledger.withdraw(found.reason, row.source, row.line, found.detail)
            continue
        values, told = found
        used.append(values)
        for change in told:
            ledger.tell("images", change)
    return processor.finish(used)


def _read(processor: ImageProcessor, row: Row) -> tuple[np.ndarray, tuple[str, ...]] | UnusableImage:
    """Return what `ImageProcessor.read` does, or why the image cannot be used."""
    try:
        return processor.read(row.value)
    except UnusableImage as fault:
        return fault
