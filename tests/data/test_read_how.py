"""What is said about reading holds for every file of a block; much that cannot be read stops, unless one goes on."""

from __future__ import annotations

import bz2
import gzip

import pytest

import headstart as hs
from headstart.core.errors import HeadstartError
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.read_how import ReadHow, current, reading
from headstart.data.read_request import ReadRequest, read_labelled_rows


def values(path) -> list:
    return [row.value for row in read_rows(str(path), Ledger())]


def test_settings_hold_inside_a_block_and_nest(tmp_path):
    (tmp_path / "rows.csv").write_bytes("가;나\n다;라\n".encode("cp949"))
    with reading(delimiter=";", header=False):
        assert values(tmp_path / "rows.csv") == [{"1": "가", "2": "나"}, {"1": "다", "2": "라"}]
        with reading(header=True, encoding="cp949"):
            assert values(tmp_path / "rows.csv") == [{"가": "다", "나": "라"}]
        assert current() == ReadHow(delimiter=";", header=False)
    assert current() == ReadHow()
    assert hs.reading is reading


def test_a_corpus_keeps_how_it_is_read(tmp_path):
    (tmp_path / "rows.csv").write_text("a text;x\nb text;y\n")
    with reading(header=False):
        corpus = Corpus(tmp_path / "rows.csv", column="1")
    assert list(corpus.documents()) == ["a text", "b text"]
    again = Corpus(tmp_path / "rows.csv", column="1", how=corpus.how.given)
    assert list(again.documents()) == ["a text", "b text"]
    assert again.fingerprint() == corpus.fingerprint() != Corpus(tmp_path / "rows.csv").fingerprint()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"encoding": "cp9949"}, "unknown encoding 'cp9949'"),
        ({"header": "maybe"}, "--header maybe: expected yes or true or no or false"),
        ({"delimiter": "ab"}, "--delimiter 'ab': expected one character"),
        ({"quoting": "some"}, "--quoting some"),
        ({"lost": "2"}, "--lost 2: expected a share of the rows, 0 to 1"),
        ({"sheets": "x"}, "unknown setting of reading 'sheets'.*did you mean 'sheet'"),
    ],
)
def test_wrong_settings_are_named(given, said):
    with pytest.raises(HeadstartError, match=said), reading(**given):
        pass


def test_words_for_marks():
    with reading(delimiter="tab", header="no", quoting="auto", lost="0.5") as how:
        assert how == ReadHow(delimiter="\t", header=False, lost=0.5)


def broken_table(path, rows: int, broken: int):
    lines = [f"{number}\ta text\tpos" if number % 2 else f"{number}\tb text\tneg" for number in range(rows)]
    lines[1 : 1 + broken] = ["only one cell"] * broken
    path.write_text("id\ttext\tlabel\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("rows", "broken", "stops"), [(10, 1, False), (10, 4, True), (1000, 30, False), (1000, 80, True)]
)
def test_many_unreadable_rows_stop(tmp_path, rows, broken, stops):
    path = broken_table(tmp_path / "rows.tsv", rows, broken)
    for read in (
        lambda: read_labelled_rows(ReadRequest(paths=path), lambda line: None),
        lambda: list(Corpus(path, column="text").documents()),
    ):
        if not stops:
            read()
            continue
        with pytest.raises(HeadstartError, match=f"{broken} of {rows:,} rows cannot be read .*--lost 1"):
            read()
        with reading(lost=1):
            assert read()


@pytest.mark.parametrize("cut", [True, False])
def test_half_a_compressed_file_stops(tmp_path, cut):
    path = tmp_path / "rows.tsv.gz"  # whatever its name says
    text = "".join(f"text {number} {hash(str(number))}\t{number % 2}\n" for number in range(30_000))
    data = ("text\tlabel\n" + text).encode()
    packed = gzip.compress(data) if cut else bz2.compress(data, 1)  # which checks every 100 kB
    half = packed[: len(packed) // 2]
    path.write_bytes(half if cut else half + bytes(len(half)))
    said = "its end is missing" if cut else r"\d+% of the compressed file can be read"
    with pytest.raises(HeadstartError, match=f"damaged, {said}"):
        read_labelled_rows(ReadRequest(paths=path), lambda line: None)
    with pytest.raises(HeadstartError, match="damaged"):
        list(Corpus(path, column="text").documents())
    with reading(lost=1):
        examples, _ = read_labelled_rows(ReadRequest(paths=path), lambda line: None)
    assert 5_000 < len(examples) < 30_000
