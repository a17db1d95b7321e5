"""Words in sentences with the sense each has there: the built-in homographs, a file's, or made from any corpus.

Made ones are pseudo-words (Schuetze 1992; Gale, Church & Yarowsky 1992): two words that stand in unlike company are
both written as a third, so that nothing but the sentence tells which of the two it was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.seeds import numpy_generator
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows, shown

BUILT_IN = Path(__file__).with_name("homographs.jsonl")
_DOCUMENTS = 200_000  # of a corpus are read at most
_COMMON, _RARE = 60, 3000  # ranks of frequency between which words are taken: neither particles nor too rare
_NEAR = 5  # words on each side that count as company
_COMPANY = 1000  # the commonest words are what company is described by
_ROOM = 15  # words on each side that a made sentence keeps
_LEAST = 4  # fewest words on each side of a sentence together


@dataclass(frozen=True)
class Occurrence:
    """`word` stands at characters `start` to `end` of `text`, in the sense `sense`."""

    word: str
    sense: str
    text: str
    start: int
    end: int


def read_occurrences(path: Path | str = BUILT_IN) -> list[Occurrence]:
    """Read JSON lines with word, sense, text and, where the word stands more than once in it, start (in characters).

    Raises HeadstartError naming file and line: a field is missing, the word is not there or more than once.
    """
    source, found = shown(str(path)), []
    for row in read_rows(str(path), Ledger()):
        where = f"{source}, line {row.line}"
        value = row.value if isinstance(row.value, dict) else {}
        if not all(isinstance(value.get(name), str) and value[name] for name in ("word", "sense", "text")):
            raise HeadstartError(f'{where}: expected {{"word": ..., "sense": ..., "text": ...}}')
        word, text, start = value["word"], value["text"], value.get("start")
        if start is None:
            if text.count(word) != 1:
                raise HeadstartError(f"{where}: '{word}' stands {text.count(word)} times in the text; give its start")
            start = text.index(word)
        if not isinstance(start, int) or text[start : start + len(word)] != word:
            raise HeadstartError(f"{where}: '{word}' does not stand at character {start}")
        found.append(Occurrence(word, value["sense"], text, start, start + len(word)))
    return found


def pseudo_occurrences(documents: Iterable[str], *, words: int = 30, each: int = 12, seed: int = 0) -> list[Occurrence]:
    """Return occurrences of `words` pseudo-words with two senses, `each` sentences per sense.

    The two senses are words of like frequency whose company is as unlike as can be; both are written as a third word
    of like frequency, which stands nowhere else in the sentence. No document is used twice for a word.
    Raises HeadstartError: the corpus is too small.
    """
    sentences = [split for text in islice(documents, _DOCUMENTS) if len(split := text.split()) > _LEAST]
    counts = Counter(word for sentence in sentences for word in sentence)
    ranked = sorted((w for w in counts if w.isalpha() and len(w) > 1), key=lambda w: (-counts[w], w))
    candidates = [word for word in ranked[_COMMON:_RARE] if counts[word] >= 2 * each]
    if len(candidates) < 3 * words:
        raise HeadstartError(
            f"the corpus has {len(candidates):,} words that occur {2 * each} times or more; {words} pseudo-words need "
            f"{3 * words}: give a larger --corpus"
        )
    stands = _where(sentences, candidates)
    triples = _unlike(sentences, stands, candidates, ranked[:_COMPANY])
    order = numpy_generator(seed, "pseudo-words").permutation(len(triples))
    found: list[Occurrence] = []
    made = 0
    for number in order:
        one, two, carrier = triples[number]
        senses = []
        for sense, other in ((one, two), (two, one)):
            rows = [row for row in stands[sense] if not {other, carrier} & set(sentences[row])]
            picks = numpy_generator(seed, "pseudo-words", sense).permutation(len(rows))
            tried = (_sentence(sentences[rows[pick]], sense, carrier) for pick in picks)
            senses.append(list(islice((item for item in tried if item is not None), each)))
        if min(map(len, senses)) == each:
            found += senses[0] + senses[1]
            made += 1
        if made == words:
            return found
    raise HeadstartError(f"the corpus gave {made} pseudo-words of {words}: give a larger --corpus")


def _where(sentences: Sequence[list[str]], words: Sequence[str]) -> dict[str, dict[int, int]]:
    """Return for each word the sentences in which it stands exactly once, with its place there."""
    stands: dict[str, dict[int, int]] = defaultdict(dict)
    wanted = set(words)
    for row, sentence in enumerate(sentences):
        for place, word in enumerate(sentence):
            if word in wanted:
                stands[word][row] = -1 if row in stands[word] else place
    return {word: {row: place for row, place in stands[word].items() if place >= 0} for word in words}


def _unlike(
    sentences: Sequence[list[str]], stands: dict, candidates: Sequence[str], company: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Return (one sense, other sense, carrier): each word, commonest first, takes the most unlike of the next 30."""
    column = {word: number for number, word in enumerate(company)}
    near = np.zeros((len(candidates), len(company)), np.float32)
    for number, word in enumerate(candidates):
        for row, place in stands[word].items():
            for neighbour in sentences[row][max(0, place - _NEAR) : place + _NEAR + 1]:
                if neighbour in column and neighbour != word:
                    near[number, column[neighbour]] += 1
    share = near / np.maximum(near.sum(1, keepdims=True), 1)
    expected = near.sum(0) / max(near.sum(), 1)
    association = np.log(np.maximum(share / np.maximum(expected, 1e-9), 1.0))  # positive PMI
    association /= np.maximum(np.linalg.norm(association, axis=1, keepdims=True), 1e-9)
    free, triples = list(range(len(candidates))), []
    while len(free) > 32:
        one = free.pop(0)
        two = min(free[:30], key=lambda other: float(association[one] @ association[other]))
        free.remove(two)
        triples.append((candidates[one], candidates[two], candidates[free.pop(0)]))
    return triples


def _sentence(words: list[str], sense: str, carrier: str) -> Occurrence | None:
    """Return the words around `sense` with `carrier` in its place; None when there are too few."""
    place = words.index(sense)
    before, after = words[max(0, place - _ROOM) : place], words[place + 1 : place + 1 + _ROOM]
    if len(before) + len(after) < _LEAST or not before:  # a first word may be written in another way
        return None
    start = len(" ".join([*before, ""]))
    text = " ".join([*before, carrier, *after])
    return Occurrence(carrier, sense, text, start, start + len(carrier))
