"""Inputs of any size on which careless code takes the square of their size: texts, and files of every format."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tiny_images import flat

TEXTS: dict[str, Callable[[int], str]] = {
    "one letter": lambda n: "a" * n,
    "one word": lambda n: "".join(random.Random(n).choices("abcdefghijklmnop", k=n)),
    "Hangul without spaces": lambda n: "".join(random.Random(n).choices("가나다라마바사아", k=n)),
    "piled marks": lambda n: "a" + "\u0301\u0316" * (n // 2),
    "letters taken apart": lambda n: "\u1112\u1161\u11ab" * (n // 3),
    "spaces": lambda n: "a" + " " * n + "b",
    "line ends": lambda n: "a" + "\n" * n + "b",
    "full stops": lambda n: "." * n,
    "opening brackets": lambda n: "([{<" * (n // 4),
    "quotes": lambda n: "('\"" * (n // 3),
    "emoji": lambda n: "\U0001f469\u200d" * (n // 2),
    "short words": lambda n: "ab " * (n // 3),
}
LEARNED = ("one letter", "one word", "piled marks")  # on which trainers were slow


def table(names: list[str], rows: int = 3) -> bytes:
    """Return a table with these column names; its first column holds texts."""
    cells = ["some words here", *["x"] * (len(names) - 1)]
    return "\n".join([",".join(names), *[",".join(cells)] * rows]).encode()


def many_lines(n: int) -> bytes:
    """Return n rows with a cell of 150 lines, each of which has a quote."""
    return ("text,label\n" + ('"' + 'so ""they"" say\n' * 150 + '",pos\n') * n).encode()


def treebank(n: int) -> bytes:
    words = "".join(f"{number}\tw" + "\t_" * 8 + "\n" for number in range(1, n + 1))
    return f"# text = {'w ' * n}\n{words}\n".encode()


def questions(n: int) -> bytes:
    """Return n questions on one text, none of whose answers is where it is said to be."""
    asked = [
        {"id": str(number), "question": "?", "answers": [{"text": f"<{number}>", "answer_start": 0}]}
        for number in range(n)
    ]
    text = " ".join(f"<{number}>" for number in range(n)) * 4 + "".join(f"<{number}>" for number in range(n))
    return json.dumps({"data": [{"paragraphs": [{"context": text, "qas": asked}]}]}).encode()


def choices(n: int) -> bytes:
    """Return one row of Label Studio with n answers to one question."""
    result = [{"from_name": "c", "type": "choices", "value": {"choices": [str(number)]}} for number in range(n)]
    return json.dumps([{"data": {"text": "a b c"}, "annotations": [{"result": result}]}]).encode()


def workbook(rows: str) -> bytes:
    """Return a sheet of these rows, in its own language."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0"?>' + text)
    return sink.getvalue()


def sheet_row(cells: list[str], number: int | None = None) -> str:
    at = f' r="{number}"' if number else ""
    return f"<row{at}>" + "".join(f'<c t="str"><v>{cell}</v></c>' for cell in cells) + "</row>"


def arrow(n: int, write: str) -> bytes:
    """Return a table of n columns, as parquet or Arrow."""
    import pyarrow as pa
    from pyarrow import ipc, parquet

    made, sink = pa.table({"text": ["some words", "other words"], **{f"c{i}": [1, 2] for i in range(n)}}), io.BytesIO()
    if write == "parquet":
        parquet.write_table(made, sink)
    else:
        with ipc.new_file(sink, made.schema) as file:
            file.write_table(made)
    return sink.getvalue()


def packed(n: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for number in range(n):
            archive.writestr(f"{number % 7}/{number}.png", flat(9))
    return sink.getvalue()


def arrays(n: int) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, x=np.zeros((n, 4, 4), np.uint8), y=np.zeros(n, np.int64))
    return sink.getvalue()


def annotations(n: int) -> bytes:
    about = {
        "images": [{"id": number, "file_name": "1.png"} for number in range(n)],
        "categories": [{"id": number, "name": f"c{number}"} for number in range(n)],
        "annotations": [{"image_id": number, "category_id": number} for number in range(n)],
    }
    return json.dumps(about).encode()


def image_files(folder: Path, n: int) -> Path:
    for number in range(n):
        (place := folder / str(number % 3)).mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(flat(9))
    return folder


# By reader: (what is awkward, the name of a file, the smaller size, its bytes by size).
FILES: dict[str, list[tuple[str, str, int, Callable[[int], bytes]]]] = {
    "txt": [
        ("blank lines", "a.txt", 20_000, lambda n: b"\n" * n + b"a\n"),
        ("one line", "a.txt", 500_000, lambda n: b"ab " * n),
        ("carriage returns", "a.txt", 20_000, lambda n: b"a\r" * n),
    ],
    "csv": [
        ("equal names", "a.csv", 1_000, lambda n: table(["a"] * n)),
        ("names like suffixes", "a.csv", 1_000, lambda n: table([*(f"a_{k}" for k in range(n)), *["a"] * n])),
        ("many columns", "a.csv", 3_000, lambda n: table([f"c{number}" for number in range(n)])),
        ("blank lines", "a.csv", 20_000, lambda n: b"\n" * n + table(["text", "label"])),
        ("quotes that open", "a.csv", 4_000, lambda n: b"text,label\n" + b'"abc,1\nx"y\n' * n),
        ("cells of many lines", "a.csv", 20, many_lines),
        ("spaces and quotes", "a.csv", 10_000, lambda n: b"text,label\n" + b" " * n + b'"x,1\n' + b', "a' * n),
        ("doubled quotes", "a.csv", 20_000, lambda n: b"text,label\n" + b'""' * n + b",1\n" + b'"' + b'""' * n + b"\n"),
    ],
    "jsonl": [
        ("spaces before", "a.txt", 15_000, lambda n: b" " * n + b'x\n{"text": "a b"}\n'),
        ("blank lines", "a.txt", 15_000, lambda n: b"\n" * n + b'{"text": "a b"}\n'),
        ("nested lists", "a.json", 20_000, lambda n: b"[" * n),
        ("many keys", "a.jsonl", 4_000, lambda n: json.dumps({f"k{number}": "a b" for number in range(n)}).encode()),
        ("backslashes", "a.jsonl", 50_000, lambda n: b'{"text": "' + b"\\\\" * n + b'"}\n{"' + b"\\\\" * n),
        ("choices", "a.json", 2_000, choices),
    ],
    "fasttext": [("labels", "a.ft", 20_000, lambda n: b"__label__a " * n + b"text\n__label__b more\n")],
    "conll": [("one sentence", "a.conll", 2_000, lambda n: b"a\tB-x\n" * n)],
    "conllu": [("one sentence", "a.conllu", 2_000, treebank)],
    "squad": [("questions on one text", "a.json", 2_500, questions)],
    "excel": [
        (
            "many columns",
            "a.xlsx",
            400,
            lambda n: workbook(sheet_row(["name"] * n) + sheet_row(["some words"] * n) * 3),
        ),
        ("numbers of rows", "a.xlsx", 20_000, lambda n: workbook(sheet_row(["a", "b"], n))),
    ],
    "parquet": [("many columns", "a.parquet", 250, lambda n: arrow(n, "parquet"))],
    "arrow": [("many columns", "a.arrow", 500, lambda n: arrow(n, "arrow"))],
    "npz": [("images", "a.npz", 250, arrays)],
    "image_zip": [("images", "a.zip", 100, packed)],
    "coco": [("annotations", "a.json", 400, annotations)],
}
