"""Conversion between spans of characters and BIO tags of tokens (Ramshaw & Marcus 1995).

Tag numbers of C labels: 0 is O, 1 + 2 c is B of label c, 2 + 2 c is I of label c. A token is given as a pair of
character offsets (start, end exclusive) in the text; tokens without characters, such as special tokens, have no tag.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.examples import Span

IGNORED = -100  # the tag of a token without characters


def tags_of(tokens_T2: np.ndarray, spans: Sequence[Span], classes: Sequence[str]) -> np.ndarray:
    """Return the tag of each token, int64 [T]; spans must not overlap.

    A token partly inside a span counts as inside; a token in two spans belongs to the span with more common characters.
    A span without tokens is lost; a span that begins before the first token has no B tag.
    """
    starts_T, ends_T = tokens_T2[:, 0], tokens_T2[:, 1]
    real_T = ends_T > starts_T
    if not spans or not real_T.any():
        return np.where(real_T, 0, IGNORED)
    spans = sorted(spans)
    starts_S, ends_S = (np.array([span[side] for span in spans]) for side in (0, 1))
    first_T = np.searchsorted(ends_S, starts_T, side="right")  # the first span that ends after the token starts
    shared = [
        np.minimum(ends_S[at], ends_T) - np.maximum(starts_S[at], starts_T)
        for at in (np.minimum(first_T, len(spans) - 1), np.minimum(first_T + 1, len(spans) - 1))
    ]
    owner_T = np.minimum(first_T + (shared[1] > shared[0]), len(spans) - 1)
    owner_T = np.where(real_T & (np.maximum(*shared) > 0), owner_T, -1)
    number = {label: position for position, label in enumerate(classes)}
    label_T = np.array([number[span.label] for span in spans])[owner_T]
    before_T = np.concatenate([[-1], owner_T[real_T][:-1]])
    begins_T = np.ones(len(tokens_T2), bool)
    begins_T[real_T] = owner_T[real_T] != before_T
    head = int(real_T.argmax())
    begins_T[head] = starts_T[head] <= starts_S[owner_T[head]]
    inside_T = np.where(begins_T, 1, 2) + 2 * label_T
    return np.where(real_T, np.where(owner_T >= 0, inside_T, 0), IGNORED)


def best_tags(scores_TK: np.ndarray) -> np.ndarray:
    """Return the tags with the largest sum of scores in which every I tag follows B or I of its label, int64 [T]."""
    length, kinds = scores_TK.shape
    back_TK = np.zeros((length, kinds), np.int64)
    if not length:
        return np.zeros(0, np.int64)
    total_K = scores_TK[0].astype(np.float64)
    total_K[2::2] = -np.inf
    goes_on = np.arange(2, kinds, 2)
    for step in range(1, length):
        back_TK[step] = total_K.argmax()
        new_K = np.full(kinds, total_K.max())
        from_inside = total_K[2::2] >= total_K[1::2]
        back_TK[step, 2::2] = np.where(from_inside, goes_on, goes_on - 1)
        new_K[2::2] = np.where(from_inside, total_K[2::2], total_K[1::2])
        total_K = new_K + scores_TK[step]
    tags_T = np.empty(length, np.int64)
    tags_T[-1] = total_K.argmax()
    for step in range(length - 1, 0, -1):
        tags_T[step - 1] = back_TK[step, tags_T[step]]
    return tags_T


def spans_of(tags_T: np.ndarray, tokens_T2: np.ndarray, text: str, classes: Sequence[str]) -> tuple[Span, ...]:
    """Return the spans of the tags, in order, without blanks at their ends; spans never overlap."""
    found: list[list[int]] = []  # start, end, label
    open_label = -1
    for tag, (start, end) in zip(tags_T.tolist(), tokens_T2.tolist()):
        label = (tag - 1) // 2 if tag > 0 else -1
        if end <= start or tag == IGNORED:
            continue
        if label >= 0 and label == open_label and tag % 2 == 0:
            found[-1][1] = end
        elif label >= 0:
            found.append([start, end, label])
        open_label = label
    spans: list[Span] = []
    for start, end, label in found:
        start = max(start, spans[-1].end if spans else 0)
        piece = text[start:end]
        start += len(piece) - len(piece.lstrip())
        end = start + len(piece.strip())
        if end > start:
            spans.append(Span(start, end, classes[label]))
    return tuple(spans)
