"""Every objective with every backbone that fits: it learns, hides as a function of its keys, comes back unchanged."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
import torch
from small_parts import TextBatches, batch_of, documents, pair

from headstart.base import registry
from headstart.base.batch import Batch
from headstart.base.seeds import KeyedRandom
from headstart.training.artefact import Artefact
from headstart.training.loop import fit
from headstart.training.plan import TrainPlan

PAIRS = [(o, b) for o in registry.names("objective") for b in registry.names("backbone")]
STEPS = 40
# Telling pairs apart starts with a plateau; networks with much dropout learn in smaller steps.
SLOW = {"nsp": (150, 3e-3), "awd_lstm": (120, 5e-3)}


def fitting(objective: str, backbone: str):
    parts = pair(objective, backbone)
    if parts.objective is None:
        pytest.skip(parts.refusal)
    return parts


def hidden(batch: Batch) -> dict[int, list]:
    """Return, by sample id, what was done to it: its rows, and the extras that lie at positions in them."""
    found = defaultdict(list)
    for sample, ids in zip(batch.sample_B.tolist(), batch.ids_N.split(batch.lengths_B.tolist()), strict=True):
        found[sample].append(ids.tolist())
    for name in (name for name in batch.extra if name.endswith("_N")):
        for sample, values in zip(batch.sample_B.tolist(), batch.extra[name].split(batch.lengths_B.tolist())):
            found[sample].append((name, values.tolist()))
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


@pytest.mark.parametrize(("objective", "backbone"), PAIRS)
def test_fits_or_says_what_does(objective, backbone):
    parts = pair(objective, backbone)
    if parts.backbone.reads not in parts.objective_spec.reads:
        assert parts.objective is None
    if parts.objective is None:
        assert objective in parts.refusal
        assert "\n" not in parts.refusal
    assert registry.build_spec("objective", parts.objective_spec.to_dict()) == parts.objective_spec


@pytest.mark.parametrize(("objective", "backbone"), PAIRS)
def test_the_loss_falls(objective, backbone):
    parts = fitting(objective, backbone)
    batches = TextBatches(parts.tokenizer, documents())
    unseen = batch_of(parts.tokenizer, documents(64, seed=99), list(range(64)))

    @torch.no_grad()
    def loss() -> float:
        parts.backbone.eval(), parts.objective.eval()
        found = parts.objective(parts.backbone, parts.objective.corrupt(unseen, KeyedRandom(7)))
        assert found.count > 0
        return float(found.total) / found.count

    before = loss()
    steps, rate = SLOW.get(objective) or SLOW.get(backbone) or (STEPS, 5e-3)
    plan = TrainPlan(steps=steps, rate=rate, warmup=0.1, hold=0.4, dtype="fp32")
    result = fit(parts.objective, parts.backbone, batches, plan)
    assert result.step == steps
    assert loss() < 0.95 * before


@pytest.mark.parametrize(("objective", "backbone"), PAIRS)
def test_hiding_is_a_function_of_seed_epoch_and_sample(objective, backbone):
    parts = fitting(objective, backbone)
    texts, rows = documents(24), [7 * row for row in range(24)]
    batch = batch_of(parts.tokenizer, texts, rows, epoch=2)
    before, random = batch.ids_N.clone(), KeyedRandom(11, 2)
    whole = hidden(parts.objective.corrupt(batch, random))
    assert torch.equal(batch.ids_N, before)
    assert batch.extra == {}
    assert hidden(parts.objective.corrupt(batch, random)) == whole
    order = np.random.default_rng(0).permutation(24)
    for chosen in (order, order[:5], order[5:6]) if parts.objective.alone else ():
        part = batch_of(parts.tokenizer, [texts[i] for i in chosen], [rows[i] for i in chosen], epoch=2)
        assert hidden(parts.objective.corrupt(part, random)) == {
            rows[i]: whole[rows[i]] for i in chosen if rows[i] in whole
        }
    if parts.objective.corrupt(batch, random) is batch:
        return  # a network that reads one way needs nothing hidden from it
    for other in (KeyedRandom(12, 2), KeyedRandom(11, 3)):
        assert hidden(parts.objective.corrupt(batch, other)) != whole


@pytest.mark.parametrize(("objective", "backbone"), PAIRS)
def test_poor_batches_give_a_finite_loss(objective, backbone):
    parts = fitting(objective, backbone)
    for texts in ([""], ["영화"], ["", "", "film"], [documents(1)[0]] * 3):
        batch = batch_of(parts.tokenizer, texts, list(range(len(texts))))
        loss = parts.objective(parts.backbone, parts.objective.corrupt(batch, KeyedRandom(0)))
        assert loss.total.isfinite()
        assert loss.count >= 0
        assert all(np.isfinite(value) for value in loss.parts.values())
        loss.total.backward()


_FRESH = """
import sys, torch
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from safetensors.torch import save_file
from test_every_objective import outputs
from headstart.training.artefact import Artefact
torch.set_num_threads(1)
save_file({p.name: outputs(Artefact.open(p)) for p in sorted(Path(sys.argv[1]).iterdir())}, sys.argv[3])
"""


@torch.no_grad()
def outputs(artefact: Artefact) -> torch.Tensor:
    """Return the loss and the document vectors of a few texts."""
    artefact.backbone.eval(), artefact.objective.eval()
    batch = batch_of(artefact.tokenizer, documents(16, seed=3), list(range(16)))
    loss = artefact.objective(artefact.backbone, artefact.objective.corrupt(batch, KeyedRandom(5)))
    pooled = artefact.backbone(batch).pool("mean")
    return torch.cat([loss.total.reshape(1).float(), torch.tensor([float(loss.count)]), pooled.flatten()])


def test_saved_and_opened_in_a_fresh_process(tmp_path):
    from pathlib import Path

    from safetensors.torch import load_file

    expected = {}
    for objective, backbone in PAIRS:
        parts = pair(objective, backbone)
        if parts.objective is None:
            continue
        artefact = Artefact(parts.tokenizer, parts.spec, parts.backbone, parts.objective, parts.objective_spec)
        artefact.save(tmp_path / "saved" / f"{objective}-{backbone}")
        expected[f"{objective}-{backbone}"] = outputs(artefact)
    here, out = str(Path(__file__).parent), tmp_path / "out.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, str(tmp_path / "saved"), here, str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = load_file(out)
    assert set(found) == set(expected)
    for label, tensor in expected.items():
        assert torch.equal(found[label], tensor), label
