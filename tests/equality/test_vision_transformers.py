"""Vision Transformers against transformers: hidden states, logits, other sizes; theirs read, ours exported and read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from program import headstart
from safetensors.torch import load_file
from tiny_images import image_folder

from headstart.backbones.vit import ViTSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.exportable import Exportable
from headstart.core.shapes import ImageShape
from headstart.exports.hf import HfSpec
from headstart.heads.classify import ClassifySpec
from headstart.interop.huggingface import load_backbone, load_head
from headstart.processors.pixels import PixelProcessor
from headstart.training.pretrained_model import PretrainedModel

transformers = pytest.importorskip("transformers")
SIZES = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 40, "patch_size": 4}
SHAPES = {3: ImageShape(3, 16, 16, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)), 1: ImageShape(1, 16, 16, (0.4,), (0.3,))}
CLASSES = ("cat", "dog", "고양이")


def images(channels: int, side: int = 16) -> ImageBatch:
    pixels = torch.randint(0, 256, (4, channels, side, side), generator=torch.Generator().manual_seed(side))
    return ImageBatch(pixels_BCHW=pixels.to(torch.uint8), sample_B=torch.arange(4))


def saved(kind: str, folder: Path, channels: int = 3, **settings):
    """Save a small network of theirs, every tensor at random, beside what their image processor would write."""
    torch.manual_seed(5)
    family = transformers.ViTMAEConfig if "MAE" in kind else transformers.ViTConfig
    model = getattr(transformers, kind)(family(**SIZES, image_size=16, num_channels=channels, num_labels=3, **settings))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.eval().save_pretrained(folder)
    PixelProcessor(SHAPES[channels]).save(folder)
    return model


@pytest.mark.parametrize("channels", [3, 1])
@torch.no_grad()
def test_hidden_states_are_equal(channels, tmp_path):
    model = saved("ViTModel", tmp_path, channels)
    base = PretrainedModel.open(tmp_path)
    network = base.backbone
    assert base.backbone_spec == ViTSpec(width=24, depth=3, heads=2, mlp_width=40, patch=4, eps=1e-12)
    assert base.receipt["dropped"] == ["pooler.dense.bias", "pooler.dense.weight"]
    batch = images(channels)
    expected = model(network.input(batch), output_hidden_states=True)
    found = network(batch, layers=True)
    for a, b in zip(expected.hidden_states[:-1], found.layers[:-1], strict=True):
        assert (a - b).abs().max() <= 1e-4
    assert (expected.last_hidden_state - found.last_BTD).abs().max() <= 1e-4
    larger = images(channels, 24)
    expected = model(network.input(larger), interpolate_pos_encoding=True).last_hidden_state
    assert (expected - network(larger).last_BTD).abs().max() <= 1e-4


@torch.no_grad()
def test_a_masked_autoencoder_of_theirs_is_read(tmp_path):
    small = {"decoder_hidden_size": 16, "decoder_num_attention_heads": 2, "decoder_num_hidden_layers": 1}
    model = saved("ViTMAEForPreTraining", tmp_path, mask_ratio=0.0, **small)
    network = load_backbone(tmp_path).backbone
    batch = images(3)
    theirs = model.vit(network.input(batch), noise=torch.arange(16.0).expand(4, -1)).last_hidden_state
    assert (theirs - network(batch).last_BTD).abs().max() <= 1e-4


@torch.no_grad()
def test_logits_are_equal_and_come_back(tmp_path):
    model = saved("ViTForImageClassification", tmp_path / "theirs")
    loaded = load_backbone(tmp_path / "theirs")
    network, output = loaded.backbone, loaded.backbone.classification_head(3)
    load_head(ViTSpec.HF_NAMES, "classify", output, loaded.extra, "theirs")
    batch = images(3)
    expected = model(network.input(batch)).logits
    assert (expected - output(network(batch))).abs().max() <= 1e-4

    task = Exportable(PixelProcessor(SHAPES[3]), network, loaded.spec)
    task.head, task.classes = SimpleNamespace(spec=ClassifySpec(), plain_output=lambda: output), CLASSES
    note = HfSpec().write(task, tmp_path / "ours").note
    assert "AutoModelForImageClassification" in note
    again, report = transformers.AutoModelForImageClassification.from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not any(report[key] for key in ("unexpected_keys", "mismatched_keys", "missing_keys"))
    assert torch.equal(again.eval()(network.input(batch)).logits, expected)
    written, before = load_file(tmp_path / "ours/model.safetensors"), load_file(tmp_path / "theirs/model.safetensors")
    assert written.keys() == before.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in before.items())


@torch.no_grad()
def test_an_exported_network_opens_there(tmp_path):
    torch.manual_seed(1)
    spec = ViTSpec(width=24, depth=2, heads=2, patch=4)
    network = spec.build(SHAPES[3]).eval()
    assert (
        HfSpec()
        .write(Exportable(PixelProcessor(SHAPES[3]), network, spec), tmp_path / "out")
        .note.startswith("load it")
    )
    theirs = transformers.ViTModel.from_pretrained(tmp_path / "out", add_pooling_layer=False).eval()
    batch = images(3)
    assert (theirs(network.input(batch)).last_hidden_state - network(batch).last_BTD).abs().max() <= 1e-5
    assert load_backbone(tmp_path / "out").spec == ViTSpec(width=24, depth=2, heads=2, mlp_width=96, patch=4)


def test_what_has_no_counterpart_is_refused(tmp_path):
    spec = ViTSpec(width=24, depth=1, heads=2, readout="mean")
    with pytest.raises(HeadstartError, match="readout=mean has no counterpart in transformers"):
        HfSpec().write(Exportable(PixelProcessor(SHAPES[3]), spec.build(SHAPES[3]), spec), tmp_path / "out")
    saved("ViTModel", tmp_path / "theirs", qkv_bias=False)
    config = json.loads((tmp_path / "theirs/config.json").read_text())
    assert config["qkv_bias"] is False
    with pytest.raises(HeadstartError, match="qkv_bias=False is not supported"):
        load_backbone(tmp_path / "theirs")


def test_a_folder_of_theirs_is_gone_on_with(tmp_path):
    saved("ViTModel", tmp_path / "theirs")
    pictures = image_folder(tmp_path / "pictures", 24, channels=3)
    for objective in ("views", "mae"):
        run = tmp_path / objective
        begun = ("--base", tmp_path / "theirs", "--objective", objective, "--steps", 2, "batches.images=12")
        shown = headstart("pretrain", pictures, "--out", run, *begun)
        assert shown.code == 0, shown.err
        assert "starting from theirs; tensors: 44 restored" in shown.err
        base = PretrainedModel.open(run)
        assert base.backbone_spec.readout == "class"
        assert base.auto_pooling == "cls"
