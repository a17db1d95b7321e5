"""The one-liner in docs/audit.md and the audit count the same duplicates."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from headstart.auditing.copies import inside
from headstart.data.read_request import ReadRequest
from headstart.tasks.classify import ClassifyTask
from headstart.text.folding import fold_all

PAGE = Path(__file__).resolve().parents[2] / "docs/audit.md"
ROWS = [
    "좋은 영화",
    "좋은 영화",
    "좋은영화!",
    "좋은 영화",
    "C++",
    "C",
    "...",
    "???",
    ". . .",
    "Don't",
    "DONT",
    "Straße STRASSE",
]
ROWS += ["cafe\u0301", "café", "  ", "STRASSE straße"]


def both_counts(table: Path, folder: Path) -> tuple[list[int], list[int]]:
    """Return exact and normalised duplicates by the page's command and by the audit."""
    command = re.search(r"```sh\n(zcat train\.tsv\.gz .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    if table != folder / "train.tsv.gz":
        shutil.copy(table, folder / "train.tsv.gz")
    said = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    examples, _ = ClassifyTask().read_examples(ReadRequest(paths=table, text="document", label="label"))
    found = inside(examples.items, fold_all(examples.items))
    return [int(n) for n in said.stdout.split()], [int((found.partner(k) >= 0).sum()) for k in ("exact", "normalised")]


def test_on_a_small_table(tmp_path):
    with gzip.open(tmp_path / "train.tsv.gz", "wt", encoding="utf-8") as out:
        out.write("id\tdocument\tlabel\n")
        out.writelines(f"{number}\t{text}\t{number % 2}\n" for number, text in enumerate(ROWS))
    page, audit = both_counts(tmp_path / "train.tsv.gz", tmp_path)
    assert page == audit == [3, 7]


@pytest.mark.full
def test_on_nsmc(tmp_path, shared_data):
    path = shared_data / "nsmc/train.tsv.gz"
    if not path.is_file():
        pytest.skip("no NSMC")
    page, audit = both_counts(path, tmp_path)
    assert page == audit == [3_813, 5_807]
