"""The readout of a base of images is what the labelled rows say, the usual one where they say nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_bases import bag_base, corpus, pixel_base
from tiny_bases import rows as texts
from tiny_images import striped_images, striped_rows

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.shapes import ImageShape
from headstart.fitting.readout import choose_readout, prepare_readouts, readouts_of
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.time_budget import Clock
from headstart.fitting.workspace import Workspace
from headstart.nn.pooling import pool

OPEN = (-1, "auto")


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(pixel_base(striped_images(30)), lambda: iter(striped_images(40, 100)))


def chosen(examples: Examples, workspace: Workspace, given=OPEN, clock=None):
    return choose_readout(examples, workspace, given, default=1.0, seed=0, clock=clock or Clock(None))


def test_every_way_to_read_is_a_candidate(workspace):
    assert readouts_of(workspace.base) == [
        OPEN, (-1, "quarters"), (-1, "all"), (3, "auto"), (2, "auto"), (1, "auto"), (0, "auto"),
    ]  # fmt: skip
    assert readouts_of(bag_base()) == [OPEN, (1, "auto"), (0, "auto")]


def test_quarters_and_all_are_means_of_the_stages():
    shape = ImageShape(1, 16, 16)
    torch.manual_seed(0)
    network = registry.build_spec("backbone", {"name": "small_resnet", "width": 4, "readout": "all"}).build(shape)
    features = network.eval()(workspace_batch(shape))
    _, second, third = features.maps
    assert torch.allclose(pool(features, "all"), torch.cat([one.mean((2, 3)) for one in features.maps], dim=1))
    assert torch.equal(features.pooled_BD, pool(features, "all"))
    corner = torch.stack([third[:, :, y, x] for y in (0, 1) for x in (0, 1)], dim=2).flatten(1)
    assert torch.allclose(pool(features, "quarters")[:, -corner.shape[1] :], corner)
    assert torch.allclose(pool(features, "quarters")[:, 0], second[:, 0, :2, :2].mean((1, 2)))


def workspace_batch(shape: ImageShape):
    processor = registry.load("processor", "pixels")().train(striped_images(3))
    return processor.collate(processor.encode(striped_images(3)), samples=np.arange(3))


def test_the_layer_that_tells_the_classes_is_read(workspace):
    """The last stages are struck dumb; the first one sees the stripes."""
    for stage in workspace.base.backbone.stages[1:]:
        for parameter in stage.parameters():
            parameter.data.zero_()
    told = chosen(striped_rows(60), workspace)[1]
    assert told["readout"] in ("all", "layer 1")  # both hold the means of the first stage
    model = registry.load("route", "probe")().run(striped_rows(60), workspace, seed=0)
    assert model.notes["readout"] == told["readout"]
    test = striped_rows(40, 200)
    assert (model.predict_proba(test).argmax(axis=1) == test.labels).mean() > 0.9
    fixed = registry.build_spec("route", {"name": "probe", "pooling": "own"}).run(striped_rows(60), workspace, seed=0)
    assert (fixed.predict_proba(test).argmax(axis=1) == test.labels).mean() < 0.7
    assert "readout" not in fixed.notes


def test_the_choice_is_saved(workspace, tmp_path):
    route, new = registry.load("route", "probe")(), striped_rows(6, 300)
    for stage in workspace.base.backbone.stages[1:]:
        for parameter in stage.parameters():
            parameter.data.zero_()
    model = route.run(striped_rows(60), workspace, seed=0)
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), model.predict_proba(new), atol=1e-5)


def test_without_evidence_it_is_the_usual_one(workspace):
    assert chosen(striped_rows(2), workspace)[1] == {
        "readout": "auto",
        "readout_folds": 0,
    }  # one row a class: none held out
    mixed = striped_rows(40)
    mixed = Examples(mixed.items, None, np.random.default_rng(0).permutation(mixed.labels), mixed.classes)
    assert chosen(mixed, workspace)[1]["readout"] == "auto"


def test_what_is_named_is_not_chosen(workspace):
    vectors, told = chosen(striped_rows(40), workspace, (2, "auto"))
    assert ((vectors.layer, vectors.pooling), told) == ((2, "auto"), {})
    vectors, told = chosen(striped_rows(40), workspace, (-1, "all"))
    assert ((vectors.layer, vectors.pooling), told) == ((-1, "all"), {})


def test_texts_are_read_as_the_base_was_made():
    vectors, told = chosen(texts(40), Workspace(bag_base(), corpus))
    assert ((vectors.layer, vectors.pooling), told) == (OPEN, {})


def test_no_time_is_one_fold(workspace):
    assert chosen(striped_rows(60), workspace, clock=Clock(0.0))[1]["readout_folds"] == 1


def test_one_pass_reads_all_and_gives_what_single_passes_give(workspace, monkeypatch):
    passes, real = [], type(workspace.base.backbone).forward
    monkeypatch.setattr(
        type(workspace.base.backbone),
        "forward",
        lambda self, batch, **how: passes.append(batch.size) or real(self, batch, **how),
    )
    prepare_readouts(striped_rows(20), workspace, OPEN)
    assert sum(passes) == 60  # 20 rows and the 40 unlabelled images
    chosen(striped_rows(20), workspace)
    assert sum(passes) == 60
    alone = Workspace(workspace.base, workspace.documents)
    for layer, pooling in readouts_of(workspace.base):
        both = [space.vectors(striped_images(20), layer=layer, pooling=pooling) for space in (workspace, alone)]
        assert np.allclose(*both, atol=1e-5)


@pytest.mark.parametrize(("layer", "pooling"), [(2, "quarters"), (-1, "all")])
def test_stages_that_are_not_there_are_named(layer, pooling, workspace):
    base = workspace.base if layer != -1 else bag_base()
    with pytest.raises(HeadstartError, match=f"pooling={pooling}, layer={layer}: {pooling} reads the stages"):
        base.check_embedding(layer, pooling)
