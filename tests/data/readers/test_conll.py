"""CoNLL columns: spans as conlleval reads them, offsets that fit, faulty sentences rejected and named."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from headstart.data import sentence_blocks as blocks_module
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, read_rows
from headstart.data.readers.conll import Conll
from headstart.data.row import ByteStream, Source
from headstart.data.tag_schemes import spans

SAMPLE = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
Kim NN I-NP B-PER
Min NN I-NP I-PER
ho NN I-NP B-PER

Seoul NNP B-NP I-LOC
"""


def read(text: str) -> tuple[list, Ledger]:
    ledger = Ledger()
    return list(Conll().read(Source("f", ByteStream(io.BytesIO(text.encode()))), ledger)), ledger


def test_sentences_and_offsets():
    rows, ledger = read(SAMPLE)
    assert [row.value["text"] for row in rows] == ["EU rejects Kim Min ho", "Seoul"]
    assert [row.line for row in rows] == [3, 9]
    assert rows[0].value["entities"] == [
        {"start": 0, "end": 2, "label": "ORG"},
        {"start": 11, "end": 18, "label": "PER"},
        {"start": 19, "end": 21, "label": "PER"},
    ]
    assert rows[1].value["entities"] == [{"start": 0, "end": 5, "label": "LOC"}]
    assert ledger.read == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O", [(0, 2, "A")]),
        ("I-A I-A B-A I-A", [(0, 2, "A"), (2, 4, "A")]),  # IOB1
        ("I-A I-B", [(0, 1, "A"), (1, 2, "B")]),
        ("B-A I-B O I-A", [(0, 1, "A"), (1, 2, "B"), (3, 4, "A")]),
        ("B-A I-A E-A S-B S-B", [(0, 3, "A"), (3, 4, "B"), (4, 5, "B")]),  # BIOES
        ("S-A I-A E-A I-A", [(0, 1, "A"), (1, 3, "A"), (3, 4, "A")]),
        ("B-A L-A U-A U-B", [(0, 2, "A"), (2, 3, "A"), (3, 4, "B")]),  # BILOU
        ("B-creative-work I-creative-work", [(0, 2, "creative-work")]),
        ("O O", []),
    ],
)
def test_spans_by_hand(tags, expected):
    assert spans(tags.split()) == expected


def test_spans_equal_seqeval():
    entities = pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities
    random = np.random.default_rng(0)
    tags = ["O", *(f"{kind}-{label}" for kind in "BIES" for label in ("A", "B"))]
    for _ in range(4000):
        drawn = [str(tag) for tag in random.choice(tags, size=random.integers(1, 9))]
        assert [(label, first, end - 1) for first, end, label in spans(drawn)] == entities(drawn)


def test_tabs_keep_blanks_inside_tokens_and_empty_tokens_are_left_out():
    rows, ledger = read("New York\tB-LOC\n \tO\n\tI-LOC\nnow\tO\n")
    assert rows[0].value == {"text": "New York now", "entities": [{"start": 0, "end": 8, "label": "LOC"}]}
    assert ledger.notes == ["f: 2 empty tokens were left out"]


@pytest.mark.parametrize(
    ("fault", "reason", "line"),
    [
        ("alone", "one column only", 4),
        ("word\tNN", "the last column is no BIO tag", 4),
        ("word\tB-", "the last column is no BIO tag", 4),
        ("word\t_", "the last column is no BIO tag", 4),
    ],
)
def test_a_faulty_sentence_is_rejected_and_the_others_are_used(fault, reason, line):
    rows, ledger = read(f"a\tO\n\nb\tB-X\n{fault}\nc\tO\n\nd\tO\n")
    assert [row.value["text"] for row in rows] == ["a", "d"]
    assert ledger.skipped == {reason: 1}
    assert ledger.complaints[0].startswith(f"f:{line}: {reason} (")


def test_a_broken_line_spoils_its_sentence_only():
    ledger = Ledger()
    rows = list(Conll().read(Source("f", ByteStream(io.BytesIO(b"a\tO\n\nb\tO\n\xff\tO\nc\tO\n\nd\tO"))), ledger))
    assert [row.value["text"] for row in rows] == ["a", "d"]
    assert ledger.skipped == {"not valid UTF-8": 1}
    assert ledger.complaints[0].startswith("f:4:")


def test_a_sentence_without_end_is_not_held(monkeypatch):
    monkeypatch.setattr(blocks_module, "MAX_ROW_BYTES", 3000)
    rows, ledger = read("word\tO\n" * 2000 + "\nlast\tO\n")
    assert [row.value["text"] for row in rows] == ["last"]
    assert ledger.skipped == {"longer than 16 MiB": 1}


def test_half_a_sentence_of_a_damaged_file_is_not_used(tmp_path):
    random = np.random.default_rng(0)
    words = [f"w{n}\tO\nx{n * n}\tB-X\n\n" for n in random.integers(10**9, size=4000)]
    path, ledger = tmp_path / "a.conll.gz", Ledger()
    packed = gzip.compress("".join(words).encode())
    path.write_bytes(packed[: len(packed) // 2])
    rows = list(read_rows(str(path), ledger))
    assert 100 < len(rows) < 4000
    whole = [f"{first[:-2]} {second[:-4]}" for first, second, _ in map(str.splitlines, words)]
    assert [row.value["text"] for row in rows] == whole[: len(rows)]


def test_a_file_damaged_between_two_lines_of_a_sentence():
    class Damaged(ByteStream):
        damage = "it breaks off"

    ledger = Ledger()
    rows = list(Conll().read(Source("f", Damaged(io.BytesIO(b"a\tO\n\nb\tO\nc\tO\n"))), ledger))
    assert [row.value["text"] for row in rows] == ["a"]
    assert ledger.skipped == {"cut off by the damaged end of the file": 1}


def test_recognised_without_a_suffix():
    assert choose_reader("-", SAMPLE.encode()).name == "conll"
    assert choose_reader("-", b"a\tO\nb\tB-X\n\nc\tO\n").name == "conll"
    assert choose_reader("-", b"text\tlabel\nb\tO\nc\tO\n").name == "csv"
    assert choose_reader("-", b"To be or not to be\nis the question\n").name == "txt"


TAGGED = "word O\n"
STREAMS = {
    "two lines": (TAGGED * 2, True),
    "a line": (TAGGED, False),
    "a line and a blank one": (TAGGED + "\n", False),
    "a line and one that is cut": (TAGGED + "wor", False),
    "two lines and one that is cut": (TAGGED * 2 + "wor", True),
    "two lines and one without its end": (TAGGED * 2 + "word", True),
    "blank lines between": (TAGGED + "\n" + TAGGED, True),
    "more columns": ("EU NNP B-NP B-ORG\n" * 2, True),
    "tags alone": ("O\n" * 9, False),
    "a line without a tag": (TAGGED * 2 + "word\n" + TAGGED, False),
    "a line of another tag": (TAGGED * 2 + "word NN\n" + TAGGED, False),
    "plain words after fifteen lines": (TAGGED * 15 + "plain words here\n", False),
    "plain words after thirty lines": (TAGGED * 30 + "plain words here\n", True),
    "nothing": ("", False),
}


def test_streams_that_are_taken_for_tagged_tokens():
    assert {name: bool(Conll.recognises(text.encode())) for name, (text, _) in STREAMS.items()} == {
        name: wanted for name, (_, wanted) in STREAMS.items()
    }
    assert Conll.plain


def test_marks_of_documents_are_no_tokens_wherever_they_stand():
    rows, ledger = read(
        "-DOCSTART- O\nSeoul B-LOC\nis O\n-DOCSTART- O\nBusan B-LOC\nCity I-LOC\n\n-DOCSTART- O\n\nend O\n"
    )
    assert [(row.value["text"], row.line) for row in rows] == [("Seoul is Busan City", 1), ("end", 10)]
    assert rows[0].value["entities"] == [
        {"start": 0, "end": 5, "label": "LOC"},
        {"start": 9, "end": 19, "label": "LOC"},
    ]
    assert not ledger.notes


def test_empty_tokens_are_counted_over_all_sentences():
    rows, ledger = read("a\tO\n \tO\nb\tO\n\n \tO\n\n \tO\n \tB-X\nc\tO\n")
    assert [(row.value["text"], row.line) for row in rows] == [("a b", 1), ("c", 7)]
    assert ledger.notes == ["f: 4 empty tokens were left out"]


@pytest.mark.parametrize(
    ("file", "sentences", "entities"),
    [
        ("wnut17/train.conll.gz", 3394, 1975),
        ("wnut17/dev.conll.gz", 1009, 836),
        ("btc_ner/train.conll.gz", 6633, 9576),
        ("btc_ner/dev.conll.gz", 700, 933),
    ],
)
def test_shared_sets_load_whole(shared_data, file, sentences, entities):
    ledger = Ledger()
    rows = list(read_rows(str(shared_data / file), ledger))
    assert (len(rows), ledger.read) == (sentences, 0)
    found = [(row.value["text"], span) for row in rows for span in row.value["entities"]]
    assert len(found) == entities  # as many as there are B- tags
    assert all(0 <= span["start"] < span["end"] <= len(text) for text, span in found)
    assert all(text[span["start"] : span["end"]].strip() == text[span["start"] : span["end"]] for text, span in found)


def test_a_corpus_of_sentences(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(SAMPLE)
    assert list(Corpus(path).documents()) == ["EU rejects Kim Min ho", "Seoul"]
