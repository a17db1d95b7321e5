"""The limits that docs/files.md states are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core import word_grams
from headstart.core.examples import MOST_IMAGE_BYTES
from headstart.data import archives, columns, dialect, records, row, span_cells
from headstart.data.readers import coco, csv, excel, jsonl, npz, squad
from headstart.images.decode import MOST_PIXELS
from headstart.text import text_parts, tokenizer_training, word_ids

PAGE = (Path(__file__).parents[2] / "docs/files.md").read_text(encoding="utf-8")
LIMITS = PAGE.partition("## Limits")[2].partition("\n## ")[0]
STATED = {
    "sentence of CoNLL | 16 MiB": row.MAX_ROW_BYTES >> 20,
    "plain text | 16 MiB": row.MAX_ROW_BYTES >> 20,
    "200 lines and": records.ROW_LINES,
    "and 16 MiB": records._ROW_CHARACTERS >> 20,
    "columns | 65,536": columns.MOST_COLUMNS,
    "sheet | 1,048,576": excel.MOST_ROWS,
    "COCO) | 1 GiB": {one._MOST_BYTES >> 30 for one in (jsonl, squad, coco)},
    "cell | 1,048,576 characters": columns._LONGEST_LIST,
    "| 1,000 looked for": {squad._MOST_SEARCHES, span_cells._MOST_SEARCHES},
    "image | 256 MiB": MOST_IMAGE_BYTES >> 20,
    "67,108,864 pixels": MOST_PIXELS,
    "parquet, Arrow | 200 times": {row._MOST_RATIO, archives._MOST_RATIO},
    "size, from 256 MiB on": {row._BOMB >> 20, archives._BOMB >> 20},
    "`.npz` | 8 GiB": npz._MOST_BYTES >> 30,
    "; 200 times": npz._MOST_RATIO,
    "size, from 64 MiB on": npz._BOMB >> 20,
    "first 1,000 lines": csv._SNIFFED_LINES,
    "or 4,194,304 characters": csv._SNIFFED_CHARACTERS,
    "by 200 rows": columns.SAMPLE_ROWS,
    "or 16,777,216 characters": columns.SAMPLE_SIZE,
    "(16 more for every cell": columns._CELL,
    "(`a_9`)": dialect._SUFFIXES + 1,
    "parts of 65,536 characters": tokenizer_training.LONG_DOCUMENT,
    "at most 1,000": tokenizer_training.LONGEST_WORD,
    "know words of 65,536": word_grams._LONGEST,
}


@pytest.mark.parametrize("words", STATED)
def test_a_limit_is_that_of_the_code(words):
    assert words in " ".join(LIMITS.split())
    (number,) = STATED[words] if isinstance(STATED[words], set) else {STATED[words]}
    assert f"{number:,}" in words


def test_parts_are_about_as_long_as_is_said():
    assert "about a million characters" in " ".join(LIMITS.split())
    assert word_ids._CHARACTERS_AT_ONCE == 4 * text_parts.RUST_AT_ONCE == 1 << 20
