"""Examples as framed pieces of token ids that fit a network: cut at the end, or in overlapping pieces."""

from __future__ import annotations

import numpy as np

from headstart.base.contracts import Rows, Tokenizer
from headstart.base.examples import Examples


def frame_rows(
    tokenizer: Tokenizer,
    examples: Examples,
    *,
    longest: int | None,
    spans: bool = False,
    overlap: float | None = None,
) -> Rows:
    """Return the framed pieces. longest: tokens a piece may have with its special tokens, None = any number.

    overlap: None cuts a text that is too long at its end (of a pair, the longer text first); otherwise the last text is
    read in pieces that share this share of their tokens, and a first text of a pair keeps at most half of the room.
    """
    one, one_spans = _encode(tokenizer, examples.first, spans)
    two, two_spans = (None, None) if examples.second is None else _encode(tokenizer, examples.second, spans)
    specials = len(tokenizer.frame(np.zeros(0, np.int64), None if two is None else np.zeros(0, np.int64))[0])
    room = None if longest is None else max(longest - specials, 1)
    found = Rows([], None if two is None else [], np.zeros(0, np.int64), [] if spans else None, 0)
    owners, cut = [], 0
    for row in range(len(examples)):
        pieces, lost = _pieces(len(one[row]), None if two is None else len(two[row]), room, overlap)
        cut += lost
        for of_one, of_two in pieces:
            first = one[row][of_one]
            second = None if two is None else two[row][of_two]
            ids, types = tokenizer.frame(first, second)
            found.ids.append(ids)
            owners.append(row)
            if found.types is not None:
                found.types.append(types)
            if found.spans is not None:
                parts = [one_spans[row][of_one]] + ([] if two_spans is None else [two_spans[row][of_two]])
                found.spans.append(_framed_spans(tokenizer, ids, types, parts))
    return Rows(found.ids, found.types, np.array(owners, np.int64), found.spans, cut)


def _encode(tokenizer: Tokenizer, texts, spans: bool) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    if not spans:
        return tokenizer.encode(texts), None
    both = tokenizer.encode_spans(texts)
    return [ids for ids, _ in both], [found for _, found in both]


def _pieces(
    one: int, two: int | None, room: int | None, overlap: float | None
) -> tuple[list[tuple[slice, slice]], bool]:
    """Return ([(tokens of the first text, of the second)], whether something is left out)."""
    if room is None or one + (two or 0) <= room:
        return [(slice(0, one), slice(0, two or 0))], False
    if overlap is None:
        keep_two = 0 if two is None else min(two, max(room - one, room // 2))
        return [(slice(0, room - keep_two), slice(0, keep_two))], True
    kept, long = (0, one) if two is None else (min(one, room // 2), two)
    size = room - kept
    step = max(1, size - int(size * overlap))
    starts = range(0, max(long - size, 0) + step, step)
    windows = [slice(start, min(start + size, long)) for start in starts]
    if two is None:
        return [(window, slice(0, 0)) for window in windows], False
    return [(slice(0, kept), window) for window in windows], kept < one


def _framed_spans(tokenizer: Tokenizer, ids: np.ndarray, types: np.ndarray, parts: list[np.ndarray]) -> np.ndarray:
    """Return the characters of each token of a framed piece; special tokens have (-1, -1)."""
    out = np.full((len(ids), 2), -1, np.int64)
    begin = int(tokenizer.cls_id >= 0)
    for part in parts:
        out[begin : begin + len(part)] = part
        begin += len(part) + int(tokenizer.sep_id >= 0)
    return out


def take_rows(rows: Rows, examples: np.ndarray) -> Rows:
    """Return the pieces of the examples at sorted positions `examples`, numbered anew; `cut` stays as it was."""
    kept = np.flatnonzero(np.isin(rows.owner_R, examples))
    return Rows(
        [rows.ids[piece] for piece in kept],
        None if rows.types is None else [rows.types[piece] for piece in kept],
        np.searchsorted(examples, rows.owner_R[kept]),
        None if rows.spans is None else [rows.spans[piece] for piece in kept],
        rows.cut,
    )
