"""Residual networks against transformers: maps, logits, gradients, statistics; exported, loaded there and read back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_images import encoded, striped

from headstart.backbones.resnet import ResNet, ResNetSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.exportable import Exportable
from headstart.core.shapes import ImageShape
from headstart.exports.hf import HfSpec, hf_tensors
from headstart.heads.classify import ClassifySpec
from headstart.interop.huggingface import load_backbone, load_head
from headstart.interop.names import fit_rules
from headstart.processors.pixels import PixelProcessor, Pixels
from headstart.training.pretrained_model import PretrainedModel

transformers = pytest.importorskip("transformers")
DEPTHS = (18, 34, 50, 101, 152)
SHAPES = {3: ImageShape(3, 33, 47, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)), 1: ImageShape(1, 33, 47, (0.4,), (0.3,))}
CASES = [(18, 3), (18, 1), (50, 3)]
CLASSES = ("cat", "dog", "고양이")


def images(channels: int, seed: int = 0) -> ImageBatch:
    pixels = torch.randint(0, 256, (4, channels, 33, 47), generator=torch.Generator().manual_seed(seed))
    return ImageBatch(pixels_BCHW=pixels.to(torch.uint8), sample_B=torch.arange(4))


def trained(depth: int, channels: int) -> tuple[ResNet, torch.nn.Module]:
    """Return a tiny network and its output as training would leave them: weights, norms and statistics at random."""
    torch.manual_seed(depth)
    network = ResNetSpec(depth=depth, width=8).build(SHAPES[channels])
    for label, parameter in network.named_parameters():
        if "norm" in label:
            torch.nn.init.normal_(parameter, mean=0.5 * ("weight" in label), std=0.1)
    with torch.no_grad():
        for seed in range(3):
            network(images(channels, seed))
    return network.eval(), network.classification_head(len(CLASSES))


def exportable(network: ResNet, depth: int, channels: int, head: torch.nn.Module | None, **settings) -> Exportable:
    processor = PixelProcessor(SHAPES[channels])
    model = Exportable(processor, network, ResNetSpec(depth=depth, width=8, **settings))
    if head is not None:
        model.head, model.classes = SimpleNamespace(spec=ClassifySpec(), plain_output=lambda: head), CLASSES
    return model


def opened(note: str, folder: Path):
    """Return the model as the export's note says it is loaded, nothing left over and nothing made anew."""
    auto = note.removeprefix("load it with ").split(".")[0]
    model, report = getattr(transformers, auto).from_pretrained(folder, output_loading_info=True)
    assert not any(report[key] for key in ("unexpected_keys", "mismatched_keys", "missing_keys"))
    return model.eval(), auto


@pytest.mark.parametrize(("depth", "channels"), CASES)
@torch.no_grad()
def test_an_exported_network_gives_equal_maps_there(depth, channels, tmp_path):
    network, _ = trained(depth, channels)
    note = HfSpec().write(exportable(network, depth, channels, None), tmp_path / "out").note
    theirs, auto = opened(note, tmp_path / "out")
    assert auto == "AutoModel"
    batch = images(channels, 9)
    expected = theirs(network.input(batch).contiguous(), output_hidden_states=True)
    found = network(batch, layers=True)
    assert (expected.pooler_output.flatten(1) - found.pooled_BD).abs().max() <= 1e-5
    for a, b in zip(expected.hidden_states, found.layers, strict=True):
        assert (a.mean((2, 3)) - b).abs().max() <= 1e-5
    for a, b in zip(expected.hidden_states[1:], found.maps, strict=True):
        assert (a - b).abs().max() <= 1e-5


@pytest.mark.parametrize(("depth", "channels"), CASES)
def test_an_exported_classifier_gives_equal_logits_and_comes_back_bit_for_bit(depth, channels, tmp_path):
    network, head = trained(depth, channels)
    note = HfSpec().write(exportable(network, depth, channels, head), tmp_path / "out").note
    theirs, auto = opened(note, tmp_path / "out")
    assert auto == "AutoModelForImageClassification"
    assert list(theirs.config.id2label.values()) == list(CLASSES)
    batch = images(channels, 9)
    with torch.no_grad():
        assert (theirs(network.input(batch).contiguous()).logits - head(network(batch))).abs().max() <= 1e-5

    written, state = load_file(tmp_path / "out" / "model.safetensors"), theirs.state_dict()
    assert set(written) == set(state)
    assert all(torch.equal(state[label], tensor) for label, tensor in written.items())
    assert any(label.endswith("running_var") for label in written)
    assert all(int(tensor) == 3 for label, tensor in written.items() if label.endswith("num_batches_tracked"))

    again = load_backbone(tmp_path / "out")
    assert again.spec == ResNetSpec(depth=depth, width=8)
    found = again.backbone.state_dict()
    assert all(torch.equal(found[label], tensor) for label, tensor in network.state_dict().items())
    output = network.classification_head(len(CLASSES))
    load_head(again.spec.HF_NAMES, "classify", output, again.extra, "toy")
    assert all(torch.equal(output.state_dict()[label], tensor) for label, tensor in head.state_dict().items())
    (tmp_path / "out" / "preprocessor_config.json").write_text('{"size": {"shortest_edge": 9}, "image_mean": [0.5]}')
    with pytest.raises(HeadstartError, match=r"preprocessor_config.json: size, image_mean and image_std expected"):
        load_backbone(tmp_path / "out")


def test_an_exported_run_opens_as_the_same_base(tmp_path):
    items = [ImageRef.from_bytes(encoded(striped(number, number % 2, channels=3))) for number in range(6)]
    processor = Pixels(side=16).train(iter(items))
    spec = ResNetSpec(depth=50, width=4)
    base = PretrainedModel(processor, spec, spec.build(processor.shape))
    HfSpec().write(base.exportable(), tmp_path / "out")
    again = PretrainedModel.open(tmp_path / "out")
    assert (again.identity, again.backbone_spec) == (base.identity, spec)
    assert np.array_equal(again.embed(items), base.embed(items))
    widths = [again.embed(items, layer=layer).shape[1] for layer in range(5)]
    assert widths == [4, 16, 32, 64, 128]


@pytest.mark.parametrize(("depth", "channels"), CASES)
def test_a_training_step_is_equal(depth, channels, tmp_path):
    network, head = trained(depth, channels)
    theirs, _ = opened(
        HfSpec().write(exportable(network, depth, channels, head), tmp_path / "out").note, tmp_path / "out"
    )
    for module in (network, head, theirs):
        module.double().train()  # norms over a few values make much of the last bits of single precision
    batch = images(channels, 9)
    found, expected = head(network(batch)), theirs(network.input(batch).contiguous()).logits
    assert (found - expected).abs().max() <= 1e-9
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    (found * weight).sum().backward()
    (expected * weight).sum().backward()

    table, state = ResNetSpec.HF_NAMES, theirs.state_dict()
    after = hf_tensors(table, network, "classify", head)
    for label in (label for label in state if "running" in label or "tracked" in label):
        assert (state[label] - after[label]).abs().max() <= 1e-9, label
    for module in (network, head):
        for parameter in module.parameters():
            parameter.data = parameter.grad
    ours = hf_tensors(table, network, "classify", head)
    for label, parameter in theirs.named_parameters():
        assert (parameter.grad - ours[label]).abs().max() <= 1e-9 * parameter.grad.abs().max().clamp_min(1), label


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_depth_has_the_names_and_shapes_of_theirs(depth):
    spec = ResNetSpec(depth=depth)
    config = spec.to_hf_config(SHAPES[3])
    assert ResNetSpec.from_hf_config(config) == spec
    with torch.device("meta"):
        network = spec.build(SHAPES[3])
        theirs = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**config))
        state = network.state_dict()
    names = {rule.theirs[0]: rule.ours for rule in fit_rules(spec.HF_NAMES.backbone, state) if rule.theirs}
    wanted = {label: tensor.shape for label, tensor in theirs.state_dict().items()}
    assert wanted == {label: state[ours].shape for label, ours in names.items()}


def test_their_default_config_is_fifty_layers():
    assert ResNetSpec.from_hf_config({"model_type": "resnet"}) == ResNetSpec(depth=50)
    assert ResNetSpec.from_hf_config(transformers.ResNetConfig().to_dict()) == ResNetSpec(depth=50)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"downsample_in_bottleneck": True}, "downsample_in_bottleneck=True is not supported"),
        ({"hidden_act": "gelu"}, "hidden_act='gelu' is not supported"),
        ({"depths": [1, 1, 1, 1]}, r"depths=\[1, 1, 1, 1\] of basic blocks"),
        ({"layer_type": "bottleneck"}, r"depths=\[2, 2, 2, 2\] of bottleneck blocks"),
        ({"hidden_sizes": [64, 64, 64, 64]}, r"hidden_sizes=\[64, 64, 64, 64\]"),
    ],
)
def test_another_wiring_is_refused(change, said):
    config = ResNetSpec().to_hf_config(SHAPES[3])
    assert ResNetSpec.from_hf_config(config) == ResNetSpec()
    with pytest.raises(HeadstartError, match=said) as caught:
        ResNetSpec.from_hf_config(config | change)
    assert "\n" not in str(caught.value)


def test_the_small_stem_cannot_be_exported(tmp_path):
    network = ResNetSpec(width=8, stem="cifar").build(SHAPES[3])
    with pytest.raises(HeadstartError, match="stem=cifar has no counterpart in transformers") as caught:
        HfSpec().write(exportable(network, 18, 3, None, stem="cifar"), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
