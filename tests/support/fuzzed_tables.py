"""Damaged and hostile texts, tables and annotations as files, each a function of (seed, number)."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pyarrow as pa
from awkward_inputs import choices, questions, sheet_row, treebank, workbook
from fuzzed_images import Fuzzed, _blanked, _cut, _deleted, _flipped, _inserted
from pyarrow import ipc, parquet

Random = np.random.Generator
Change = Callable[[str, bytes, Random], bytes]

TEXTS = ["a film that moves", "정말 좋은 영화", 'she said "so", twice', "naïve café", "two\nlines", "끝", "", "1,5; 3"]
ROWS = [{"text": text, "label": "ab"[row % 2], "n": row, "more": [row, None]} for row, text in enumerate(TEXTS * 6)]
_SPANS = [{"text": "Anna met Bob", "spans": [[0, 4, "PER"], [9, 12, "PER"]]}, {"text": "no one", "spans": []}]
_STUDIO = [
    {
        "data": {"text": "Anna"},
        "annotations": [
            {
                "result": [
                    {
                        "from_name": "l",
                        "to_name": "text",
                        "type": "labels",
                        "value": {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]},
                    }
                ]
            }
        ],
    }
]
_COCO = {
    "images": [{"id": 1, "file_name": "sound.png"}],
    "categories": [{"id": 1, "name": "a"}],
    "annotations": [{"image_id": 1, "category_id": 1}],
}


def _delimited(mark: str, quote: str = '"') -> bytes:
    def cells(row: dict) -> list[str]:
        return [quote + row["text"].replace(quote or "\0", 2 * quote) + quote, row["label"], str(row["n"])]

    return "".join(mark.join(one) + "\n" for one in [["text", "label", "n"], *map(cells, ROWS)]).encode()


def _arrow(kind: str, **options: str) -> bytes:
    table = pa.table({name: [row[name] for row in ROWS] for name in ROWS[0]})
    table = table.append_column("place", pa.array([{"x": 1, "y": "a"}] * len(ROWS)))
    table = table.append_column("kind", pa.array([row["label"] for row in ROWS]).dictionary_encode())
    sink = io.BytesIO()
    if kind == "parquet":
        parquet.write_table(table, sink, row_group_size=20, **options)
        return sink.getvalue()
    with (ipc.new_file if kind == "file" else ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=20)
    return sink.getvalue()


@cache
def sound() -> list[tuple[str, bytes]]:
    """Return (suffix, bytes) of sound files of every kind of text and table that is read."""
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
    asked = json.dumps(
        [{"question": "who?", "context": "Bob did", "answers": {"text": ["Bob"], "answer_start": [0]}}] * 4
    )
    marked = "\n".join(f"__label__{row['label']} {row['text']}".replace("\n", " ") for row in ROWS).encode()
    sheet = workbook(sheet_row(["text", "label"]) + "".join(sheet_row(["some words", "ab"[n % 2]]) for n in range(30)))
    return [
        *((".txt", one) for one in ("\n".join(TEXTS * 9).encode(), "\n\n".join(TEXTS * 9).encode(), marked)),
        *(
            (".txt", "\n".join(TEXTS * 9).encode(code))
            for code in ("utf-16", "cp949", "utf-32", "utf-8-sig")
            if code != "cp949"
        ),
        (".txt", "\n".join([TEXTS[1], TEXTS[5]] * 20).encode("cp949")),
        (".txt", "\n".join([TEXTS[3]] * 20).encode("latin-1")),
        *(
            (".csv", one)
            for one in (_delimited(","), _delimited(";"), b"sep=|\n" + _delimited("|"), _delimited(",", ""))
        ),
        (".csv", _delimited(",").replace(b"\n", b"\r\n")),
        *(
            (".tsv", one)
            for one in (_delimited("\t"), _delimited("\t", ""), _delimited("\t").decode().encode("utf-16"))
        ),
        (".jsonl", lines),
        (".jsonl", "\n".join(json.dumps(one) for one in _SPANS * 8).encode()),
        (".jsonl", json.dumps({"tokens": ["Anna", "met"], "ner_tags": ["B-PER", "O"]}).encode() + b"\n"),
        *((".json", json.dumps(one).encode()) for one in (ROWS, {"data": ROWS}, _STUDIO, _COCO)),
        (".json", json.dumps({name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ROWS[0]}).encode()),
        *((".json", one) for one in (questions(6), choices(5), asked.encode())),
        *((".parquet", _arrow("parquet", compression=pack)) for pack in ("snappy", "none", "zstd")),
        (".parquet", _arrow("parquet", use_dictionary=False, data_page_version="2.0")),
        *((".arrow", _arrow(kind)) for kind in ("file", "stream")),
        (".xlsx", sheet),
        (".ft", marked),
        (".conll", b"Anna\tB-PER\nmet\tO\n\nBob\tB-PER\n" * 8),
        (".conllu", treebank(6) * 3),
    ]


def _packed(suffix: str, data: bytes, random: Random) -> bytes:
    """Return the file packed by one of the usual programs, perhaps damaged afterwards."""
    out = _PACKERS[random.integers(len(_PACKERS))](f"rows{suffix}", data)
    return [_flipped, _cut, lambda _s, whole, _r: whole][random.integers(3)](suffix, out, random)


def _zipped(name: str, data: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        archive.writestr("more/" + name, data)
    return sink.getvalue()


def _tar(name: str, data: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(data)
        archive.addfile(about, io.BytesIO(data))
    return sink.getvalue()


_PACKERS: list[Callable[[str, bytes], bytes]] = [
    *(lambda name, data, pack=pack: pack(data) for pack in (gzip.compress, bz2.compress, lzma.compress)),
    lambda name, data: gzip.compress(data) + gzip.compress(data[: len(data) // 2]),
    lambda name, data: gzip.compress(_tar(name, data)),
    _zipped,
    _tar,
]
_ODD = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b'"',
    b"'",
    b"\t",
    b",",
    b"\n\n",
    b"\xed\xa0\x80",
    b"\x1b[31m",
    b"\x1a",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"{",
    b"[",
    b"\\",
    b"=1+1",
    b"#",
    b"\x0c",
    b"\xf0\x9f\x98\x80",
    b"__label__",
]


def _odd_bytes(suffix: str, data: bytes, random: Random) -> bytes:
    out = data
    for _ in range(int(random.integers(1, 6))):
        place = int(random.integers(0, len(out) + 1))
        out = out[:place] + _ODD[random.integers(len(_ODD))] * int(random.choice([1, 1, 2, 300])) + out[place:]
    return out


_VALUES: list[object] = [
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "nan",
    "\ud800",
    "\0",
    "\n",
    "=1+1",
    [],
    {},
    [[]],
    [None],
    {"a": {}},
    {"text": 5},
    ["a", 5, None],
    "[1, 2",
    "{'a': 1}",
    -(2**63),
    "x" * 70_000,
    [[0, 4, "PER"]],
    {"start": -5, "end": 10**9, "label": "x"},
    [["a"], ["b"]],
]


def _odd_values(suffix: str, data: bytes, random: Random) -> bytes:
    """Return JSON in which values and names are others; a table gets cells of that kind."""
    try:
        several = [json.loads(line) for line in data.splitlines()] if suffix == ".jsonl" else [json.loads(data)]
    except ValueError:
        cells = [str(_VALUES[random.integers(len(_VALUES))])[:90] for _ in range(4)]
        place = int(random.integers(0, len(data)))
        return data[:place] + "\n".join(cells).encode("utf-8", "surrogatepass") + data[place:]
    for _ in range(int(random.integers(1, 8))):
        _set(several, random)
    return "\n".join(json.dumps(one) for one in several).encode()


def _set(value: object, random: Random) -> None:
    """Replace, drop or rename something within lists and dictionaries, at any depth."""
    while isinstance(value, list | dict) and len(value):
        keys = list(range(len(value))) if isinstance(value, list) else list(value)
        key = keys[random.integers(len(keys))]
        inner = value[key]
        if isinstance(inner, list | dict) and len(inner) and random.random() < 0.75:
            value = inner
            continue
        what = random.random()
        if what < 0.15:
            del value[key]
        elif what < 0.3 and isinstance(value, dict):
            value[["label", "text", "data", "", "a.b", "x" * 300, "\x1b"][random.integers(7)]] = value.pop(key)
        else:
            value[key] = copy.deepcopy(_VALUES[random.integers(len(_VALUES))])
        return


def _lies(suffix: str, data: bytes, random: Random) -> bytes:
    """Return the file with large numbers where binary formats keep sizes: near the end, and anywhere."""
    large = [
        b"\xff\xff\xff\xff\x07",
        b"\xff\xff\xff\x7f",
        b"\xfe\xff\xff\xff\x0f",
        b"\0\0\0\x40",
        b"\xff" * 8 + b"\x01",
    ]
    out = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        own, near = large[random.integers(len(large))], min(len(out), 900)
        start = len(out) - near if random.random() < 0.7 else 0
        place = int(random.integers(start, max(len(out) - len(own), start + 1)))
        out[place : place + len(own)] = own
    return bytes(out)


def _deep(suffix: str, data: bytes, random: Random) -> bytes:
    depth, (start, end) = (
        int(random.choice([50, 900, 100_000, 2_000_000])),
        [(b"[", b"]"), (b'{"a":', b"}")][random.integers(2)],
    )
    whole = start * depth + b"1" + (end * depth if random.random() < 0.7 else b"")
    return data + b"\n" + whole if random.random() < 0.3 else b'{"text": "a b", "label": ' + whole + b"}\n" + data


def _long_line(suffix: str, data: bytes, random: Random) -> bytes:
    unit = [b"a", b"a b ", b'"', b",", b"\t", "가".encode(), b'","', b"\\", b"[0, "][random.integers(9)]
    line = unit * (int(random.choice([10_000, 1_000_000, 20_000_000])) // len(unit))
    place = int(random.integers(0, len(data) + 1))
    return data[:place] + line + data[place:]


def _wide(suffix: str, data: bytes, random: Random) -> bytes:
    mark, columns = [b",", b"\t", b";"][random.integers(3)], int(random.choice([300, 5_000, 70_000]))
    names = mark.join([b"a", b"text", b"c%d"][random.integers(3)].replace(b"%d", b"%d" % n) for n in range(columns))
    return names + b"\n" + (mark.join([b"some words"] * columns) + b"\n") * 2


def _again(suffix: str, data: bytes, random: Random) -> bytes:
    """Return two files one behind the other, of one kind or of two."""
    other = data if random.random() < 0.3 else sound()[random.integers(len(sound()))][1]
    return data + other


def _random_bytes(suffix: str, data: bytes, random: Random) -> bytes:
    return random.bytes(int(random.choice([0, 1, 2, 7, 300, 5_000])))


def _recoded(suffix: str, data: bytes, random: Random) -> bytes:
    codes = ["utf-16-le", "utf-16-be", "utf-32-le", "cp1252", "shift_jis", "gb18030", "utf-7", "cp437"]
    return data.decode("utf-8", "replace").encode(codes[random.integers(len(codes))], "replace")


def _unchanged(suffix: str, data: bytes, random: Random) -> bytes:
    return data


CHANGES: list[Change] = [
    *(_flipped, _cut, _blanked, _inserted, _deleted, _packed, _odd_bytes, _odd_values, _lies, _again, _recoded),
    *(_odd_values, _odd_bytes, _packed, _lies, _random_bytes, _unchanged, _deep, _long_line, _wide),
]
_OTHER = (
    ".csv",
    ".json",
    ".jsonl",
    ".txt",
    ".parquet",
    ".xlsx",
    ".arrow",
    ".zip",
    ".npz",
    ".tsv.gz",
    ".conll",
    ".ft",
    "",
    ".tar",
    ".tgz",
    ".bz2",
    ".feather",
    ".dat",
)


def damaged_table(number: int, seed: int = 13) -> Fuzzed:
    """Return the damaged table or text of that number: formats and kinds of damage in turn, the rest at random."""
    random = np.random.default_rng([seed, number])
    suffix, data = sound()[number % len(sound())]
    change = CHANGES[number // len(sound()) % len(CHANGES)]
    made = change(suffix, data, random)
    if random.random() < 0.2:  # another suffix
        suffix = _OTHER[random.integers(len(_OTHER))]
    return Fuzzed(f"{number:05}{suffix}", made, f"{suffix}{change.__name__}")


@cache
def table_bombs() -> list[Fuzzed]:
    """Return small files that unpack to very much, or say so."""
    blanks, rows = b"a b\n" * (1 << 20), b"text,label\n" + b"some words,a\n" * (1 << 18)
    found = []
    for pack, end in ((gzip.compress, "gz"), (bz2.compress, "bz2"), (lzma.compress, "xz")):
        found.append(Fuzzed(f"lines.txt.{end}", pack(blanks) * 300, f"{end}_lines", True))
        found.append(Fuzzed(f"line.txt.{end}", pack(bytes(1 << 22).replace(b"\0", b"a")) * 300, f"{end}_line", True))
        found.append(Fuzzed(f"rows.csv.{end}", pack(rows) * 400, f"{end}_rows", True))
    found.append(Fuzzed("rows.zip", _zipped("rows.csv", rows * 100), "zip_rows", True))
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000_000, np.int32)), pa.array(["some words"]))
    for name, column in (("text", one), ("nothing", pa.nulls(30_000_000, pa.string()))):
        sink = io.BytesIO()
        parquet.write_table(pa.table({"text": column}), sink, compression="zstd")
        found.append(Fuzzed("rows.parquet", sink.getvalue(), f"parquet_{name}", True))
    # LZ4 packs no text 200 times, which is allowed, but rows without one.
    packed = {"zstd": pa.array(["word " * 200] * 200_000), "lz4": pa.nulls(2_000_000, pa.string())}
    for pack, column in packed.items():
        sink, batch = io.BytesIO(), pa.record_batch({"text": column})
        with ipc.new_file(sink, batch.schema, options=ipc.IpcWriteOptions(compression=pack)) as writer:
            for _ in range(12):
                writer.write_batch(batch)
        found.append(Fuzzed("rows.arrow", sink.getvalue(), f"arrow_{pack}", True))
    found.append(Fuzzed("rows.xlsx", workbook(sheet_row(["w " * 5_000] * 10) * 4_000), "xlsx", True))
    return found


def odd_in_memory(number: int, seed: int = 17) -> object:
    """Return what somebody may hand to a function as data: any value within any container."""
    random = np.random.default_rng([seed, number])
    values = [*_VALUES, *TEXTS, b"bytes", b"\xff\xfe", np.float32("nan"), np.zeros((2, 2)), object, {1, 2}, 1 + 2j]

    def some(count: int) -> list[object]:
        return [values[random.integers(len(values))] for _ in range(count)]

    def texts(count: int) -> list[object]:
        return [TEXTS[random.integers(len(TEXTS))] for _ in range(count)]

    count = int(random.integers(0, 6))
    made = [
        partial(some, count),
        lambda: tuple(some(count)),
        lambda: (texts(count), some(count)),
        lambda: {"text": texts(count), "label": some(int(random.integers(0, 6)))},
        lambda: {str(key)[:50]: some(count) for key in some(3)},
        lambda: [dict(zip(["text", "label"], [*texts(1), *some(1)])) for _ in range(count)],
        lambda: [{str(key)[:50]: value for key, value in zip(some(2), some(2))} for _ in range(count)],
        lambda: np.array([*some(count), None], dtype=object),
        lambda: iter(some(count)),
        lambda: some(1)[0],
        lambda: list(zip(texts(count), some(count))),
        lambda: random.integers(0, 255, (count, 4, 4)).astype(np.uint8),
    ]
    return made[number % len(made)]()
