"""The identity of labelled rows: a hash by which receipts and audits tell whether they saw the same rows.

Also a short hash of every single row, by which a task model knows the rows that it was trained on again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from headstart.core.examples import Examples, ImageRef, digest
from headstart.core.normal_form import normal_form
from headstart.images.decode import decode

_ROW_BYTES = 8  # two of a million rows have the same hash by chance with a probability of 3e-8


def examples_identity(examples: Examples) -> str:
    """Return a SHA-256 over items, labels, targets and class names, in their order."""
    state = hashlib.sha256(json.dumps(examples.classes, ensure_ascii=False).encode())
    for items in (examples.items, examples.second or ()):
        for item in items:
            data = digest(item).encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "little") + data)
        state.update(b"\0end")
    if examples.labels is not None:
        state.update(np.asarray(examples.labels, "<i8").tobytes())
    if examples.targets is not None:
        state.update(json.dumps(list(examples.targets)).encode())
    return state.hexdigest()


def same_text(text: str) -> str:
    """Return what texts have in common that differ in Unicode form or white space alone."""
    return " ".join(normal_form(text).split())


def row_hashes(examples: Examples) -> np.ndarray:
    """Return a hash of the items of each row, uint64 [N]; answers and places do not count.

    Equal are texts that differ in Unicode form or white space alone, and images of equal pixels, whatever their file
    format. A pair counts as a whole, in its order. Raises HeadstartError: an image is gone or cannot be decoded.
    """
    sides = [examples.items] if examples.second is None else [examples.items, examples.second]
    known: dict[str, bytes] = {}
    hashes = [_row_hash([_item_hash(item, known) for item in items]) for items in zip(*sides)]
    return np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64)


def _row_hash(items: list[bytes]) -> bytes:
    return hashlib.blake2b(b"".join(items), digest_size=_ROW_BYTES).digest()


def _item_hash(item: Any, known: dict[str, bytes]) -> bytes:
    """Return 32 bytes for a text or an image; known: those of images by the digest of their encoded bytes."""
    if not isinstance(item, ImageRef):
        return hashlib.sha256(same_text(item).encode("utf-8", "surrogatepass")).digest()
    if item.digest not in known:
        pixels = decode(item).pixels
        if pixels.shape[-1] == 3 and (pixels == pixels[..., :1]).all():
            pixels = pixels[..., :1]  # grey, whether its file says so or not
        shape = np.asarray(pixels.shape, "<i8").tobytes()
        known[item.digest] = hashlib.sha256(shape + np.ascontiguousarray(pixels).tobytes()).digest()
    return known[item.digest]
