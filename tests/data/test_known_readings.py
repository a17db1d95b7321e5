"""What is read from some two hundred files as people have them, and what is said: it changes on purpose, or not at all.

known_readings.json holds for each file the first rows, a hash of all rows with their lines, and every word of the
ledger; or the complaint. The tests beside this one say why a file is read as it is, this one that it stays. After a
wanted change: `python tests/data/test_known_readings.py` writes it anew, and the difference is to be read.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from openpyxl import Workbook
from pyarrow import parquet
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_items, read_labelled

FILE = Path(__file__).with_name("known_readings.json")
KOREAN = ("정말 재미있는 영화였다", "시간이 아까웠다 ㅠㅠ", "배우 연기가 좋았고 결말도 좋다", "그냥 그랬다")
ENGLISH = ("a fine film, really", 'he said "no" twice', "it's 5\" wide; too long", "the café was naïve – “quoted”")
LETTERS = {
    "cp949": KOREAN,
    "euc_kr": KOREAN[:1] + KOREAN[2:],
    "utf-16": KOREAN,
    "utf-8-sig": KOREAN,
    "shift_jis": ("とても面白い映画でした", "時間がもったいなかった", "俳優の演技が良かった"),
    "euc_jp": ("とても面白い映画でした", "時間がもったいなかった", "俳優の演技が良かった"),
    "gb18030": ("这部电影非常好看，值得一看", "浪费时间，不推荐", "演员的表演很好"),
    "big5": ("這部電影非常好看，值得一看", "浪費時間，不推薦", "演員的表演很好"),
    "cp1252": ("the café was naïve – “quoted”", "señor, ¿qué tal? déjà vu", "größer, schöner, weiter"),
    "latin-1": ("le garçon a mangé à la fenêtre", "où est la forêt ?", "français, été, hiver"),
    "cp1251": ("очень хороший фильм", "потеря времени", "актёры играли хорошо"),
    "koi8_r": ("очень хороший фильм", "потеря времени", "актёры играли хорошо"),
    "cp1250": ("příliš žluťoučký kůň", "úpěl ďábelské ódy", "żółta łódź płynie"),
}


def tables() -> Iterator[tuple[str, bytes]]:
    """Yield delimited tables in many styles, by name of a file."""
    for number in range(90):
        chosen = random.Random(number)
        delimiter, quoting = chosen.choice(",;\t|"), chosen.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE])
        parts = [*KOREAN, *ENGLISH, "plain words", "two\nlines" if quoting != csv.QUOTE_NONE else "one line", ""]
        rows = [[chosen.choice(parts), chosen.choice(["pos", "neg"]), chosen.randint(1, 5)] for _ in range(30)]
        if quoting == csv.QUOTE_NONE:
            rows = [[str(cell).replace(delimiter, " ") for cell in row] for row in rows]
        names = chosen.choice([["text", "label", "stars"], ["review", "sentiment", "n"], ["a", "b", "c"], None])
        if chosen.random() < 0.2 and names:
            names, rows = ["", *names], [[place, *row] for place, row in enumerate(rows)]
        out = io.StringIO()
        writer = (
            csv.writer(
                out,
                delimiter=delimiter,
                quoting=quoting,
                lineterminator=chosen.choice(["\n", "\r\n", "\r"]),
                quotechar='"',
            )
            if quoting != csv.QUOTE_NONE
            else None
        )
        for row in [*([names] if names else []), *rows]:
            if writer:
                writer.writerow(row)
            else:
                out.write(delimiter.join(map(str, row)) + "\n")
        text = out.getvalue()
        if chosen.random() < 0.15:
            text = f"sep={delimiter}\n" + text
        if chosen.random() < 0.15:
            text = "Report of reviews\nmade by hand\n\n" + text
        if chosen.random() < 0.1:
            text += text
        if chosen.random() < 0.1:
            text = text.replace("pos", "pos\x00", 1)
        ending = {",": "csv", ";": "csv", "\t": "tsv", "|": chosen.choice(["csv", "txt"])}[delimiter]
        yield f"table{number}.{ending}", text.encode("utf-8-sig" if chosen.random() < 0.1 else "utf-8")
    for count in (9, 10, 11, 13, 40):
        names = ",".join(f"column {place}" for place in range(count))
        yield f"wide{count}.csv", (names + "\n" + "\n".join(",".join("ab" * count) for _ in range(3))).encode()
    yield "ragged.csv", b"text,label\n" + b"".join(b"a%d,x%s\n" % (n, b",more" * (n % 7 == 0)) for n in range(40))
    yield "open quote.csv", b'text,label\n"never closed,x\n' + b"fine words,y\n" * 30
    yield "escaped.csv", b"text,label\n" + b'"he said \\"no\\" to it",x\n"and \\"yes\\", too",y\n' * 12
    yield "wrapped.tsv", b'"text"\t"label"\n' + b'"some words"\t"x"\n"more of them"\t"y"\n' * 8
    yield "half wrapped.tsv", b"text\tlabel\n" + b'"some" words\tx\n"more" of "them"\ty\n' * 8
    yield "empty.csv", b""
    yield "one line.csv", b"text,label\n"
    yield "numbers.csv", b"".join(b"%d,%d\n" % (n, n % 3) for n in range(30))
    yield "repeated names.csv", b"text,text,label\n" + b"one,two,x\n" * 9


def texts() -> Iterator[tuple[str, bytes]]:
    """Yield texts and tables in encodings of many countries, whole, short, cut and damaged."""
    for codec, lines in LETTERS.items():
        whole = "\n".join(line for _ in range(12) for line in lines) + "\n"
        rows = "text\tlabel\n" + "".join(f"{line}\t{'xy'[n % 2]}\n" for n, line in enumerate(lines * 6))
        yield f"{codec}.txt", whole.encode(codec)
        yield f"{codec}.tsv", rows.encode(codec)
        yield f"short {codec}.txt", (lines[0] + "\n").encode(codec)
        if codec == "utf-16":
            continue
        yield f"damaged {codec}.txt", whole.encode(codec)[:-1] + b"\xff\xfe\x81\n" + "\n".join(lines).encode(codec)
    yield "chats.txt", "ㅋㅋㅋㅋ ㅠㅠ ㅎㅎ\nok ㅋㅋ\n".encode("cp949")
    yield "paragraphs.txt", b"one\ntwo\n\nthree\nfour\n\nfive\n\n\nsix\n"
    yield "blank ends.txt", b"\n\n one \n\n\n two\n\n"
    yield "many in a block.txt", b"\n\n".join(b"\n".join(b"line %d" % n for n in range(60)) for _ in range(3))
    yield "carriage.txt", b"one\rtwo\rthree\r"
    yield "binary.txt", bytes(range(32)) * 40
    yield "nul.txt", b"some\x00words\n" * 5
    yield "packed.txt.gz", gzip.compress(b"one line\nand another\n" * 20)
    yield "cut.txt.gz", gzip.compress(random.Random(1).randbytes(4000).hex().encode())[:2000]
    yield "bio.conll", b"".join(b"word O\nSeoul B-LOC\nis I-LOC\n. O\n\n" for _ in range(6)) + b"bad\n\nx B-PER y\n\n"
    yield "tree.conllu", b"# text = a b\n1\ta\ta\tNOUN\tN\t_\t0\troot\t_\t_\n2\tb\tb\tX\tX\t_\t1\tdep\t_\t_\n\n1\tc\n\n"
    yield "fast.txt", b"__label__pos a fine film\n__label__neg dull\n__label__a __label__b both\nnone here\n" * 4


def records() -> Iterator[tuple[str, bytes]]:
    """Yield JSON and packed tables."""
    rows = [{"text": line, "label": "xy"[n % 2], "n": n} for n, line in enumerate([*KOREAN, *ENGLISH] * 4)]
    lines = [json.dumps(row, ensure_ascii=bool(n % 2)) for n, row in enumerate(rows)]
    yield "rows.jsonl", "\n".join(lines).encode()
    yield "odd.jsonl", "\n".join([*lines[:9], "{", "[]", '{"text": NaN}', '{"text": "\\ud800"}', "", "3"]).encode()
    yield "list.json", json.dumps(rows).encode()
    yield "columns.json", json.dumps({"text": [r["text"] for r in rows], "label": [r["label"] for r in rows]}).encode()
    yield "nested.json", json.dumps({"version": 1, "data": rows, "more": [1]}).encode()
    yield "texts.json", json.dumps([row["text"] for row in rows]).encode()
    answers = [{"text": "b", "answer_start": start} for start in (2, 0, 99)]
    asked = [{"id": str(n), "question": "which ?", "answers": [one]} for n, one in enumerate(answers)]
    asked += [{"id": "3", "question": "none ?", "answers": [], "is_impossible": True}, {"question": 3}, "no question"]
    paragraphs = [{"context": "A b b.", "qas": asked}, {"context": None, "qas": asked[:1]}, {"qas": "no list"}, 7]
    yield "squad.json", json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}, {"title": "u"}]}).encode()
    pictures = [{"id": n, "file_name": f"{n}.png"} for n in range(5)]
    marks = [{"image_id": n % 6, "category_id": n % 4, "bbox": [0, 0, 1, 1]} for n in range(9)]
    kinds = [{"id": n, "name": name} for n, name in enumerate(["cat", "dog", "cat"])]
    yield "boxes.json", json.dumps({"images": pictures, "annotations": marks, "categories": kinds}).encode()
    table = pa.table(
        {
            "text": pa.array([row["text"] for row in rows]),
            "label": pa.array([row["label"] for row in rows]).dictionary_encode(),
            "tags": pa.array([["a", "b"]] * len(rows)),
            "vector": pa.array([[0.5]] * len(rows)),
            "nothing": pa.array([{}] * len(rows), pa.struct([])),
            "record": pa.array([{"a": 1, "b": "x"}] * len(rows)),
            "raw": pa.array([b"\x00"] * len(rows)),
        }
    )
    held = io.BytesIO()
    parquet.write_table(table.drop_columns(["nothing"]), held)
    yield "rows.parquet", held.getvalue()
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=8):
            writer.write_batch(batch)
    yield "rows.arrow", sink.getvalue()


def packed() -> Iterator[tuple[str, bytes]]:
    """Yield workbooks, arrays and archives."""
    book = Workbook()
    book.active.append(["A report of reviews"])
    book.active.append([])
    for row in [["text", "label", None], *[[line, "xy"[n % 2], n / 2] for n, line in enumerate(KOREAN * 3)]]:
        book.active.append(row)
    book.create_sheet("more").append(["other", "words"])
    book.create_sheet("empty")
    held = io.BytesIO()
    book.save(held)
    yield "book.xlsx", held.getvalue()
    for name, arrays in {
        "digits.npz": {"images": np.arange(48, dtype=np.uint8).reshape(4, 3, 4), "labels": np.arange(4)},
        "other.npz": {"pictures": np.zeros((2, 3, 4), np.uint8), "z": np.zeros(3)},
        "objects.npz": {"images": np.array([[["x", 1]]], object)},
    }.items():
        held = io.BytesIO()
        np.savez(held, **arrays)
        yield name, held.getvalue()
    for name, members in {
        "images.zip": {"cat/1.png": flat(3), "dog/2.png": flat(4), "notes.txt": b"x", "dog/broken.png": b"x"},
        "tables.zip": {
            "a.csv": b"text,label\none,x\n",
            "b.csv": b"text,label\ntwo,y\n",
            "README.txt": b"x",
            "c.bin": b"",
        },
        "unknown.zip": {"a.bin": b"x", "b.bin": b"y", "c.bin": b"", "d.bin": b""},
    }.items():
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members.items():
                archive.writestr(zipfile.ZipInfo(member), data)
        yield name, held.getvalue()


def told(ledger: Ledger) -> dict[str, Any]:
    """Return every word of a ledger."""
    return {name: value for name, value in ledger.to_dict().items() if value}


def readings(path: Path) -> dict[str, Any]:
    """Return what is read from a file as rows, as texts and as labelled texts; or the complaints."""
    out: dict[str, Any] = {}
    ledger = Ledger()
    try:
        rows = [(repr(row.value), row.line) for row in read_rows(str(path), ledger)]
        digest = hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
        out["rows"] = {"first": rows[:2], "count": len(rows), "all": digest, "told": told(ledger)}
    except HeadstartError as error:
        out["rows"] = str(error)
    try:
        examples, ledger = read_items(ReadRequest(paths=str(path)))
        out["texts"] = {"first": [repr(one)[:80] for one in examples.items[:2]], "told": told(ledger)}
    except HeadstartError as error:
        out["texts"] = str(error)
    try:
        gathered, ledger = read_labelled(ReadRequest(paths=str(path)), lambda value, items: str(value))
        out["labelled"] = {"count": len(gathered.items), "columns": ledger.columns, "told": told(ledger)}
    except HeadstartError as error:
        out["labelled"] = str(error)
    return out


def all_readings(folder: Path, make) -> dict[str, Any]:
    """Return the readings of files, with the folder left out of what is said."""
    found = {}
    for number, (name, data) in enumerate(make()):
        home = folder / str(number)
        home.mkdir()
        (home / name).write_bytes(data)
        said = json.dumps(readings(home / name), ensure_ascii=False, default=str)
        found[name] = json.loads(said.replace(f"{home}/", "").replace(str(home), "."))
    return found


MAKERS = {"tables": tables, "texts": texts, "records": records, "packed": packed}


@pytest.mark.parametrize("kind", MAKERS)
def test_files_are_read_as_is_known(kind, tmp_path):
    known, found = json.loads(FILE.read_text(encoding="utf-8"))[kind], all_readings(tmp_path, MAKERS[kind])
    assert found.keys() == known.keys()
    changed = {name: (found[name], known[name]) for name in known if found[name] != known[name]}
    assert changed == {}


def test_a_file_that_is_read_otherwise_is_found(tmp_path):
    """The twin: one cell is another one, or one more line comes before it."""
    (tmp_path / "one").mkdir()
    whole = readings_of(tmp_path / "one", b"text,label\none,x\ntwo,y\n")
    for number, other in enumerate(
        [b"text,label\none,x\ntwo,z\n", b"text,label\n\none,x\ntwo,y\n", b"text,label\none,x\n"]
    ):
        (tmp_path / str(number)).mkdir()
        assert readings_of(tmp_path / str(number), other) != whole


def readings_of(folder: Path, data: bytes) -> dict[str, Any]:
    (folder / "a.csv").write_bytes(data)
    return json.loads(json.dumps(readings(folder / "a.csv")).replace(f"{folder}/", ""))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        known = {}
        for kind, make in MAKERS.items():
            (Path(place) / kind).mkdir()
            known[kind] = all_readings(Path(place) / kind, make)
    FILE.write_text(json.dumps(known, indent=0, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    sys.exit()
