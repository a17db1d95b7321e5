"""ConvNeXt: published sizes, any size of image, learning, equal outputs there and back through transformers."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from bright_halves import halves, train
from stored_weights import drawn, pixels

from headstart.backbones.convnext import ConvNextSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.exportable import Exportable
from headstart.core.shapes import ImageShape
from headstart.exports.hf import HfSpec
from headstart.heads.classify import ClassifySpec
from headstart.interop.huggingface import load_backbone, load_head
from headstart.interop.names import fit_rules
from headstart.processors.pixels import PixelProcessor

# Parameters with an output for the 1,000 classes of ImageNet; tiny as in the paper (28.6 M), the others as in timm.
PUBLISHED = {"atto": 3_695_520, "femto": 5_217_784, "pico": 9_045_672, "nano": 15_593_560, "tiny": 28_589_128}
WIDTHS = {"atto": 40, "femto": 48, "pico": 64, "nano": 80, "tiny": 96}
SHAPE = ImageShape(3, 45, 70, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
CLASSES = ("cat", "dog", "고양이")


def images(height: int, width: int, channels: int = 3) -> ImageBatch:
    return ImageBatch(pixels_BCHW=pixels(2, 80, channels)[..., :height, :width], sample_B=torch.arange(2))


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_sizes_are_the_published_ones(size):
    spec = ConvNextSpec(size=size)
    with torch.device("meta"):
        network = spec.build(ImageShape(3, 224, 224))
        output = network.classification_head(1000)
    assert sum(p.numel() for part in (network, output) for p in part.parameters()) == PUBLISHED[size]
    assert spec.depth == sum(len(stage.blocks) for stage in network.stages)
    assert network.inner_width == WIDTHS[size] * 15 / 4


@pytest.mark.parametrize("side", [(1, 1), (13, 40), (64, 80)])
@torch.no_grad()
def test_any_size_of_image_gives_four_stages(side):
    found = ConvNextSpec().build(ImageShape(3, *side)).eval()(images(*side), layers=True)
    for number, one in enumerate(found.maps):
        expected = tuple(max(1, max(1, length // 4) // 2**number) for length in side)
        assert one.shape == (2, 40 * 2**number, *expected)
        assert number == 3 or torch.equal(found.layers[number + 1], one.mean((2, 3)))
    assert torch.equal(found.layers[-1], found.pooled_BD)
    assert (found.pooled_BD.mean(1).abs().max(), len(found.layers)) <= (1e-5, 5)  # a new norm has no shift


def test_learns_which_half_is_bright():
    torch.manual_seed(0)
    network = ConvNextSpec(width_multiplier=0.4, layer_scale=0.1).build(ImageShape(1, 16, 16))
    output = network.classification_head(2)
    losses = train(network, output, *halves(16, 16), 20, 3e-4)
    assert losses[-1] < 0.2 < losses[0]


@pytest.mark.parametrize("wrong", [{"size": "huge"}, {"norm_eps": 0.0}, {"layer_scale": -1.0}])
def test_other_sizes_are_refused(wrong):
    with pytest.raises(HeadstartError, match=f"convnext.{next(iter(wrong))}=") as caught:
        ConvNextSpec(**wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", PUBLISHED)
def test_every_size_has_the_names_and_shapes_of_transformers(size):
    transformers = pytest.importorskip("transformers")
    spec = ConvNextSpec(size=size)
    config = spec.to_hf_config(SHAPE)
    assert ConvNextSpec.from_hf_config(config) == spec
    half = dataclasses.replace(spec, width_multiplier=0.5)
    assert ConvNextSpec.from_hf_config(half.to_hf_config(SHAPE)).widths == half.widths
    with torch.device("meta"):
        state = spec.build(SHAPE).state_dict()
        theirs = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**config)).state_dict()
    names = {rule.theirs[0]: rule.ours for rule in fit_rules(spec.HF_NAMES.backbone, state) if rule.theirs}
    assert {name: tensor.shape for name, tensor in theirs.items()} == {
        n: state[ours].shape for n, ours in names.items()
    }


def test_an_exported_classifier_gives_equal_logits_and_gradients_and_comes_back(tmp_path):
    transformers = pytest.importorskip("transformers")
    spec = ConvNextSpec(norm_eps=1e-4)
    network = spec.build(SHAPE)
    head = network.classification_head(len(CLASSES))
    for part in (network, head):
        part.load_state_dict(part.state_dict() | drawn({n: p.shape for n, p in part.named_parameters()}))
    model = Exportable(PixelProcessor(SHAPE), network, spec)
    model.head, model.classes = SimpleNamespace(spec=ClassifySpec(), plain_output=lambda: head), CLASSES
    HfSpec().write(model, tmp_path / "out")
    theirs, report = transformers.AutoModelForImageClassification.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(report[key] for key in ("unexpected_keys", "mismatched_keys", "missing_keys"))
    batch = images(45, 70)
    found, expected = head(network(batch)), theirs(network.input(batch).contiguous()).logits
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    found.pow(2).sum().backward()
    expected.pow(2).sum().backward()
    gradients = dict(theirs.named_parameters())
    for rule in fit_rules(spec.HF_NAMES.backbone, network.state_dict()):
        if rule.theirs:
            theirs_grad = gradients[f"convnext.{rule.theirs[0]}"].grad
            ours_grad = network.get_parameter(rule.ours).grad
            assert (ours_grad - theirs_grad).abs().max() <= 1e-4 * theirs_grad.abs().max()
    again = load_backbone(tmp_path / "out")
    assert again.spec == spec
    assert all(torch.equal(again.backbone.state_dict()[n], t) for n, t in network.state_dict().items())
    output = again.backbone.classification_head(len(CLASSES))
    load_head(spec.HF_NAMES, "classify", output, again.extra, "toy")
    assert all(torch.equal(output.state_dict()[n], t) for n, t in head.state_dict().items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_act": "relu"}, "hidden_act='relu' is not supported"),
        ({"patch_size": 2}, "patch_size=2 is not supported"),
        ({"depths": [1, 1, 1, 1]}, r"depths=\[1, 1, 1, 1\] of hidden_sizes=\[40, 80, 160, 320\] \(known: atto"),
        ({"layer_scale_init_value": 0}, "layer_scale=0"),
    ],
)
def test_another_wiring_is_refused(change, said):
    with pytest.raises(HeadstartError, match=said) as caught:
        ConvNextSpec.from_hf_config(ConvNextSpec().to_hf_config(SHAPE) | change)
    assert "\n" not in str(caught.value)


def test_their_default_config_is_tiny():
    transformers = pytest.importorskip("transformers")
    for config in ({"model_type": "convnext"}, transformers.ConvNextConfig().to_dict()):
        assert ConvNextSpec.from_hf_config(config) == ConvNextSpec(size="tiny", norm_eps=1e-12)
