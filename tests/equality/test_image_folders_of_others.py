"""Folders of image models as transformers writes them, without a file of ours: equal pixels, equal vectors, a base."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzed_images import pattern
from PIL import Image
from program import headstart
from tiny_images import encoded, image_folder

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.load_processor import load_processor, save_processor
from headstart.interop.preprocessor import read_preprocessor
from headstart.training.pretrained_model import PretrainedModel

transformers = pytest.importorskip("transformers")

STATISTICS = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CONVNEXT = {"image_processor_type": "ConvNextImageProcessor"}
# The first is what the oldest ResNet checkpoints have.
CONFIGS = {
    "a plain size": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 24, "crop_pct": 0.875},
    "a share to crop": CONVNEXT | {"size": {"shortest_edge": 30}, "crop_pct": 0.8, "resample": 3},
    "stretched": CONVNEXT | {"size": {"shortest_edge": 400}, "resample": 2},
    "shorter side and crop": {
        **{"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 40}, "do_center_crop": True},
        "crop_size": {"height": 32, "width": 32},
    },
    "a square": {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}, "resample": 2},
    "no statistics": {
        **{"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}, "resample": 2},
        "do_normalize": False,
    },
}


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    """A small ResNetForImageClassification, saved by transformers."""
    torch.manual_seed(3)
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8, 16, 32], depths=[2, 2, 2, 2], layer_type="basic", num_labels=3
    )
    folder = tmp_path_factory.mktemp("network")
    transformers.ResNetForImageClassification(config).eval().save_pretrained(folder)
    return folder


def with_config(network: Path, config: dict) -> Path:
    (network / "preprocessor_config.json").write_text(json.dumps(STATISTICS | config))
    return network


def pictures() -> list[np.ndarray]:
    """Colour images that lie, stand, are squares, smaller and larger than what is read."""
    return [pattern(height, width) for height, width in ((60, 90), (90, 61), (24, 24), (20, 33), (300, 301))]


@pytest.mark.parametrize("name", CONFIGS)
def test_pixels_and_vectors_are_equal(name, network, tmp_path):
    folder = with_config(network, CONFIGS[name])
    theirs = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    items = [ImageRef.from_bytes(encoded(pixels)) for pixels in pictures()]
    base = PretrainedModel.open(folder)
    with torch.no_grad():
        expected = [theirs(Image.fromarray(pixels), return_tensors="pt")["pixel_values"] for pixels in pictures()]
        vectors = torch.cat([model(pixels).pooler_output.flatten(1) for pixels in expected])
        found = base.backbone.input(base.processor.collate(base.processor.encode(items)))
    assert (found - torch.cat(expected)).abs().max() <= 1e-5
    assert np.abs(base.embed(items) - vectors.numpy()).max() <= 1e-4 * vectors.abs().max()
    save_processor(base.processor, tmp_path / "ours")
    again = load_processor(tmp_path / "ours")
    assert all(np.array_equal(a, b) for a, b in zip(again.encode(items), base.processor.encode(items)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": None}, "sizes None x None"),
        ({"size": {"shortest_edge": "24"}}, "sizes 24 x 24"),
        ({"size": 24, "image_mean": [0.5]}, "1 means and 3 deviations"),
        ({"size": 24, "do_resize": False}, "do_resize=False is not done here"),
        ({"size": 24, "rescale_factor": 1.0}, r"rescale_factor=1\.0, not 1/255"),
        ({"size": {"shortest_edge": 9}, "do_center_crop": True, "crop_size": 12}, "size 9 is smaller than crop_size"),
    ],
)
def test_what_is_not_done_here_is_named(wrong, message, network):
    with pytest.raises(HeadstartError, match=message) as caught:
        read_preprocessor(with_config(network, wrong))
    assert "preprocessor_config.json" in str(caught.value)


def test_other_channels_than_the_network_are_named(network):
    grey = {"size": 24, "image_mean": [0.5], "image_std": [0.5]}
    with pytest.raises(HeadstartError, match=r"statistics of 1 channels, and config\.json says num_channels=3"):
        PretrainedModel.open(with_config(network, grey))


def test_it_is_a_base_by_the_commands(network, tmp_path):
    folder = with_config(network, CONFIGS["a plain size"])
    train = image_folder(tmp_path / "train", 24)
    for arguments in (
        ("embed", folder, train, "--out", tmp_path / "v.npy"),
        ("transfer", folder, "--data", train, "--route", "probe", "--out", tmp_path / "task"),
        ("evaluate", tmp_path / "task", train),
    ):
        shown = headstart(*arguments)
        assert shown.code == 0, shown.err
    assert np.load(tmp_path / "v.npy").shape == (24, 32)
