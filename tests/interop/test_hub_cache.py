"""Bases by hub id: found in a Hugging Face cache as huggingface_hub lays it out, at any verb, and never fetched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from program import headstart
from small_networks import bert_of_others

from headstart.core.errors import HeadstartError
from headstart.interop.hub_cache import cached_ids, id_of, located
from headstart.training.pretrained_model import PretrainedModel

TEXTS = ["a good film", "영화가 좋다"]
REVISIONS = {"main": "a" * 40, "v1.0": "b" * 40}


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    return bert_of_others(tmp_path_factory.mktemp("hf") / "model")


@pytest.fixture
def cache(exported, tmp_path, monkeypatch) -> Path:
    """A cache with two models, of which the first has two revisions; its files are links to blobs."""
    root = tmp_path / "hub"
    for model in ("who--tiny-bert", "sentence-transformers--tiny-MiniLM"):
        place = root / f"models--{model}"
        for name, commit in REVISIONS.items():
            snapshot = place / "snapshots" / commit
            snapshot.mkdir(parents=True)
            (place / "refs").mkdir(exist_ok=True)
            (place / "refs" / name).write_text(commit)
            for file in exported.iterdir():
                blob = place / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
                blob.parent.mkdir(exist_ok=True)
                blob.write_bytes(file.read_bytes())
                (snapshot / file.name).symlink_to(Path("..", "..", "blobs", blob.name))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root))
    monkeypatch.chdir(tmp_path)
    return root


@pytest.mark.parametrize(
    ("asked", "model", "revision"),
    [
        ("who/tiny-bert", "who--tiny-bert", "main"),
        ("who/tiny-bert@v1.0", "who--tiny-bert", "v1.0"),
        (f"who/tiny-bert@{REVISIONS['v1.0']}", "who--tiny-bert", "v1.0"),
        ("sentence-transformers/tiny-MiniLM", "sentence-transformers--tiny-MiniLM", "main"),
        ("tiny-MiniLM", "sentence-transformers--tiny-MiniLM", "main"),
    ],
)
def test_an_id_is_its_snapshot(cache, exported, asked, model, revision):
    found = located(asked)
    assert found == cache / f"models--{model}" / "snapshots" / REVISIONS[revision]
    base = PretrainedModel.open(asked)
    assert base.name == model.partition("--")[2]
    assert np.array_equal(base.embed(TEXTS), PretrainedModel.open(exported).embed(TEXTS))


def test_a_folder_comes_before_an_id(cache, tmp_path):
    (tmp_path / "who" / "tiny-bert").mkdir(parents=True)
    assert located("who/tiny-bert") == Path("who/tiny-bert")


def test_ids_of_folders(cache, tmp_path):
    place = cache / "models--who--tiny-bert"
    assert id_of(place) == id_of(place / "snapshots" / REVISIONS["main"]) == "who/tiny-bert"
    assert id_of(tmp_path / "run") == ""
    assert cached_ids() == ["sentence-transformers/tiny-MiniLM", "who/tiny-bert"]
    assert PretrainedModel.open(place).name == "tiny-bert"


@pytest.mark.parametrize("asked", ["who/tiny-brt", "who/tiny-bert@v2", "../no/model", "a..b/--", "no/x/y", "no model"])
def test_what_is_not_there_says_how_to_get_it(cache, asked):
    with pytest.raises(HeadstartError, match="no such id in the Hugging Face cache") as caught:
        located(asked)
    assert "\n" not in str(caught.value)
    assert ("did you mean 'who/tiny-bert'?" in str(caught.value)) == asked.startswith("who/tiny")


def test_verbs_take_ids(cache, tmp_path):
    (tmp_path / "rows.tsv").write_text("text\tlabel\n" + "".join(f"film {n} {n % 2}\t{n % 2}\n" for n in range(40)))
    (tmp_path / "texts.txt").write_text("\n".join(f"a film of {number}" for number in range(300)))
    ran = headstart("transfer", "who/tiny-bert", "--data", "rows.tsv", "--route", "probe", "--out", "TASK")
    assert ran.code == 0, ran.err
    assert "base tiny-bert: " in ran.err
    ran = headstart("predict", "TASK", "rows.tsv", "--out", "answers.jsonl")
    assert ran.code == 0, ran.err
    ran = headstart("embed", "who/tiny-bert", "texts.txt", "--out", "vectors.npy")
    assert ran.code == 0, ran.err
    asked = ("pretrain", "texts.txt", "--base", "who/tiny-bert", "--objective", "mlm", "--steps", 2, "--out", "RUN")
    ran = headstart(*asked, "batches.tokens=256")
    assert ran.code == 0, ran.err
    again = headstart(*asked[:-1], "RUN", "--resume", "batches.tokens=256")
    assert again.code == 0, again.err
    refused = headstart("transfer", "who/tiny-brt", "--data", "rows.tsv", "--route", "probe", "--out", "T2")
    assert refused.code == 2
    assert "did you mean 'who/tiny-bert'?" in refused.err
