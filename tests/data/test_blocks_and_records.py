"""Lines in blocks are the lines one by one; where a quoted cell ends, and from where on its quote is a stray one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import records, row
from headstart.data.ledger import Ledger
from headstart.data.line_blocks import line_blocks
from headstart.data.open import expand, read_rows
from headstart.data.row import Source, lines

ODD = {
    "marks in the middle": "one\n\ufefftwo\nthree\n".encode(),
    "marks alone": "\ufeff\ufeff\n".encode(),
    "line ends of two kinds": b"one\r\ntwo\nthree\r\n",
    "a carriage return inside": b"one\rtwo\nthree\r\r\n",
    "no last end": b"one\ntwo",
    "bytes that are no text": b"one\n\xff\xfe\ntwo\n",
    "blank lines": b"\n\none\n\n",
    "nothing": b"",
}


def source(data: bytes) -> Source:
    return Source("t.txt", row.ChangedStream(io.BytesIO(data), row.ByteStream(io.BytesIO())))


@pytest.mark.parametrize("name", ODD)
def test_blocks_hold_the_lines(name):
    ledger = Ledger()
    blocks = list(line_blocks(source(ODD[name]), ledger))
    found = [pair for block in blocks for pair in zip(block.lines, block.values, strict=True)]
    one_by_one = list(lines(source(ODD[name]), cut=True))
    assert found == [(line.number, line.text) for line in one_by_one if line.text is not None]
    assert sum(ledger.skipped.values()) == sum(line.text is None for line in one_by_one)


def read(folder: Path, text: str) -> list[dict]:
    (folder / "a.csv").write_text(text, newline="")
    return [found.value for found in read_rows(str(folder / "a.csv"), Ledger())]


def quoted(inside: list[str], count: int = 300) -> str:
    """A table of plain rows with one quoted cell that holds these lines."""
    plain = "".join(f'"text {number}","x"\n' for number in range(count))
    return f'text,label\n{plain}"begins\n' + "".join(f"{line}\n" for line in inside) + 'and ends","y"\n' + plain


@pytest.mark.parametrize(("count", "one"), [(0, True), (5, True), (198, True), (199, True), (200, False), (250, False)])
def test_a_cell_of_many_lines(tmp_path, count, one):
    """Up to 200 lines after the first are one cell; beyond, the quote that opens it is a character."""
    rows = read(tmp_path, quoted([f"line {number}" for number in range(count)]))
    cells = [found["text"] for found in rows]
    whole = "\n".join(["begins", *(f"line {number}" for number in range(count)), "and ends"])
    assert (whole in cells) is one
    if one:
        assert len(rows) == 601


@pytest.mark.parametrize(("count", "swallowed"), [(0, True), (1, True), (2, True), (3, False), (4, False)])
def test_whole_rows_between_two_quotes_are_rows(tmp_path, count, swallowed):
    """A stray quote at the start of a row, some whole rows, and a row with another one."""
    inside = [f"row {number},z" for number in range(count)]
    plain = "".join(f"text {number},x\n" for number in range(300))
    rows = read(
        tmp_path, f'text,label\n{plain}"stray,x\n' + "".join(f"{line}\n" for line in inside) + f'end",y\n{plain}'
    )
    found = sum(one["label"] == "z" for one in rows)
    assert found == (0 if swallowed else count)
    assert records.ROW_LINES == 200


@pytest.mark.parametrize(("bad", "refused"), [(19, False), (20, False), (21, True)])
def test_control_characters_of_bytes_that_are_no_utf8(tmp_path, bad, refused):
    """More than one in fifty bytes: it is no text."""
    data = bytes([1]) * bad + "재미있는 영화 ".encode("cp949") * 100
    data = data[:1000]
    (tmp_path / "a.txt").write_bytes(data)
    said = ""
    try:
        list(read_rows(str(tmp_path / "a.txt"), Ledger()))
    except HeadstartError as error:
        said = str(error)
    assert ("a binary file" in said) is refused


def test_a_folder_without_images_and_an_image_that_cannot_be_read(tmp_path):
    from tiny_images import flat

    (tmp_path / "d").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "d" / name).write_bytes(flat(3))
    (tmp_path / "d" / "c.png").symlink_to(tmp_path / "gone.png")
    (name,) = expand(tmp_path / "d")
    assert len(list(read_rows(name, Ledger()))) == 2
