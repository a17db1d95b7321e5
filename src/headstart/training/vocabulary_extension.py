"""More ids for an existing WordPiece or BPE tokenizer: what saves the most tokens on new texts; old ids stay."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.text.fast_tokenizer import FastTokenizer
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import batches, sample

_WORDS = 200_000  # the most frequent distinct words that choose the pieces; rarer ones hardly change the order
_LEAST = 2  # occurrences below which a piece is no pattern of the texts

_Word = tuple[list[str], int]  # its pieces, how often it occurs


@dataclass(frozen=True)
class Extension:
    """The new tokenizer, and for each new id the old ids its text was written with (an embedding starts from their
    mean; characters that had no id are left out where others had one)."""

    tokenizer: FastTokenizer
    pieces: dict[int, list[int]]


def refusal(tokenizer: Tokenizer) -> str | None:
    """Return why `extend` cannot add to this tokenizer, or None."""
    kinds = "WordPiece and byte-level BPE tokenizers can be extended"
    if not isinstance(tokenizer, FastTokenizer):
        return f"tokenizer {tokenizer.kind} has no pieces: {kinds}"
    parts = json.loads(tokenizer.rust.to_str())
    model = parts["model"]
    if model["type"] not in ("WordPiece", "BPE"):
        return f"tokenizer {tokenizer.kind} is a {model['type']} model: {kinds}"
    if model["type"] == "BPE" and (not model["merges"] or parts["pre_tokenizer"] is None):
        return f"tokenizer {tokenizer.kind} has no words to find pieces in: {kinds}"
    if model["type"] == "BPE" and any(
        map(model.get, ("continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"))
    ):
        return f"tokenizer {tokenizer.kind} is a BPE of another make: {kinds}"
    return None


def extend(tokenizer: FastTokenizer, texts: Iterable[str], new: int) -> Extension:
    """Return the tokenizer with `new` more ids, numbered from the old size on.

    Byte-pair merging (Sennrich et al. 2016) goes on from where the old vocabulary stopped: again and again the most
    frequent pair of neighbouring pieces within the words of `texts` becomes one piece, which is what saves most tokens.
    BPE takes each piece with its merge, after all old merges. WordPiece needs no steps on the way (its rule is longest
    match), so it takes the pieces that are in use at the end, and those characters that it could not write at all.
    Pieces are those of the normalised text: a tokenizer that takes Hangul apart (BERT uncased) gets pieces of jamo.
    Raises HeadstartError: a kind that cannot be extended, no text, more ids than the texts have patterns for.
    """
    if (why := refusal(tokenizer)) is not None:
        raise HeadstartError(why)
    if new < 1:
        raise HeadstartError(f"new={new}: expected 1 or more ids to add")
    data = json.loads(tokenizer.rust.to_str())
    model = data["model"]
    # tokens that were added after the model's own would be numbered anew behind a longer vocabulary
    model["vocab"].update({token["content"]: token["id"] for token in data["added_tokens"]})
    counts = _words(tokenizer, sample(texts).texts)
    written = tokenizer.rust.pieces([*counts])
    words = [(_parts(pieces, model, word), count) for pieces, (word, count) in zip(written, counts.items())]
    find = _byte_pairs if model["type"] == "BPE" else _word_pieces
    found, merges = find(words, model, new)
    if len(found) < new:
        raise HeadstartError(f"new={new:,} is more than the texts give: {len(found):,} new pieces occur at least twice")
    numbers = {piece: tokenizer.vocabulary + place for place, piece in enumerate(found)}
    pieces = {number: _before(tokenizer, model, piece) for piece, number in numbers.items()}
    model["vocab"].update(numbers)
    if merges:
        model["merges"] += merges  # after the old ones, which so keep their turn
    rust = Rust.from_str(json.dumps(data, ensure_ascii=False), tokenizer.rust.name)
    made = type(tokenizer)(rust, tokenizer.kind, tokenizer.specials, tokenizer.reversible)
    assert made.vocabulary == tokenizer.vocabulary + new
    return Extension(made, pieces)


def _words(tokenizer: FastTokenizer, texts: list[str]) -> dict[str, int]:
    """Return how often each word occurs, as the model gets it: normalised and cut by the tokenizer's own rules."""
    counts: Counter[str] = Counter()
    for batch in batches(texts):
        for words in tokenizer.rust.words(tokenizer.prepare(list(batch))):
            counts.update(words)
    ranked = sorted((word for word in counts if counts[word] >= _LEAST), key=lambda word: (-counts[word], word))
    return {word: counts[word] for word in ranked[:_WORDS]}


def _parts(written: list[tuple[str, int]], model: dict[str, Any], word: str) -> list[str]:
    """Return the pieces of a word, which the model writes so: those, the characters of a word that WordPiece cannot
    write, nothing for one that BPE cannot."""
    pieces = [piece for piece, _ in written]
    if model["unk_token"] not in pieces:
        return pieces
    if model["type"] == "BPE" or len(word) > model["max_input_chars_per_word"]:
        return []
    return _characters(word, model["continuing_subword_prefix"])


def _characters(word: str, mark: str) -> list[str]:
    first = len(mark) + 1 if word.startswith(mark) else 1
    return [word[:first], *(mark + character for character in word[first:])]


def _byte_pairs(words: list[_Word], model: dict[str, Any], new: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the next `new` pieces and the merges that make them."""
    merges: list[tuple[str, str]] = []
    made: dict[str, None] = {}
    for left, right, _ in _merging(words, "", model["vocab"]):
        merges.append((left, right))
        made[left + right] = None
        if len(made) == new:
            break
    return list(made), merges


def _word_pieces(words: list[_Word], model: dict[str, Any], new: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the `new` most used pieces once so many merged ones are in use; they need no merges.

    Characters that could not be written count as often as they occur, also within merged pieces: a word with a
    character that has no id is lost as a whole.
    """
    mark, old = model["continuing_subword_prefix"], model["vocab"]
    uses: Counter[str] = Counter()
    for pieces, count in words:
        for piece in pieces:
            uses[piece] += count
    unwritten = {piece: count for piece, count in uses.items() if piece not in old}
    merged: set[str] = set()
    for left, right, times in _merging(words, mark, old):
        whole = left + right[len(mark) :]
        for piece, change in ((left, -times), (right, -times), (whole, times)):
            uses[piece] += change
        merged.add(whole)
        merged.difference_update(piece for piece in (left, right) if uses[piece] < _LEAST)
        if len(merged) == new:
            break
    worth = {piece: uses[piece] for piece in merged} | unwritten
    used = sorted((piece for piece in worth if worth[piece] >= _LEAST), key=lambda piece: (-worth[piece], piece))
    return used[:new], []


def _merging(words: list[_Word], mark: str, old: Container[str]) -> Iterator[tuple[str, str, int]]:
    """Yield (left, right, occurrences) of the most frequent pair, first by name among equals, until none is left.

    Pairs that spell an old piece are passed over: the tokenizer's own rules did not choose it there.
    """
    parts, counts = [list(pieces) for pieces, _ in words], [count for _, count in words]
    pairs: Counter[tuple[str, str]] = Counter()
    where: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for place, pieces in enumerate(parts):
        for pair in pairwise(pieces):
            pairs[pair] += counts[place]
            where[pair].add(place)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapify(heap)
    while heap:
        negative, pair = heappop(heap)
        whole = pair[0] + pair[1][len(mark) :]
        if -negative != pairs[pair] or -negative < _LEAST or whole in old:
            continue  # an outdated entry (the right one is in the heap too), a rare pair, an old piece
        times, changes = 0, Counter()
        for place in where.pop(pair):
            before = parts[place]
            parts[place] = after = _replaced(before, pair, whole)
            times += (len(before) - len(after)) * counts[place]
            for old_pair in pairwise(before):
                changes[old_pair] -= counts[place]
            for new_pair in pairwise(after):
                changes[new_pair] += counts[place]
                where[new_pair].add(place)
        for changed, change in changes.items():
            pairs[changed] += change
            if change:
                heappush(heap, (-pairs[changed], changed))
        yield *pair, times


def _replaced(pieces: list[str], pair: tuple[str, str], whole: str) -> list[str]:
    out: list[str] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair and out[-1] is not whole:
            out[-1] = whole
        else:
            out.append(piece)
    return out


def _before(tokenizer: FastTokenizer, model: dict[str, Any], piece: str) -> list[int]:
    """Return the old ids that a new piece was written with: for WordPiece the longest that match, one by one."""
    if model["type"] == "BPE":
        return [number for _, number in tokenizer.rust.pieces([piece])[0]]
    mark, old, ids = model["continuing_subword_prefix"], model["vocab"], []
    rest = _characters(piece, mark)
    while rest:
        ends = range(len(rest), 0, -1)
        spelled = {end: rest[0] + "".join(part[len(mark) :] for part in rest[1:end]) for end in ends}
        end = next((end for end in ends if spelled[end] in old), 0)
        ids += [old[spelled[end]]] if end else []
        rest = rest[max(end, 1) :]
    return ids or [tokenizer.unk_id]
