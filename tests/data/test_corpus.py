"""A corpus streams every document, normalised and accounted for."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.corpus import Corpus


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
