"""CoNLL-U: text and word offsets, words written as one, words not written, faults."""

from __future__ import annotations

import io

import pytest

from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, read_rows
from headstart.data.readers.conllu import ConllU
from headstart.data.row import ByteStream, Source


def word(number: object, form: str, upos: str = "_", xpos: str = "_", misc: str = "_") -> str:
    return "\t".join([str(number), form, "_", upos, xpos, "_", "_", "_", "_", misc])


def read(*lines: str) -> tuple[list, Ledger]:
    ledger = Ledger()
    return list(ConllU().read(Source("f", ByteStream(io.BytesIO("\n".join(lines).encode()))), ledger)), ledger


def labelled(value: dict) -> list[tuple[str, str]]:
    return [(value["text"][w["start"] : w["end"]], w["label"]) for w in value["words"]]


def test_text_and_words():
    rows, ledger = read(
        "# sent_id = 1",
        "# text = 집이  크다.",  # two blanks, as in the source
        word(1, "집이", "NOUN", "NNG+JKS"),
        word(2, "크다", "ADJ", "VA+EF", "SpaceAfter=No|X=1"),
        word(3, ".", "PUNCT", "SF"),
        "",
        "",
        word(1, "뭐", "PRON", misc="SpaceAfter=No"),
        word(2, "?", "PUNCT"),
    )
    assert rows[0].value == {
        "text": "집이  크다.",
        "words": [
            {"start": 0, "end": 2, "label": "NOUN"},
            {"start": 4, "end": 6, "label": "ADJ"},
            {"start": 6, "end": 7, "label": "PUNCT"},
        ],
    }
    assert rows[1].value["text"] == "뭐?"
    assert [row.line for row in rows] == [1, 8]
    assert not ledger.notes


def test_text_that_the_words_do_not_make_is_not_used():
    rows, ledger = read("# text = 5.0 버전", word(1, "5", "NUM"), word(2, "버전", "NOUN"))
    assert rows[0].value["text"] == "5 버전"
    assert labelled(rows[0].value) == [("5", "NUM"), ("버전", "NOUN")]
    assert "1 sentences differ from" in ledger.notes[0]
    rows, ledger = read("# text = one two three", word(1, "one"), word(2, "two"))
    assert rows[0].value["text"] == "one two"
    assert len(ledger.notes) == 1


def test_xpos_where_no_upos_is_given():
    rows, _ = read(word(1, "a", "_", "NN"), word(2, "b", "_", "VV"))
    assert labelled(rows[0].value) == [("a", "NN"), ("b", "VV")]
    rows, _ = read(word(1, "a", "_", "NN"), word(2, "b", "VERB", "VV"))
    assert labelled(rows[0].value) == [("a", "_"), ("b", "VERB")]


def test_words_written_as_one_and_words_not_written():
    rows, ledger = read(
        "# text = don't go du parc",
        word("1-2", "don't"),
        word(1, "do", "AUX"),
        word(2, "n't", "PART"),
        word(3, "go", "VERB"),
        word("3.1", "there", "ADV"),
        word("4-5", "du"),
        word(4, "de", "ADP"),
        word(5, "le", "DET"),
        word(6, "parc", "NOUN"),
    )
    assert labelled(rows[0].value) == [
        ("do", "AUX"),
        ("n't", "PART"),
        ("go", "VERB"),
        ("du", "ADP+DET"),
        ("parc", "NOUN"),
    ]
    assert not ledger.notes
    rows, _ = read(word("1-2", "du", misc="SpaceAfter=No"), word(1, "de", "ADP"), word(2, "le", "DET"), word(3, "."))
    assert rows[0].value["text"] == "du."


@pytest.mark.parametrize(
    ("lines", "reason", "line"),
    [
        (["1\ta"], "not ten columns", 3),
        ([word(1, "a"), word(3, "b")], "words out of order", 4),
        ([word(2, "a")], "words out of order", 3),
        ([word("1-2", "a"), word(1, "a")], "words out of order", 4),
        ([word("1-3", "a"), word(1, "a"), word("2-3", "b"), word(2, "b"), word(3, "b")], "words out of order", 5),
        ([word(1, "a"), word("2-1", "b"), word(2, "b")], "words out of order", 4),
        ([word("x", "a")], "words out of order", 3),
        ([word(1, "")], "no form", 3),
    ],
)
def test_a_faulty_sentence_is_rejected_and_the_others_are_used(lines, reason, line):
    rows, ledger = read(word(1, "first"), "", *lines, "", word(1, "last"))
    assert [row.value["text"] for row in rows] == ["first", "last"]
    assert ledger.skipped == {reason: 1}
    assert ledger.complaints[0].startswith(f"f:{line}: {reason}")


def test_forms_with_blanks_around_make_a_text():
    rows, _ = read("# text = a b", word(1, " a "), word(2, "b\u3000"))
    assert rows[0].value["text"] == " a  b\u3000"
    assert labelled(rows[0].value) == [(" a ", "_"), ("b\u3000", "_")]


def test_blanks_between_the_words_are_those_of_the_text():
    for text in ("a b c", "a  b   c", "a\u3000b c", " a b c", "ab c", "abc"):
        rows, ledger = read(f"# text = {text}", "# more = x", *(word(n, form) for n, form in enumerate("abc", 1)))
        assert rows[0].value["text"] == text.strip()
        assert [one["start"] for one in rows[0].value["words"]] == [text.strip().index(form) for form in "abc"]
        assert not ledger.notes


def test_sentences_that_differ_from_their_text_are_counted():
    rows, ledger = read(
        "# text = x", word(1, "a"), "", word(1, "b"), "", "# text = b c", word(1, "b"), "", "# text = d", word(1, "d")
    )
    assert [row.value["text"] for row in rows] == ["a", "b", "b", "d"]
    assert [row.line for row in rows] == [1, 4, 6, 9]
    assert ledger.notes == ["f: 2 sentences differ from their '# text'; made of the words"]


def test_blanks_of_a_text_that_is_made_of_the_words():
    glued = "SpaceAfter=No"
    for gaps, text in [((glued, "_", "_"), "ab c"), (("_", glued, "_"), "a bc"), (("_", "_", glued), "a b c")]:
        rows, _ = read(*(word(n, form, misc=gap) for n, (form, gap) in enumerate(zip("abc", gaps), 1)))
        assert rows[0].value["text"] == text


def test_tokens_of_several_words_may_follow_each_other():
    du, au = (
        [word("1-2", "du"), word(1, "de", "A"), word(2, "le", "B")],
        [word("3-4", "au"), word(3, "a", "C"), word(4, "u", "D")],
    )
    rows, ledger = read(*du, *au, "", *du)
    assert [labelled(row.value) for row in rows] == [[("du", "A+B"), ("a", "C"), ("u", "D")], [("du", "A+B")]]
    assert not ledger.skipped


def test_comments_of_their_own_are_no_sentence():
    rows, ledger = read("# global", "", word(1, "a"))
    assert [row.value["text"] for row in rows] == ["a"]
    assert ledger.read == 0


def test_recognised_without_a_suffix():
    sample = "\n".join(["# sent_id = 1", "# text = du", word("1-2", "du"), word(1, "de"), word(2, "le"), ""])
    assert choose_reader("-", sample.encode()).name == "conllu"
    assert choose_reader("-", b"# a comment\n1 is a number\n").name == "txt"


@pytest.mark.parametrize(
    ("file", "sentences", "labels", "rebuilt"),
    [
        ("ud_korean_gsd/train.conllu.gz", 4400, 17, 0),
        ("ud_korean_gsd/dev.conllu.gz", 950, 17, 0),
        ("ud_korean_kaist/dev.conllu.gz", 2066, 17, 0),
        ("klue/dp_train.conllu.gz", 1440, 1221, 3),
        ("klue/dp_dev.conllu.gz", 160, 1221, 3),
    ],
)
def test_shared_sets_load_whole(shared_data, file, sentences, labels, rebuilt):
    ledger = Ledger()
    rows = list(read_rows(str(shared_data / file), ledger))
    assert (len(rows), ledger.read) == (sentences, 0)
    assert len(ledger.notes) == (rebuilt > 0)
    assert all(note.split(": ")[1].startswith(f"{rebuilt} sentences") for note in ledger.notes)
    for row in rows:
        joined = "".join(text for text, _ in labelled(row.value))
        assert joined.replace(" ", "") == row.value["text"].replace(" ", "")
    found = {word["label"] for row in rows for word in row.value["words"]}
    assert "_" not in found
    assert len(found) <= labels


def test_a_corpus_of_sentences(shared_data):
    corpus = Corpus(shared_data / "ud_korean_kaist/dev.conllu.gz", limit=1)
    assert list(corpus.documents()) == ["내 고향은 서울입니다."]
