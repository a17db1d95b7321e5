"""Images as items of an audit: equal pixels, near copies (`image_copies.py`), shapes, colours; see docs/audit.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.auditing import image_copies
from headstart.auditing.image_copies import NearImages, partners
from headstart.auditing.image_findings import properties
from headstart.auditing.image_looks import looks
from headstart.auditing.image_sketches import fold
from headstart.auditing.profile import QUANTILES
from headstart.core.examples import ImageRef

__all__ = ["differences", "features", "folds", "how", "indexes", "near", "profile", "shown", "sizes"]


def folds(first: Sequence[ImageRef], second: Sequence[ImageRef] | None = None) -> list[str]:
    """Return one string per image, or per pair: equal where the decoded pixels are, however they were encoded."""
    one = [fold(look) for look in looks(first)]
    return one if second is None else [a + b for a, b in zip(one, folds(second), strict=True)]


def near(folds: Sequence[str]) -> np.ndarray:
    """See `ItemKind.near`: images that were resized, saved as JPEG, made a little brighter or darker."""
    return partners(folds)


def how(one: str, other: str) -> dict[str, str]:
    """See `ItemKind.how`: one of `image_copies.HOWS`."""
    return {"how": image_copies.how(one, other)}


def indexes(folds: Sequence[str]) -> tuple[NearImages]:
    """See `ItemKind.indexes`."""
    return (NearImages(folds),)


def profile(images: Sequence[ImageRef]) -> dict[str, Any]:
    """Return the profile of N images as plain JSON data.

    empty: number of images of one flat colour. width, height, bytes (encoded): quantiles by name. channels: share of
    grey (1) and colour (3) images; grey saved as colour is grey. unreadable: images that cannot be decoded, left out of
    the rest. characters, words, scripts, row_scripts: those of texts, empty.
    """
    every = looks(images)
    seen = [look for look in every if look.channels]
    channels = Counter(str(look.channels) for look in seen)
    return {
        "rows": len(every),
        "empty": sum(look.flat for look in seen),
        "unreadable": len(every) - len(seen),
        "width": _quantiles([look.width for look in seen]),
        "height": _quantiles([look.height for look in seen]),
        "bytes": _quantiles([look.encoded for look in seen]),
        "channels": {name: round(count / len(seen), 4) for name, count in channels.most_common()},
        "characters": {},
        "words": {},
        "scripts": {},
        "row_scripts": {},
    }


def sizes(images: Sequence[ImageRef]) -> np.ndarray:
    """Return the number of pixels, int64 [N]."""
    return np.fromiter((look.width * look.height for look in looks(images)), np.int64, len(images))


def features(first: Sequence[ImageRef], second: Sequence[ImageRef] | None = None) -> np.ndarray:
    """Return float32 [N, D]: a thumbnail of 8 x 8 colours about mid-grey, and gradients; of pairs those of both."""
    found = looks(first)
    # Gradients have a spread of 16, divided so one of 1 / 4: held-out accuracy with them and without is .830 and .789
    # on Fashion-MNIST (dev), .469 and .471 on flower_photos; twice as heavy they cost .024 there.
    colours = [look.thumbnail.ravel() for look in found]
    gradients = [look.gradients for look in found]
    one = np.hstack([(_stacked(colours) - np.float32(127.5)) / np.float32(127.5), _stacked(gradients) / np.float32(64)])
    return one if second is None else np.hstack([one, features(second)])


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(rows).astype(np.float32) if len(rows) else np.zeros((0, 1), np.float32)


def differences(train: Sequence[ImageRef], test: Sequence[ImageRef]) -> dict[str, Any]:
    """Return no words, as images have none, and the properties that differ."""
    return {"words": {"train": [], "test": []}, "properties": properties(train, test)}


def shown(image: ImageRef) -> str:
    """Return the name of the file, or the start of the digest, and the size."""
    (look,) = looks([image])
    return f"{image.name} ({look.width} x {look.height})" if look.channels else f"{image.name} (unreadable)"


def _quantiles(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {}
    found = np.quantile(values, QUANTILES).round(1).tolist()
    return {f"{share:g}": value for share, value in zip(QUANTILES, found)} | {"mean": round(float(np.mean(values)), 2)}
