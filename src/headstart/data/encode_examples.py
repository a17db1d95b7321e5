"""Examples as pieces that fit a network: images whole, texts cut at the end or in overlapping pieces of ids."""

from __future__ import annotations

import numpy as np

from headstart.core.contracts import Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor, Tokenizer


def encode_examples(
    processor: Processor,
    examples: Examples,
    *,
    longest: int | None,
    spans: bool = False,
    overlap: float | None = None,
) -> Pieces:
    """Return the encoded pieces. longest: tokens a piece may have with its special tokens, None = any number.

    Raises HeadstartError: pairs of images.

    overlap: None cuts a text that is too long at its end (of a pair, the longer text first); otherwise the last text is
    read in pieces that share this share of their tokens, and a first text of a pair keeps at most half of the room.
    """
    if processor.takes == "image" and examples.second is not None:
        raise HeadstartError(f"pairs: processor {processor.kind} reads one image at a time; give no second column")
    if not isinstance(processor, Tokenizer):
        return Pieces(processor.encode(examples.items), None, np.arange(len(examples)), None, 0)
    one, one_spans = _encode(processor, examples.items, spans)
    two, two_spans = (None, None) if examples.second is None else _encode(processor, examples.second, spans)
    nothing = np.zeros(0, np.int64)
    specials = len(processor.add_special_tokens(nothing, None if two is None else nothing)[0])
    room = None if longest is None else max(longest - specials, 1)
    found = Pieces([], None if two is None else [], np.zeros(0, np.int64), [] if spans else None, 0)
    owners, cut = [], 0
    for number in range(len(examples)):
        windows, lost = _windows(len(one[number]), None if two is None else len(two[number]), room, overlap)
        cut += lost
        for of_one, of_two in windows:
            first = one[number][of_one]
            second = None if two is None else two[number][of_two]
            ids, segment_ids = processor.add_special_tokens(first, second)
            found.inputs.append(ids)
            owners.append(number)
            if found.segment_ids is not None:
                found.segment_ids.append(segment_ids)
            if found.spans is not None:
                parts = [one_spans[number][of_one]] + ([] if two_spans is None else [two_spans[number][of_two]])
                found.spans.append(_spans_with_special_tokens(processor, ids, segment_ids, parts))
    return Pieces(found.inputs, found.segment_ids, np.array(owners, np.int64), found.spans, cut)


def _encode(tokenizer: Tokenizer, texts, spans: bool) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    if not spans:
        return tokenizer.encode(texts), None
    both = tokenizer.encode_spans(texts)
    return [ids for ids, _ in both], [found for _, found in both]


def _windows(
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


def _spans_with_special_tokens(
    tokenizer: Tokenizer, ids: np.ndarray, segment_ids: np.ndarray, parts: list[np.ndarray]
) -> np.ndarray:
    """Return the characters of each token of a piece; special tokens have (-1, -1)."""
    out = np.full((len(ids), 2), -1, np.int64)
    begin = int(tokenizer.cls_id >= 0)
    for part in parts:
        out[begin : begin + len(part)] = part
        begin += len(part) + int(tokenizer.sep_id >= 0)
    return out


def take_pieces(pieces: Pieces, examples: np.ndarray) -> Pieces:
    """Return the pieces of the examples at sorted positions `examples`, numbered anew; `cut` stays as it was."""
    kept = np.flatnonzero(np.isin(pieces.owner_P, examples))
    return Pieces(
        [pieces.inputs[place] for place in kept],
        None if pieces.segment_ids is None else [pieces.segment_ids[place] for place in kept],
        np.searchsorted(examples, pieces.owner_P[kept]),
        None if pieces.spans is None else [pieces.spans[place] for place in kept],
        pieces.cut,
    )
