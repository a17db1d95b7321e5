"""Every public text set: byte-level kinds give each text back exactly, and NFC and NFD give the same ids."""

from __future__ import annotations

import os
import unicodedata
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows

ROWS = int(os.environ.get("HEADSTART_ROWS", "150"))  # of each file; 0 = all


@pytest.fixture(scope="module")
def root() -> Path:
    path = Path(os.environ.get("HEADSTART_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not path.exists():
        pytest.skip("no shared data")
    return path


def texts_of(name: str) -> list[str]:
    """Return every string cell of the first rows, each once."""
    rows = islice(read_rows(name, Ledger()), ROWS or None)
    values = [row.value for row in rows]
    cells = [cell for value in values for cell in (value.values() if isinstance(value, dict) else [value])]
    return list(dict.fromkeys(cell for cell in cells if isinstance(cell, str)))


def text_files(root: Path) -> list[str]:
    names = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        try:
            names += [name for name in expand(folder) if not holds_images(name)]
        except HeadstartError:  # images
            continue
    return names


def holds_images(name: str) -> bool:
    """Return whether the first row of a file is an image or has one."""
    (first,) = islice(read_rows(name, Ledger()), 1)
    cells = first.value.values() if isinstance(first.value, dict) else [first.value]
    return any(isinstance(cell, ImageRef) for cell in cells)


@pytest.mark.full
def test_byte_level_kinds_give_every_text_back(root):
    files = text_files(root)
    assert len(files) > 30
    training = texts_of(str(root / "nsmc" / "dev.tsv.gz"))[:2000]
    kinds = [registry.load("processor", kind)().train(iter(training)) for kind in ("bpe", "byte")]
    count = 0
    for name in files:
        texts = texts_of(name)
        assert texts, name
        composed = [unicodedata.normalize("NFC", text) for text in texts]
        for tokenizer in kinds:
            ids = tokenizer.encode(texts)
            assert tokenizer.rust._raw.decode_batch([item.tolist() for item in ids]) == composed, name
            assert tokenizer.decode(ids[0]) == composed[0]
        count += len(texts)
    assert count > 5_000


@pytest.mark.parametrize("kind", ["bpe", "byte", "char", "unigram", "wordpiece"])
def test_normal_forms_of_reviews_give_the_same_ids(root, kind):
    texts = texts_of(str(root / "nsmc" / "dev.tsv.gz"))[:4000]
    tokenizer = registry.load("processor", kind)().train(iter(texts[:3000]))
    composed = tokenizer.encode([unicodedata.normalize("NFC", text) for text in texts])
    spread = tokenizer.encode([unicodedata.normalize("NFD", text) for text in texts])
    assert len(np.concatenate(composed)) > 1000
    assert all((a == b).all() for a, b in zip(composed, spread, strict=True))
