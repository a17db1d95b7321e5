"""training/prepare: outputs over the vocabulary start from how often tokens occur."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.core.batch import TokenBatch
from headstart.data.corpus import Corpus
from headstart.data.token_store import in_memory
from headstart.nn.outputs import TokenOutput, Transform
from headstart.sizing.default_recipe import choose_recipe, resolved
from headstart.sizing.facts import Facts
from headstart.training.prepare import build_parts, prepared
from headstart.training.run_folder import RunFolder

SMALL = ["backbone.width=32", "backbone.depth=1", "backbone.heads=2", "held_out=0.1"]


@pytest.fixture
def run(tmp_path):
    """Returns what a small run of an objective on words of unlike frequency trains with, and its spec."""

    def make(objective: str, recipe: str | None = None):
        random = np.random.default_rng(0)
        lines = [" ".join(f"word{int(one)}" for one in random.geometric(0.3, 12)) for _ in range(300)]
        (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
        facts = Facts({"paths": [str(tmp_path / "texts.txt")], "unit": "line"}, None, 3)
        recipe, _ = choose_recipe(objective, facts, recipe)
        spec = resolved(recipe, objective, facts).override([*SMALL, "processor=word"] if objective == "mlm" else SMALL)
        home = RunFolder(tmp_path / objective)
        home.path.mkdir()
        return spec, prepared(spec, Corpus(**spec.corpus), home, "", lambda text: None)

    return make


def entropy(count_V: torch.Tensor) -> float:
    share_V = count_V / count_V.sum()
    return float(-(share_V[share_V > 0] * share_V[share_V > 0].log()).sum())


def loss_before_training(spec, parts, first) -> float:
    backbone, objective = build_parts(spec, parts.processor, first)
    batch = parts.batches.at(0)
    place_M = torch.arange(1, batch.units - 1)
    place_M = place_M[torch.isin(batch.ids_N[place_M], torch.tensor(sorted(parts.processor.special_ids)), invert=True)]
    extra = {"target_position": place_M, "target_id": batch.ids_N[place_M]}
    known = TokenBatch(ids_N=batch.ids_N, lengths_B=batch.lengths_B, sample_B=batch.sample_B, extra=extra)
    with torch.no_grad():
        return float(objective(backbone, known).mean())


def test_the_first_loss_is_what_frequencies_alone_give(run):
    spec, parts = run("mlm", "bert")
    even = loss_before_training(spec, parts, None)
    started = loss_before_training(spec, parts, parts.first)
    assert started < even - 0.5
    assert started == pytest.approx(entropy(parts.first.count_V), abs=0.3)


def test_the_same_seed_gives_the_same_parts_with_and_without_counts(run):
    spec, parts = run("mlm", "bert")
    plain, counted = (build_parts(spec, parts.processor, first) for first in (None, parts.first))
    for (name, one), other in zip(plain[0].state_dict().items(), counted[0].state_dict().values()):
        assert torch.equal(one, other), name
    differ = {n for n, p in plain[1].named_parameters() if not torch.equal(p, dict(counted[1].named_parameters())[n])}
    assert differ == {"head.bias"}


def test_counts_are_those_of_the_documents_that_are_trained_on():
    store = in_memory([np.array([1, 2, 2]), np.array([5]), np.array([2, 3])])
    assert store.counts(np.array([0, 2]), 7).tolist() == [0, 1, 3, 1, 0, 0, 0]
    assert store.counts(np.array([1]), 7).tolist() == [0, 0, 0, 0, 0, 1, 0]


def test_counting_ends_somewhere(monkeypatch):
    monkeypatch.setattr("headstart.data.token_store._COUNTED", 4)
    store = in_memory([np.array([1, 2, 2]), np.array([5]), np.array([2, 3])])
    assert store.counts(np.array([0, 1, 2]), 7).tolist() == [0, 1, 2, 0, 0, 1, 0]


def test_ids_that_never_occur_stay_possible():
    output = TokenOutput(Transform(4, act="gelu", eps=1e-5, dense_bias=False, norm_bias=False), 6)
    output.start_from(torch.tensor([0.0, 8.0, 2.0]))  # three rows more than ids
    share_V = output.bias.detach().exp()
    assert float(share_V.sum()) == pytest.approx(1.0)
    assert share_V.tolist() == pytest.approx([one / 13.0 for one in (0.5, 8.5, 2.5, 0.5, 0.5, 0.5)])
