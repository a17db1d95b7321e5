"""What an audit finds in images alone: near copies with different labels, classes told by the border, drift in numbers.

Shapes: N images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from headstart.auditing.classifier import out_of_fold
from headstart.auditing.copies import first_with
from headstart.auditing.doubtful_labels import FOLDS
from headstart.auditing.image_looks import COLOURS, Look, looks
from headstart.core.examples import ImageRef
from headstart.core.seeds import numpy_generator
from headstart.statistics.rank_area import rank_area

_TOLD = 0.1  # of AUC beside .5, from which a property is listed
_DRAWN, _TURNS, _SHARE = 500, 20, 0.99  # images, others for each, quantile of their cosines: what is alike by chance
Where = Callable[[int], dict[str, Any]]


def near_conflicts(near_N: np.ndarray, labels: Sequence[str], where: Where, most: int) -> dict[str, Any]:
    """Return the pairs of near copies with different labels; near_N: the place of a near copy of each image, or -1."""
    pairs = {(min(row, mate), max(row, mate)) for row, mate in enumerate(near_N.tolist()) if mate >= 0}
    found = sorted(pair for pair in pairs if labels[pair[0]] != labels[pair[1]])
    listed = [[{"label": labels[row]} | where(row) for row in pair] for pair in found[:most]]
    return {"pairs": len(found), "listed": listed}


def borders(images: Sequence[ImageRef], labels_N: np.ndarray, classes: int, folds: Sequence[str], seed: int) -> dict:
    """Return how many held-out labels the border alone tells, the whole image, and the largest class, as shares.

    The border is the outer eighth of a thumbnail of 8 x 8 colours, 28 of its 64. Where it tells nearly as much as the
    whole, a score may be one of backgrounds. Images with equal folds are held out together. told: the places of the
    images whose label the border alone tells, the surest of each class first, then the second of each.
    """
    thumbnail_N88C = np.stack([look.thumbnail for look in looks(images)]).astype(np.float32) / 127.5 - 1
    at = np.arange(COLOURS)
    edge = np.isin(at, (0, COLOURS - 1))
    ring = edge[:, None] | edge
    fold_N = numpy_generator(seed, "border folds").permutation(len(images))[first_with(folds)] % FOLDS
    out: dict[str, Any] = {}
    for name, part in (("border", thumbnail_N88C[:, ring]), ("whole", thumbnail_N88C)):
        scores_NC = out_of_fold(part.reshape(len(images), -1), labels_N, classes, fold_N, seed)
        judged = ~np.isnan(scores_NC[np.arange(len(images)), labels_N])
        guess_N = np.nan_to_num(scores_NC, nan=-1.0).argmax(axis=1)
        right_N = judged & (guess_N == labels_N)
        out[name] = round(float(right_N[judged].mean()), 4) if judged.any() else 0.0
        if name == "border":
            out["told"] = _in_turns(np.flatnonzero(right_N), scores_NC, labels_N)
    return out | {"largest": round(float(np.bincount(labels_N).max() / len(labels_N)), 4)}


def _in_turns(rows: np.ndarray, scores_NC: np.ndarray, labels_N: np.ndarray) -> list[int]:
    """Return `rows` by their score for their label, a row of each class in turn."""
    by_score = rows[np.argsort(-scores_NC[rows, labels_N[rows]], kind="stable")]
    seen = np.zeros(scores_NC.shape[1], int)
    turn = {}
    for row in by_score.tolist():
        turn[row], seen[labels_N[row]] = seen[labels_N[row]], seen[labels_N[row]] + 1
    return sorted(turn, key=turn.__getitem__)


def properties(train: Sequence[ImageRef], test: Sequence[ImageRef]) -> list[dict[str, Any]]:
    """Return the properties by which the two sides differ, the clearest first: medians, and AUC (.5: alike)."""
    numbers = [[_numbers(look) for look in looks(part) if look.channels] for part in (train, test)]
    if not all(numbers):
        return []
    out = []
    for name in numbers[0][0]:
        one, other = (np.array([row[name] for row in part]) for part in numbers)
        auc = rank_area(rankdata(np.concatenate([one, other])), np.arange(len(one) + len(other)) >= len(one))
        if abs(auc - 0.5) >= _TOLD:
            medians = {"train": round(float(np.median(one)), 3), "test": round(float(np.median(other)), 3)}
            out.append({"property": name} | medians | {"auc": round(float(auc), 3)})
    return sorted(out, key=lambda row: -abs(row["auc"] - 0.5))


def _numbers(look: Look) -> dict[str, float]:
    """Return what an image is described by: levels from 0 to 255, sides in pixels."""
    colours = look.thumbnail.reshape(-1, 3).astype(np.float32)
    sketch = look.sketch.astype(np.float32)
    return {
        "brightness": float(look.mean_3.mean()),
        "contrast": float(sketch.std()),
        "colourfulness": float((colours.max(axis=1) - colours.min(axis=1)).mean()),
        "detail": float(np.abs(np.diff(sketch, axis=1)).mean()),
        "width": look.width,
        "height": look.height,
        "bits_per_pixel": 8 * look.encoded / (look.width * look.height),
    }


def agreeing(pairs: Sequence[tuple[ImageRef, ImageRef]], some: Sequence[ImageRef], embed: Any) -> dict[str, Any]:
    """Return how many near copies a network's vectors find alike: more than 99 of 100 pairs drawn from `some`.

    embed(images) -> float32 [N, D]. cosines: of the pairs in their order, of vectors less the mean of `some`.
    """
    random = numpy_generator(0, "random pairs")
    drawn = [some[place] for place in random.permutation(len(some))[:_DRAWN]]
    vectors = np.asarray(embed([*drawn, *(image for pair in pairs for image in pair)]), np.float32)
    vectors = vectors - vectors[: len(drawn)].mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    known, copies = vectors[: len(drawn)], vectors[len(drawn) :]
    turns = range(1, min(_TURNS, len(drawn) - 1) + 1)  # each image with several others
    chance = np.concatenate([np.zeros(0), *((known * np.roll(known, turn, axis=0)).sum(axis=1) for turn in turns)])
    cosine = (copies[::2] * copies[1::2]).sum(axis=1)
    agree = int((cosine > np.quantile(chance, _SHARE)).sum()) if len(chance) else 0
    return {"pairs": len(pairs), "agree": agree, "cosines": [round(float(value), 3) for value in cosine]}
