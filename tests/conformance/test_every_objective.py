"""Every objective of texts with every backbone that fits: it learns, hides by its keys, comes back unchanged.

That the loss falls, and a fresh process, are tested on `sample` here and on the other pairs in tests/full.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from pairings import fits, reads, rest, sample
from safetensors.torch import load_file
from small_parts import TextBatches, batch_of, documents, outputs, pair

from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.seeds import KeyedRandom
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel

OBJECTIVES, BACKBONES = (registry.fitting(axis, batch="tokens") for axis in ("objective", "backbone"))
STEPS = 40
# Telling pairs apart starts with a plateau; networks with much dropout learn in smaller steps.
SLOW = {"nsp": (150, 3e-3), "awd_lstm": (120, 5e-3)}


def fitting(objective: str, backbone: str):
    parts = pair(objective, backbone)
    if parts.objective is None:
        pytest.skip(parts.refusal)
    return parts


def hidden(batch: TokenBatch) -> dict[int, list]:
    """Return, by sample id, what was done to it: its rows, and the extras that lie at positions in them."""
    found = defaultdict(list)
    for row, ids in zip(batch.sample_B.tolist(), batch.ids_N.split(batch.lengths_B.tolist()), strict=True):
        found[row].append(ids.tolist())
    for name in (name for name in batch.extra if name.endswith("_N")):
        for row, values in zip(batch.sample_B.tolist(), batch.extra[name].split(batch.lengths_B.tolist())):
            found[row].append((name, values.tolist()))
    row_N, position_N = batch.row_N(), batch.position_N()
    for name, places in batch.extra.items():
        if not name.endswith("_position"):
            continue
        aligned = {
            key: value for key, value in sorted(batch.extra.items()) if key != name and len(value) == len(places)
        }
        for index, place in enumerate(places.tolist()):
            values = [value[index].tolist() for value in aligned.values()]
            found[int(batch.sample_B[row_N[place]])].append((name, int(position_N[place]), *values))
    return dict(found)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fits_or_says_what_does(objective):
    for backbone in BACKBONES:
        parts = pair(objective, backbone)
        assert parts.backbone.reads == reads(backbone)
        if parts.backbone.reads not in parts.objective_spec.reads:
            assert parts.objective is None, backbone
            assert (objective, backbone) not in fits()
        if parts.objective is None:
            assert objective in parts.refusal, backbone
            assert "\n" not in parts.refusal
        assert registry.build_spec("objective", parts.objective_spec.to_dict()) == parts.objective_spec


def uncovered(chosen: Sequence[tuple[str, str]]) -> set:
    """Return the objectives, backbones and (objective, way of reading) of all pairs that fit but are not in these."""

    def seen(pairs: Sequence[tuple[str, str]]) -> set:
        return {part for name, backbone in pairs for part in (name, backbone, (name, reads(backbone)))}

    return seen(fits()) - seen(chosen)


def test_the_sample_covers():
    assert len(sample()) < len(fits()) / 2
    assert uncovered(sample()) == set()
    assert set(sample()) <= set(fits())
    ways = {(name, way) for name in OBJECTIVES for way in registry.load("objective", name).reads}
    assert {(name, reads(backbone)) for name, backbone in fits()} == ways
    assert {backbone for _, backbone in fits()} == set(BACKBONES)
    assert sorted([*sample(), *rest()]) == sorted(fits())
    without = [pair for pair in sample() if pair != ("bilm", "elmo")]  # the twin
    assert uncovered(without) == {"bilm", ("bilm", "two_causal")}


@pytest.mark.parametrize(("objective", "backbone"), sample())
def test_the_loss_falls(objective, backbone):
    check_the_loss_falls(objective, backbone)


def check_the_loss_falls(objective: str, backbone: str) -> None:
    parts = fitting(objective, backbone)
    batches = TextBatches(parts.processor, documents())
    unseen = batch_of(parts.processor, documents(64, seed=99), list(range(64)))

    @torch.no_grad()
    def loss() -> float:
        parts.backbone.eval(), parts.objective.eval()
        corrupted = parts.objective.corrupt(unseen, KeyedRandom(7), training=False)
        found = parts.objective(parts.backbone, corrupted)
        assert found.count > 0
        return float(found.mean())

    before = loss()
    steps, learning_rate = SLOW.get(objective) or SLOW.get(backbone) or (STEPS, 5e-3)
    plan = TrainPlan(steps=steps, learning_rate=learning_rate, warmup=0.1, hold=0.4, dtype="fp32")
    result = fit(start_state(parts.objective, parts.backbone, plan), batches, plan)
    assert result.step == steps
    assert loss() < 0.95 * before


@pytest.mark.parametrize(("objective", "backbone"), fits())
def test_hiding_is_a_function_of_seed_epoch_and_sample(objective, backbone):
    parts = fitting(objective, backbone)
    texts, rows = documents(24), [7 * row for row in range(24)]
    batch = batch_of(parts.processor, texts, rows, epoch=2)
    before, random = batch.ids_N.clone(), KeyedRandom(11, 2)
    whole = hidden(parts.objective.corrupt(batch, random))
    assert torch.equal(batch.ids_N, before)
    assert batch.extra == {}
    assert hidden(parts.objective.corrupt(batch, random)) == whole
    order = np.random.default_rng(0).permutation(24)
    for chosen in (order, order[:5], order[5:6]) if parts.objective.alone else ():
        part = batch_of(parts.processor, [texts[i] for i in chosen], [rows[i] for i in chosen], epoch=2)
        assert hidden(parts.objective.corrupt(part, random)) == {
            rows[i]: whole[rows[i]] for i in chosen if rows[i] in whole
        }
    if parts.objective.corrupt(batch, random) is batch:
        return  # a network that reads one way needs nothing hidden from it
    for other in (KeyedRandom(12, 2), KeyedRandom(11, 3)):
        assert hidden(parts.objective.corrupt(batch, other)) != whole


@pytest.mark.parametrize(("objective", "backbone"), fits())
def test_poor_batches_give_a_finite_loss(objective, backbone):
    parts = fitting(objective, backbone)
    for texts in ([""], ["영화"], ["", "", "film"], [documents(1)[0]] * 3):
        batch = batch_of(parts.processor, texts, list(range(len(texts))))
        loss = parts.objective(parts.backbone, parts.objective.corrupt(batch, KeyedRandom(0)))
        assert loss.mean().isfinite()
        assert loss.count >= 0
        assert all(value.isfinite() for value in loss.parts.values())
        loss.mean().backward()


_FRESH = """
import sys, torch
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from safetensors.torch import save_file
from small_parts import outputs
from headstart.training.pretrained_model import PretrainedModel
torch.set_num_threads(1)
save_file({p.name: outputs(PretrainedModel.open(p)) for p in sorted(Path(sys.argv[1]).iterdir())}, sys.argv[3])
"""


def test_saved_and_opened_in_a_fresh_process(tmp_path):
    check_saved_and_opened_in_a_fresh_process(sample(), tmp_path)


def check_saved_and_opened_in_a_fresh_process(pairs: Sequence[tuple[str, str]], tmp_path: Path) -> None:
    expected = {}
    for objective, backbone in pairs:
        parts = pair(objective, backbone)
        if parts.objective is None:
            continue
        pretrained = PretrainedModel(parts.processor, parts.spec, parts.backbone, parts.objective, parts.objective_spec)
        pretrained.save(tmp_path / "saved" / f"{objective}-{backbone}")
        expected[f"{objective}-{backbone}"] = outputs(pretrained)
    here, out = str(Path(__file__).parents[1] / "support"), tmp_path / "out.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, str(tmp_path / "saved"), here, str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = load_file(out)
    assert set(found) == set(expected)
    assert {label.split("-")[0] for label in found} == {objective for objective, _ in pairs}
    for label, tensor in expected.items():
        assert torch.equal(found[label], tensor), label
