"""Every route that reads images, on a network of pixels: it answers and is saved, or says beforehand why it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_parts import small
from tiny_images import striped_images, striped_rows

from headstart.core import registry
from headstart.core.examples import ImageRef
from headstart.fitting.checks import why_not
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel

pytestmark = pytest.mark.usefixtures("few_strengths")

NAMES = [name for name in registry.names("route") if "image" in registry.load("route", name).takes]
REFUSED = {
    "lora": "no linear or recurrent layer",
    "nearest": "second",
    "joined_bases": "two",
}  # what cannot be, and the reason that is given
QUICK = {"hog_svm": {"side": 16, "default": 0.3}, "kmeans_patches_logreg": {"centres": 32}}
QUICK |= {"seeds": {"member": "finetune:epochs=1:least_steps=4:head_steps=2", "count": 2}}


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    processor, spec = (
        registry.load("processor", "pixels")().train(striped_images(20)),
        small("backbone", "small_resnet"),
    )
    torch.manual_seed(0)
    backbone, what = spec.build(processor.shape), small("objective", "views", hidden=16)
    base = PretrainedModel(processor, spec, backbone, what.build(backbone, processor), what)
    broken = ImageRef.from_bytes(b"no image")
    return Workspace(base, lambda: iter([*striped_images(40, 100), broken]))


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_or_says_why_it_cannot(name, workspace, tmp_path):
    route, train, new = small("route", name, **QUICK.get(name, {})), striped_rows(16), striped_rows(7, first=50)
    refusal = why_not(route, train, workspace)
    if name in REFUSED:
        assert REFUSED[name] in refusal
        return
    assert refusal is None
    model = route.run(train, workspace, seed=1, seconds=5.0)
    scores_NC = model.predict_proba(new)
    assert scores_NC.shape == (7, 2)
    assert np.allclose(scores_NC.sum(axis=1), 1, atol=1e-6)
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), scores_NC, atol=1e-5)


def test_low_rank_updates_of_an_image_transformer(workspace, tmp_path):
    """A convolutional network has no linear layer to update; an image transformer has."""
    spec, processor = small("backbone", "vit"), workspace.need_base().processor
    torch.manual_seed(0)
    base = PretrainedModel(processor, spec, spec.build(processor.shape))
    before = {name: one.clone() for name, one in base.backbone.state_dict().items()}
    route, new = small("route", "lora"), striped_rows(7, first=50)
    model = route.run(striped_rows(16), Workspace(base), seed=1, seconds=5.0)
    scores_NC = model.predict_proba(new)
    assert np.allclose(scores_NC.sum(axis=1), 1, atol=1e-6)
    assert all(torch.equal(one, before[name]) for name, one in base.backbone.state_dict().items())
    changed = [name for name, one in model.backbone.state_dict().items() if not torch.equal(one, before[name])]
    assert changed
    assert all(before[name].ndim == 2 for name in changed)
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), scores_NC, atol=1e-5)
