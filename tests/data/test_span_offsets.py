"""Spans that do not say what they cover: words tell how their offsets were meant, and what is right is left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.data.read_request import ReadRequest
from headstart.tasks.tag import TagTask

WORDS = [
    "Apple",
    "buys",
    "a",
    "startup",
    "in",
    "London",
    "and",
    "Zürich",
    "from",
    "Žižek",
    "of",
    "Μilos",
    "on",
    "Monday",
]
WRITTEN = {
    "": lambda text, start, end: (start, end),
    "ends are inclusive": lambda text, start, end: (start, end - 1),
    "offsets count from 1, ends are inclusive": lambda text, start, end: (start + 1, end),
    "offsets count from 1": lambda text, start, end: (start + 1, end + 1),
    "offsets count bytes of UTF-8": lambda text, start, end: (len(text[:start].encode()), len(text[:end].encode())),
}


def sentences(rows: int) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """Return texts that begin with letters of two bytes, and two spans of whole words in each."""
    random, found = np.random.default_rng(0), []
    for _ in range(rows):
        words = ["Ünal", *random.choice(WORDS, 8)]
        text, spans = " ".join(words), []
        for place in sorted(random.choice(len(words), 2, replace=False)):
            start = len(" ".join(words[:place])) + (place > 0)
            spans.append((int(start), int(start + len(words[place])), "NAME"))
        found.append((text, spans))
    return found


def read(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text, "spans": spans}) + "\n" for text, spans in rows))
    return TagTask().read_examples(ReadRequest(paths=path))


@pytest.mark.parametrize("reading", WRITTEN)
def test_words_tell_how_offsets_were_meant(tmp_path, reading):
    truth = sentences(30)
    written = [
        (text, [(*WRITTEN[reading](text, start, end), label) for start, end, label in spans]) for text, spans in truth
    ]
    examples, ledger = read(tmp_path, written)
    assert [[tuple(span) for span in row] for row in examples.targets] == [spans for _, spans in truth]
    told = [note for note in ledger.notes if "converted" in note]
    assert told == ([] if not reading else [f"{tmp_path}/rows.jsonl: in 30 rows {reading}: converted"])


def test_particles_and_compounds_are_left_alone(tmp_path):
    """Korean names end inside of words: nothing is guessed from them."""
    rows = [("서울은 김철수가 사는 도시다", [(0, 2, "LOC"), (4, 7, "PER")])] * 20
    examples, ledger = read(tmp_path, rows)
    assert [tuple(span) for span in examples.targets[0]] == rows[0][1]
    assert not any("converted" in note or "warning" in note for note in ledger.notes)


def test_some_spans_inside_of_words_are_left_alone(tmp_path):
    rows = [("the Londoner left #MeToo", [(4, 10, "LOC"), (13, 17, "VERB"), (19, 24, "TAG")])] * 20
    examples, ledger = read(tmp_path, rows)
    assert [tuple(span) for span in examples.targets[0]] == rows[0][1]
    assert not any("converted" in note for note in ledger.notes)


def test_spans_of_other_texts_are_warned_of(tmp_path):
    """Offsets of texts before they were cleaned fit no reading."""
    random = np.random.default_rng(0)
    rows = []
    for text, spans in sentences(40):
        shift = int(random.integers(2, 4))
        rows.append((text + " at the end", [(start + shift, end + shift, label) for start, end, label in spans]))
    _, ledger = read(tmp_path, [(text, spans[:1]) for text, spans in rows])
    assert any("of the spans begin or end inside of a word" in note for note in ledger.notes)


def test_few_spans_decide_nothing(tmp_path):
    rows = [("Apple buys a startup", [(0, 4, "ORG")])] * 4
    examples, ledger = read(tmp_path, rows)
    assert tuple(examples.targets[0][0]) == (0, 4, "ORG")
    assert not any("converted" in note for note in ledger.notes)


def test_what_cannot_be_read_either_way_is_the_first_complaint(tmp_path):
    with pytest.raises(HeadstartError, match="span beyond the text"):
        read(tmp_path, [("Apple buys", [(90, 95, "ORG")])] * 20)
