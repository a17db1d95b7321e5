"""Every objective of images: it learns, hides by its keys, comes back unchanged, on every network that it can train."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pairings import covering, reads
from small_parts import pair
from small_pixels import SmallPixels, images

from headstart.core import registry
from headstart.core.batch import ImageBatch
from headstart.core.seeds import KeyedRandom
from headstart.training.loop import fit, start_state, weights
from headstart.training.plan import TrainPlan

FITS = [
    (objective, backbone)
    for objective in registry.fitting("objective", batch="pixels")
    for backbone in registry.fitting("backbone", batch="pixels")
    if reads(backbone) in registry.load("objective", objective).reads
]
PAIRS = covering(FITS, reads)  # the others in tests/full
STEPS = 25
# Deep and narrow, with 48 norms whose statistics move by .01 a batch: 25 steps teach it nothing from
# a random start by these objectives. That it learns is shown with labels (tests/backbones/test_efficientnet_lite.py).
SLOW = {"efficientnet_lite": 2}
LONGER = {("vicreg", "alexnet"): 40}  # no norm holds the spread of its vectors: a plateau comes first


class ImageBatches:
    """Batches of 32 of 64 images, a function of the number, for the training loop."""

    processor, per_epoch = SmallPixels(), 2

    def __init__(self) -> None:
        self.images = images(64)

    def at(self, number: int) -> ImageBatch:
        """Return batch `number`."""
        epoch, place = divmod(number, self.per_epoch)
        rows = list(range(32 * place, 32 * place + 32))
        return self.processor.collate([self.images[row] for row in rows], samples=rows, epoch=epoch)


@torch.no_grad()
def settle(parts) -> None:
    """Let the running statistics of batch norms, which lag behind the weights, catch up; many norms need it."""
    parts.backbone.train(), parts.objective.train()
    for number in range(10):
        parts.objective(parts.backbone, parts.objective.corrupt(ImageBatches().at(number), KeyedRandom(7)))


@torch.no_grad()
def loss_of(parts) -> float:
    """Return the loss on images that are not trained on."""
    parts.backbone.eval(), parts.objective.eval()
    unseen = SmallPixels().collate(images(64, seed=99), samples=np.arange(10_000, 10_064))
    found = parts.objective(parts.backbone, parts.objective.corrupt(unseen, KeyedRandom(7), training=False))
    assert found.count > 0
    return float(found.mean())


def test_every_objective_has_a_network():
    assert {objective for objective, _ in PAIRS} == set(registry.fitting("objective", batch="pixels"))
    assert {backbone for _, backbone in PAIRS} == set(registry.fitting("backbone", batch="pixels"))


LARGE = ("densenet", "resnet", "vgg", "googlenet")  # test_every_pixel_backbone.py trains these too
TRAINED = [pytest.param(*one, marks=[pytest.mark.full] if one[1] in LARGE else []) for one in PAIRS]


@pytest.mark.parametrize(("objective", "backbone"), TRAINED)
def test_the_loss_falls_and_the_weights_come_back(objective, backbone):
    check_the_loss_falls_and_the_weights_come_back(objective, backbone)


def check_the_loss_falls_and_the_weights_come_back(objective: str, backbone: str) -> None:
    parts = pair(objective, backbone)
    settle(parts)
    before = loss_of(parts)
    steps = SLOW.get(backbone, LONGER.get((objective, backbone), STEPS))
    plan = TrainPlan(steps=steps, learning_rate=3e-3, warmup=0.1, hold=0.4, dtype="fp32")
    state = start_state(parts.objective, parts.backbone, plan)
    assert fit(state, ImageBatches(), plan).step == steps
    settle(parts)
    trained = loss_of(parts)
    assert trained < 0.95 * before or backbone in SLOW
    again = pair(objective, backbone)
    again.backbone.load_state_dict(parts.backbone.state_dict())
    again.objective.load_state_dict(parts.objective.state_dict())
    assert loss_of(again) == pytest.approx(trained, rel=1e-6)  # in other memory sums may round otherwise
    assert len(weights(state)) > len(parts.backbone.state_dict())  # what the objective learned is saved too


@pytest.mark.parametrize(("objective", "backbone"), list({one[0]: one for one in FITS}.values()))
def test_hiding_is_a_function_of_seed_epoch_and_sample(objective, backbone):
    """Each tensor that is added has a row per image, which stays with it in any order of the batch."""
    parts, pixels, rows = pair(objective, backbone), images(12), np.arange(12) * 7
    make = SmallPixels().collate

    def drawn(order: np.ndarray, random: KeyedRandom) -> dict[str, torch.Tensor]:
        batch = make([pixels[row] for row in order], samples=rows[order], epoch=2)
        before = batch.pixels_BCHW.clone()
        found = parts.objective.corrupt(batch, random)
        assert torch.equal(batch.pixels_BCHW, before)
        assert batch.extra == {}
        return {"pixels": found.pixels_BCHW, **found.extra}

    whole = drawn(np.arange(12), KeyedRandom(11, 2))
    order = np.random.default_rng(0).permutation(12)
    shuffled = drawn(order, KeyedRandom(11, 2))
    assert all(torch.equal(whole[name][order], shuffled[name]) for name in whole)
    for other in (KeyedRandom(12, 2), KeyedRandom(11, 3)):
        changed = drawn(np.arange(12), other)
        assert any(not torch.equal(whole[name], changed[name]) for name in whole)
