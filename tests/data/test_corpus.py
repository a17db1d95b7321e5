"""A corpus streams every document, normalised and accounted for."""

from __future__ import annotations

import gzip
import json
import os
import unicodedata
from pathlib import Path

import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data.corpus import Corpus
from headstart.data.read_how import reading
from headstart.data.readers.txt import Text


def shared(name: str) -> Path:
    path = Path(os.environ.get("HEADSTART_DATA") or Path(__file__).parents[3] / "shared" / "data") / name
    if not path.exists():
        pytest.skip("no shared data")
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_documents_are_nfc_and_empty_rows_counted(tmp_path):
    path = write(tmp_path / "a.txt", unicodedata.normalize("NFD", "좋은 영화\n \n나쁜 영화\n"))
    corpus = Corpus(path, unit="line")
    assert list(corpus.documents()) == list(corpus.documents()) == ["좋은 영화", "나쁜 영화"]
    assert corpus.ledger.skipped == {"empty": 1}
    assert corpus.ledger.balanced
    assert [(row.source, row.line) for row in corpus.rows()] == [(str(path), 1), (str(path), 3)]
    assert next(Corpus(path, normal_form="none").documents()) != "좋은 영화"


def test_column_is_guessed_and_noted(tmp_path):
    rows = [{"id": str(i), "text": "짧다", "label": "0"} for i in range(3)]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    corpus = Corpus(path)
    assert list(corpus.documents()) == ["짧다"] * 3
    assert any("column 'text' chosen from id, text, label" in note for note in corpus.notes)
    odd = write(tmp_path / "b.csv", "k,words,n\n1,이것이 가장 긴 칸이다,22\n2,,3\n")
    corpus = Corpus(odd)
    assert list(corpus.documents()) == ["이것이 가장 긴 칸이다"]
    assert "the longest" in " ".join(corpus.notes)
    with pytest.raises(HeadstartError, match="no text column 'txt'; did you mean 'text'"):
        list(Corpus(path, column="txt").documents())


def test_limit_balances(tmp_path):
    corpus = Corpus(write(tmp_path / "a.txt", "\n".join(map(str, range(1000)))), limit=10)
    assert len(list(corpus.documents())) == 10
    assert corpus.ledger.read == corpus.ledger.used == 10
    assert "limit" in corpus.notes[-1]


def test_nothing_to_read_is_an_error(tmp_path):
    path = write(tmp_path / "a.jsonl", "oops\nstill oops\n")
    with pytest.raises(HeadstartError, match="2 not valid JSON"):
        list(Corpus(path).documents())
    with pytest.raises(HeadstartError, match="did you mean 'NF"):
        Corpus(path, normal_form="NFX")
    with pytest.raises(HeadstartError, match="limit=0"):
        Corpus(path, limit=0)


def test_fingerprint_follows_content_and_options_not_names(tmp_path):
    path = write(tmp_path / "a.txt", "가나다\n")
    first = Corpus(path).fingerprint()
    assert Corpus(path).fingerprint() == first
    assert Corpus(path, unit="line").fingerprint() != first
    assert Corpus(path.rename(tmp_path / "b.txt")).fingerprint() == first
    write(tmp_path / "b.txt", "가나라\n")
    assert Corpus(tmp_path / "b.txt").fingerprint() != first


@pytest.mark.full
def test_public_corpora_load_whole():
    for name, rows in (("gutenberg_en", 87_224), ("wikitext2", None), ("nsmc/dev.tsv.gz", 10_000)):
        corpus = Corpus(shared(name))
        count = sum(1 for _ in corpus.documents())
        assert corpus.ledger.balanced
        assert not corpus.ledger.skipped
        assert rows is None or count == rows


def bytes_of(size: int) -> bytes:
    return b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]


SETTINGS = {
    "none": {},
    "settings": {"column": "text", "unit": "line", "normal_form": "NFKC", "limit": 9},
    "filters": {"filters": [{"name": "length", "fewest": 20}]},
    "reader": {"reader": Text(unit="line")},
    "how": {"how": {"delimiter": ";"}},
}
KNOWN = {
    ("none", 10): "d16749818aa2",
    ("none", 65_536): "ce701c6c3476",
    ("none", 70_000): "f965f37e2a45",
    ("none", 3_000_000): "f845b3b94f12",
    ("settings", 10): "e56d74aefca3",
    ("settings", 65_536): "eda175112460",
    ("settings", 70_000): "162b87e64827",
    ("settings", 3_000_000): "b87dd389ce68",
    ("filters", 10): "d222ba728398",
    ("filters", 65_536): "8d445e8ec987",
    ("filters", 70_000): "41e811872651",
    ("filters", 3_000_000): "cfa2d4d02015",
    ("reader", 10): "3bcaaf8b8e41",
    ("reader", 65_536): "bcc895c075d1",
    ("reader", 70_000): "692566484354",
    ("reader", 3_000_000): "1d864314cf46",
    ("how", 10): "71e30924df77",
    ("how", 65_536): "5172e6c3b260",
    ("how", 70_000): "6ebc6444ab3e",
    ("how", 3_000_000): "1a9639713f1b",
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("size", [10, 65_536, 70_000, 3_000_000])
def test_fingerprints_are_those_of_earlier_versions(settings, size, tmp_path):
    """Artefacts keep them: a corpus that stayed is known again."""
    (tmp_path / "a.txt").write_bytes(bytes_of(size))
    assert Corpus(tmp_path / "a.txt", **SETTINGS[settings]).fingerprint()[:12] == KNOWN[settings, size]


def test_a_fingerprint_is_of_all_files_in_their_order_without_hidden_ones(tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert Corpus(tmp_path).files == [str(tmp_path)]
    known = Corpus(tmp_path).fingerprint()
    assert Corpus(tmp_path).bytes_on_disk() == 27
    write(tmp_path / "cat/.hidden", "x")
    (tmp_path / "cat/.git").mkdir()
    write(tmp_path / "cat/.git/x.png", "x")
    (tmp_path / "cat/empty.png").mkdir()
    assert Corpus(tmp_path).fingerprint() == known
    assert Corpus(tmp_path).bytes_on_disk() == 27
    write(tmp_path / "dog/3.png", "dog/3.pnx")
    assert Corpus(tmp_path).fingerprint() != known


def test_the_space_of_a_corpus_is_that_of_its_files(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"some words\n" * 99))
    write(tmp_path / "b.txt", "more\n")
    packed = (tmp_path / "a.txt.gz").stat().st_size
    assert Corpus([tmp_path / "a.txt.gz", tmp_path / "b.txt"]).bytes_on_disk() == packed + 5


def test_what_is_passed_over_is_told_of_every_pass_once(tmp_path):
    write(tmp_path / "a.txt", "one\ntwo\n")
    write(tmp_path / "b.x", "x")
    told = [f"{tmp_path}: passed over 1 of unknown format (b.x)"]
    corpus = Corpus(tmp_path, unit="line")
    assert corpus.notes == told
    for read in (corpus.documents, corpus.rows, corpus.documents):
        assert len(list(read())) == 2
        assert corpus.notes == told


@pytest.mark.parametrize("names", [["a.txt", "cat.jsonl"], ["cat.jsonl", "a.txt"]])
def test_texts_and_images_are_no_corpus_together(names, tmp_path):
    write(tmp_path / "a.txt", "one\ntwo\n")
    (tmp_path / "1.png").write_bytes(flat(3))
    write(tmp_path / "cat.jsonl", json.dumps({"image": "1.png"}) + "\n")
    corpus = Corpus([tmp_path / name for name in names])
    for read in (corpus.documents, corpus.rows):
        with pytest.raises(HeadstartError, match=rf"{names[1]}: it holds .*give data of one kind"):
            list(read())


def test_images_of_a_table(tmp_path):
    (tmp_path / "1.png").write_bytes(flat(3))
    rows = [{"image": "1.png"}, {"image": None}, {"image": "1.png"}]
    corpus = Corpus(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    for read in (corpus.documents, corpus.rows):
        assert len(list(read())) == 2
        assert corpus.ledger.skipped == {"no image": 1}
        assert corpus.ledger.balanced
    assert corpus.takes == "image"
    with pytest.raises(HeadstartError, match="filter length: filters look at texts, and these are images"):
        list(Corpus(tmp_path / "a.jsonl", filters=[{"name": "length"}]).documents())


def test_rows_of_a_table_without_a_text(tmp_path):
    rows = [{"text": "one"}, {"other": "x"}, {"text": " "}, {"text": "e\u0301"}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    for settings, last in (({}, "\u00e9"), ({"normal_form": "none"}, "e\u0301")):
        corpus = Corpus(path, column="text", **settings)
        for read in (lambda: list(corpus.documents()), lambda: [row.value for row in corpus.rows()]):  # noqa: B023
            assert read() == ["one", last]
            assert corpus.ledger.skipped == {"no text": 1, "empty": 1}
    assert corpus.takes == "text"


def test_a_column_is_looked_for_beyond_texts_without_columns(tmp_path):
    """Texts and records in one file: their blocks were no texts to join."""
    lines = [json.dumps("a text")] * 250 + [json.dumps({"a": "no", "b": "yes"})]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    found = list(Corpus(path, column="b").documents())
    assert found == ["a text"] * 250 + ["yes"]
    assert found == [row.value for row in Corpus(path, column="b").rows()]


def test_texts_and_records_in_one_file(tmp_path):
    lines = ['"a text"', '{"text": "of a record"}', '"another"']
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    assert list(Corpus(path).documents()) == ["a text", "of a record", "another"]
    assert [row.value for row in Corpus(path).rows()] == ["a text", "of a record", "another"]


def test_of_nothing_there_is_no_kind(tmp_path):
    with pytest.raises(HeadstartError, match="no document in"):
        Corpus(write(tmp_path / "a.txt", " \n\n"), unit="line").takes  # noqa: B018


def test_a_guess_is_told_where_there_is_a_choice(tmp_path):
    one = Corpus(write(tmp_path / "a.csv", "text\none word\nmore words\n"))
    assert list(one.documents()) == ["one word", "more words"]
    assert not any("chosen" in note for note in one.notes)
    two = Corpus(write(tmp_path / "b.csv", "text,n\none word,1\nmore words,2\n"))
    assert list(two.documents()) == ["one word", "more words"]
    assert any("column 'text' chosen from text, n (" in note for note in two.notes)


def test_with_a_unit_a_text_is_no_table(tmp_path):
    lines = ["__label__a one", "__label__b two"] * 4
    path = write(tmp_path / "a.txt", "\n".join(lines))
    assert list(Corpus(path).documents()) == ["one", "two"] * 4
    assert list(Corpus(path, unit="line").documents()) == lines
    assert list(Corpus(path, unit="file").documents()) == ["\n".join(lines)]


def test_a_corpus_of_which_most_is_lost_stops(tmp_path):
    path = write(tmp_path / "a.jsonl", "\n".join([json.dumps({"text": "some words"})] * 9 + ["{"] * 9))
    for read in (Corpus(path).documents, Corpus(path).rows):
        with pytest.raises(HeadstartError, match="--lost"):
            list(read())
    assert len(list(Corpus(path, how={"lost": 1.0}).documents())) == 9


def test_filters_leave_out_and_say_why(tmp_path):
    boilerplate = "All rights reserved. Terms of use apply."
    texts = [
        f"Document {number} tells of the town of Springfield and its people.\n{boilerplate}" for number in range(30)
    ]
    rows = [{"text": text} for text in [*texts, "too short"]]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    corpus = Corpus(path, filters=[{"name": "length", "fewest": 20}, {"name": "boilerplate"}])
    found = list(corpus.documents())
    assert found == [text.split("\n")[0] for text in texts]
    assert sum(corpus.ledger.skipped.values()) == 1
    assert corpus.ledger.balanced
    assert corpus.ledger.changed == {"documents: lines of boilerplate taken out": 30}


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_is_the_most_that_is_used(limit, tmp_path):
    path = write(tmp_path / "a.txt", "one\n\ntwo\n")
    corpus = Corpus(path, unit="line", limit=limit)
    assert list(corpus.documents()) == ["one", "two"][:limit]
    assert corpus.ledger.used == min(limit, 2)
    assert any(f"stopped at the limit of {limit} documents" in note for note in corpus.notes) is (limit < 3)
    for wrong in (0, -1):
        with pytest.raises(HeadstartError, match=f"limit={wrong}: expected"):
            Corpus(path, limit=wrong)
    for wrong in ({"unit": "page"}, {"normal_form": "NFX"}):
        with pytest.raises(HeadstartError, match="unknown"):
            Corpus(path, **wrong)


def test_how_files_are_read_is_kept_with_the_corpus(tmp_path):
    path = write(tmp_path / "a.csv", "a;b\n1,5;some words\n2,5;more words\n")
    with reading(header=False):
        kept = Corpus(path)
        assert Corpus(path, how={}).how.given == {}
    assert kept.how.given == {"header": False}
    assert len(list(kept.documents())) == 3


def test_nothing_in_several_files_names_the_first(tmp_path):
    paths = [write(tmp_path / f"{number}.txt", " \n") for number in range(4)]
    for read in (Corpus(paths, unit="line").documents, Corpus(paths, unit="line").rows):
        with pytest.raises(HeadstartError, match=r"no document in .*0\.txt, .*1\.txt, .*2\.txt: .*4 empty") as caught:
            list(read())
        assert "\n" not in str(caught.value)
