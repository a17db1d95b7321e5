"""Lines of bytes within their limit, rows in blocks, files in parts: both sides of every bound, and what is said."""

from __future__ import annotations

import gzip
import io
from itertools import product

import pytest

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data import row
from headstart.data.ledger import Ledger
from headstart.data.row import (
    BAD_UTF8,
    CUT_OFF,
    TOO_LONG,
    ByteStream,
    ChangedStream,
    Line,
    Row,
    Source,
    in_blocks,
    lines,
    need_no_bomb,
    read_whole,
    refuse,
    short,
    usable,
)

MIB = 1 << 20


def source(data: bytes) -> Source:
    return Source("t.txt", ByteStream(io.BytesIO(data)))


class Damaged(ByteStream):
    """Bytes of a compressed file that is cut off."""

    @property
    def damage(self) -> str:
        return "the end is missing"


def damaged(data: bytes) -> Source:
    return Source("t.txt", ChangedStream(io.BytesIO(data), Damaged(io.BytesIO())))


def sizes(rows) -> list[int]:
    return [len(block.values) for block in in_blocks(iter(rows))]


@pytest.mark.parametrize("name", ["", "t.txt"])
def test_a_block_ends_by_rows_by_characters_and_with_its_file(name):
    """1,000 rows, or the row with which it has 1 Mi characters; 64 images count as much."""
    quarter = "x" * (MIB // 4)
    assert sizes([Row("a", name, 1)] * 2001) == [1000, 1000, 1]
    assert sizes([Row(quarter, name, 1)] * 9) == [4, 4, 1]
    assert sizes([Row(quarter, name, 1)] * 3 + [Row(quarter[1:], name, 1)] + [Row("a", name, 1)] * 2) == [5, 1]
    assert sizes(([Row(quarter, name, 1)] * 3 + [Row(quarter[1:], name, 1), Row("a", name, 1)]) * 2) == [5, 5]
    assert sizes([Row("x" * 2 * MIB, name, 1)] * 2) == [1, 1]
    assert sizes([Row(ImageRef("a.png", b"", ""), name, 1)] * 130) == [64, 64, 2]
    assert sizes([Row({"a": "x" * MIB}, name, 1)] * 3) == [3]
    assert sizes([Row("a", name, 1), Row("a", "u.txt", 1), Row("a", name, 1)]) == [1, 1, 1]
    assert sizes([]) == []


def test_blocks_hold_the_rows_in_their_order():
    rows = [Row(f"text {number}", f"{number // 1500}.txt", number + 1) for number in range(4000)]
    blocks = list(in_blocks(iter(rows)))
    assert [one for block in blocks for one in block.rows()] == rows


def test_lines_without_their_ends():
    data = b"one\r\n\ntwo\r\r\n\xef\xbb\xbfthree\n four"
    texts = ["one", "", "two\r", "three", " four"]
    assert list(lines(source(data))) == [Line(number, text) for number, text in enumerate(texts, 1)]
    assert list(lines(source(data), before=7)) == [Line(number, text) for number, text in enumerate(texts, 8)]
    assert list(lines(source(b""))) == []


def test_a_line_of_16_mib_is_the_longest():
    """The limit counts the end of the line; what comes after a longer one is read."""
    longest = b"a" * (16 * MIB - 1) + b"\n"
    found = list(lines(source(longest + b"b" + longest + b"c\n")))
    assert found[0] == Line(1, longest[:-1].decode())
    assert found[1:] == [Line(2, None, TOO_LONG), Line(3, "c")]
    assert TOO_LONG == "longer than 16 MiB"


@pytest.mark.parametrize(
    ("data", "whole", "cut"),
    [
        (b"123\nb\n", ["123", "b"], ["123", "b"]),
        (b"1234\nb\n", [None, "b"], ["1234", "", "b"]),
        (b"1234", [None], ["1234"]),
        (b"123", ["123"], ["123"]),
        (b"123456789\nb", [None, "b"], ["1234", "5678", "9", "b"]),
        (b"12345678", [None], ["1234", "5678"]),
    ],
)
def test_longer_lines_are_faults_or_pieces(data, whole, cut, monkeypatch):
    monkeypatch.setattr(row, "MAX_ROW_BYTES", 4)
    assert [line.text for line in lines(source(data))] == whole
    assert [line.fault for line in lines(source(data))] == ["" if text else TOO_LONG for text in whole]
    pieces = list(lines(source(data), cut=True))
    assert [line.text for line in pieces] == cut
    assert pieces[-1].number == len(whole)


@pytest.mark.parametrize("text", ["a가b나", "가나다라마바사", "é" * 9, "aé" * 7, "🙂🙂a🙂", "a🙂é가🙂"])
def test_no_character_is_cut(text, monkeypatch):
    for limit, end in product(range(4, 12), ("\n", "", "\nb\n")):
        monkeypatch.setattr(row, "MAX_ROW_BYTES", limit)
        found = list(lines(source((text + end).encode()), cut=True))
        assert "".join(line.text for line in found if line.number == 1) == text
        assert {line.text for line in found if line.number > 1} <= {"b", ""}
        assert all(len(line.text.encode()) <= limit + 3 for line in found)


def test_a_character_that_the_end_of_a_long_line_cuts_is_a_fault(monkeypatch):
    monkeypatch.setattr(row, "MAX_ROW_BYTES", 4)
    found = list(lines(source(b"abcd" + "가".encode()[:2]), cut=True))
    assert [(line.text, line.fault) for line in found if line.text != ""] == [("abcd", ""), (None, BAD_UTF8)]
    found = list(lines(source(b"abc" + "가".encode()[:2] + b"\nb\n"), cut=True))
    assert [(line.number, line.fault) for line in found if line.text != ""] == [(1, ""), (1, BAD_UTF8), (2, "")]


def test_a_last_line_that_damage_cuts_is_a_fault():
    assert list(lines(damaged(b"one\ntw"))) == [Line(1, "one"), Line(2, None, CUT_OFF)]
    assert list(lines(damaged(b"one\ntwo\n"))) == [Line(1, "one"), Line(2, "two")]
    assert list(lines(source(b"one\ntw"))) == [Line(1, "one"), Line(2, "tw")]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"ab\xff", "byte 0xff at position 3"),
        ("좋은 영화 abc".encode("cp949"), "byte 0xc1 at position 1, looks like CP949"),
        ("a가".encode("cp949"), "byte 0xb0 at position 2, looks like CP949"),
        ("힣".encode("cp949"), "byte 0xc6 at position 1, looks like CP949"),
        ("a日本".encode("cp949"), "byte 0xec at position 2"),
    ],
)
def test_where_bytes_are_no_utf8_and_what_they_look_like(data, told):
    assert list(lines(source(data))) == [Line(1, None, BAD_UTF8, told)]


def test_a_faulty_line_is_a_row_that_was_skipped():
    ledger = Ledger()
    assert list(usable(source(b"one\n\xff\nthree"), ledger)) == [Line(1, "one"), Line(3, "three")]
    assert (ledger.read, ledger.skipped, ledger.lost) == (1, {BAD_UTF8: 1}, {BAD_UTF8: 1})
    assert ledger.complaints == [f"t.txt:2: {BAD_UTF8} (byte 0xff at position 1)"]


@pytest.mark.parametrize(("size", "more"), [(0, False), (1, False), (3 * MIB, False), (3 * MIB + 1, True)])
def test_a_file_is_read_up_to_a_limit(size, more):
    """At least a byte more than the limit comes where there is more, and never a second part beyond it."""
    data = b"ab" * (3 * MIB)
    found = read_whole(source(data[:size]), 3 * MIB)
    assert found == data[:size]
    assert (len(found) > 3 * MIB) is more
    for most in (3 * MIB - 1, 3 * MIB):
        assert 0 < len(read_whole(source(data), most)) - most <= MIB


def test_a_million_rows_of_parquet_may_come_out_of_any_file():
    """Each counts 256 bytes at least."""
    need_no_bomb("a.parquet", row.ROW_BYTES << 20, 1, "write it again")
    with pytest.raises(HeadstartError, match="looks like a bomb"):
        need_no_bomb("a.parquet", row.ROW_BYTES * (1 << 20) + row.ROW_BYTES, 1, "write it again")


@pytest.mark.parametrize(
    ("unpacked", "size", "least", "refused"),
    [
        (256 * MIB, 1, {}, False),
        (256 * MIB + 1, 1, {}, True),
        (400 * MIB, 2 * MIB, {}, False),
        (400 * MIB + 1, 2 * MIB, {}, True),
        (1000, 1, {"least": 1000}, False),
        (1001, 1, {"least": 1000}, True),
        (2000, 10, {"least": 1000}, False),
        (2001, 10, {"least": 1000}, True),
    ],
)
def test_what_unpacks_to_200_times_its_size_from_256_mib_on_is_refused(unpacked, size, least, refused):
    told = f"a.gz: it would unpack to {unpacked >> 20:,} MiB from {size / MIB:,.2f}, which looks like a bomb; unpack it"
    if not refused:
        need_no_bomb("a.gz", unpacked, size, "unpack it", **least)
        return
    with pytest.raises(HeadstartError) as caught:
        need_no_bomb("a.gz", unpacked, size, "unpack it", **least)
    assert str(caught.value) == told


def test_what_others_say_is_told_in_a_few_words():
    assert short(ValueError("one\ntwo")) == "one"
    assert short(ValueError("x" * 119)) == "x" * 119
    assert short(ValueError("x" * 121)) == "x" * 120
    assert str(refuse("a.txt", "a problem", "do this")) == "a.txt: a problem; do this"


def test_damage_is_that_of_the_bytes_within():
    assert source(b"").stream.damage == ""
    assert damaged(b"").stream.damage == "the end is missing"
    assert ChangedStream(io.BytesIO(), damaged(b"").stream).damage == "the end is missing"
    assert gzip.decompress(ChangedStream(io.BytesIO(gzip.compress(b"ab")), ByteStream(io.BytesIO())).read()) == b"ab"
