"""What the tests of the verbs share: the program called in this process, tiny data, two tiny runs and a task model."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from program import Outcome, headstart

TOPICS = {
    "film": ["film", "actor", "scene", "story", "camera", "plot", "ending", "director", "영화", "배우", "연기", "감동"],
    "food": ["bread", "soup", "taste", "kitchen", "salt", "dinner", "cook", "plate", "음식", "맛", "요리", "식당"],
}
TINY = ("backbone.width=32", "backbone.mlp_width=32")
TINY_MLM = ("--objective", "mlm", "backbone.width=32", "backbone.depth=1", "backbone.heads=2", "batches.tokens=512")


@pytest.fixture(autouse=True)
def _quick(few_strengths) -> None:
    """Let linear models choose among three strengths: what is tested here is around them."""


@pytest.fixture(scope="session")
def program() -> Callable[..., Outcome]:
    """The program, see `headstart`."""
    return headstart


def _write_data(place: Path) -> None:
    source = random.Random(5)
    rows = [
        (" ".join(source.choices(words, k=source.randint(6, 12))), name)
        for _ in range(150)
        for name, words in TOPICS.items()
    ]
    texts = [text for text, _ in rows]

    def table(name: str, some: list[tuple[str, str]]) -> None:
        (place / name).write_text("document\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in some))

    plain = "\n".join(texts) + "\n"
    (place / "corpus.txt").write_text(plain)
    table("train.tsv", rows[:120])
    table("test.tsv", rows[120:200])
    table("one_class.tsv", [(text, "film") for text in texts[:20]])
    table("gaps.tsv", [(text, label if number % 5 else "") for number, (text, label) in enumerate(rows[:40])])
    table("header.tsv", [])
    (place / "empty.txt").write_bytes(b"")
    (place / "blank.txt").write_text("\n\n  \n")
    (place / "noise.bin").write_bytes(bytes(range(256)) * 20)
    packed = gzip.compress(plain.encode())
    (place / "broken.txt.gz").write_bytes(packed[: len(packed) * 2 // 3])
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts[:60]]
    lines[6] = lines[6][:15]
    (place / "broken.jsonl").write_text("\n".join(lines) + "\n")
    (place / "short.txt").write_text("".join(" ".join(text.split()[:3]) + "\n" for text in texts))
    (place / "one_document.txt").write_text("film actor film actor scene story film\n")
    (place / "one_word.txt").write_text("film\n")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, two runs (`halves`, `mlm`) and a task model (`task`); tests only read it."""
    place = tmp_path_factory.mktemp("place")
    _write_data(place)
    before = Path.cwd()
    os.chdir(place)
    try:
        for made in (
            headstart("pretrain", "corpus.txt", "--out", "halves", "--steps", 6, *TINY, "training.save_steps=3"),
            headstart("pretrain", "corpus.txt", "--out", "mlm", "--steps", 4, *TINY_MLM),
            headstart("transfer", "halves", "--data", "train.tsv", "--out", "task"),
        ):
            assert made.code == 0, made.err
    finally:
        os.chdir(before)
    return place


@pytest.fixture(autouse=True)
def _there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
