"""Images as items of an audit: equal pixels, near copies by the gradients of a thumbnail, shapes, colours.

Measured with the threshold of `image_copies.py` (cosine .992). Different images that count as near copies: none of
5,000 of Fashion-MNIST (dev; the likest two have .989), none of 2,720 of omniglot_small; of 2,934 of flower_photos three
pairs, which are copies. Planted copies that are found, as PNG turned to BMP; JPEG of quality 80; 3/4 of the size; 1/2;
10 % brighter; 10 % darker: flower_photos 1, 1, 1, 1, .989, 1; omniglot_small all; Fashion-MNIST 1, 1, .31, 0, 1, 1:
clothes on 14 to 21 pixels cannot be told from clothes that are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.auditing.image_copies import NearImages, fold, partners
from headstart.auditing.image_looks import looks
from headstart.auditing.profile import QUANTILES
from headstart.core.examples import ImageRef

__all__ = ["differences", "features", "folds", "indexes", "near", "profile", "shown", "sizes"]


def folds(first: Sequence[ImageRef], second: Sequence[ImageRef] | None = None) -> list[str]:
    """Return one string per image, or per pair: equal where the decoded pixels are, however they were encoded."""
    one = [fold(look) for look in looks(first)]
    return one if second is None else [a + b for a, b in zip(one, folds(second), strict=True)]


def near(folds: Sequence[str]) -> np.ndarray:
    """See `ItemKind.near`: images that were resized, saved as JPEG, made a little brighter or darker."""
    return partners(folds)


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
    """Return no words: images have none."""
    return {"words": {"train": [], "test": []}}


def shown(image: ImageRef) -> str:
    """Return the name of the file, or the start of the digest, and the size."""
    (look,) = looks([image])
    return f"{image.name} ({look.width} x {look.height})" if look.channels else f"{image.name} (unreadable)"


def _quantiles(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {}
    found = np.quantile(values, QUANTILES).round(1).tolist()
    return {f"{share:g}": value for share, value in zip(QUANTILES, found)} | {"mean": round(float(np.mean(values)), 2)}
