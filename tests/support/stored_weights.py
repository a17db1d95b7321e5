"""Weights and images that are the same on every machine, and what other libraries' networks make of them.

Every tensor is drawn from its own name, so that a wrong name in a table gives other numbers. `LOGITS` were computed
with the libraries themselves (timm 1.0.31, efficientnet-lite-pytorch 0.1.0) on `pixels(2, 64)`, standardised as said.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from headstart.backbones.convnext import ConvNextSpec
from headstart.backbones.efficientnet_lite import EfficientNetLiteSpec
from headstart.backbones.resnet import ResNetSpec
from headstart.core.batch import ImageBatch
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.huggingface import load_head
from headstart.interop.names import NameTable, fit_rules, write_state
from headstart.interop.weight_files import open_weights

LOGITS = {  # the first three of the first image, the last three of the second
    "resnet 18": (140.12988, 151.94917, -52.88152, 142.79536, -53.90515, -133.98343),
    "resnet 50": (22552.74023, 22582.92578, -17857.14258, -23451.63281, 8799.88379, 5753.55664),
    "efficientnet-lite0": (-4.67461, 0.90089, 0.63933, -2.38289, 1.70976, 2.46712),
    "efficientnet-lite2": (-0.24403, 0.10998, 2.07242, 3.79722, -3.83499, 1.40936),
    "tf_efficientnet_lite0": (0.68933, 0.35387, -2.48499, -2.71371, -3.31937, -2.31661),
    "efficientnet_lite0": (2.93262, 1.97324, -4.00555, -2.38975, -0.76530, -1.32294),
    "convnext_atto": (-1.75637, -1.13827, -1.18130, -1.39578, -1.87631, -0.14513),
    "convnext_tiny": (-0.28335, 1.31076, -0.10762, 1.09543, -1.87342, 1.01482),
    "convnext_tiny of torchvision": (-0.63783, -0.32066, -2.26553, -0.26664, 2.39658, -3.03995),
}

CASES = {  # what it is, whose names, what timm's config.json calls it
    "resnet 18": (ResNetSpec(depth=18), "torchvision", ""),
    "resnet 50": (ResNetSpec(depth=50), "timm", ""),
    "efficientnet-lite0": (EfficientNetLiteSpec(), "efficientnet-lite-pytorch", ""),
    "efficientnet-lite2": (EfficientNetLiteSpec(size=2), "efficientnet-lite-pytorch", ""),
    "tf_efficientnet_lite0": (EfficientNetLiteSpec(), "timm", "tf_efficientnet_lite0"),
    "efficientnet_lite0": (EfficientNetLiteSpec(padding="symmetric"), "timm", "efficientnet_lite0"),
    "convnext_atto": (ConvNextSpec(), "timm", ""),
    "convnext_tiny": (ConvNextSpec(size="tiny"), "timm", ""),
    "convnext_tiny of torchvision": (ConvNextSpec(size="tiny"), "torchvision", ""),
}


def drawn(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Return float32 tensors as training could have left them, each a function of its name and shape."""
    state = {}
    for name, shape in shapes.items():
        random = np.random.RandomState(zlib.crc32(name.encode()))
        leaf = name.rpartition(".")[2]
        if leaf in ("gamma", "layer_scale", "layer_scale_parameter"):
            values = random.uniform(0.1, 0.3, shape)
        elif leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
            values = random.uniform(0.5, 1.5, shape)
        elif leaf == "weight":
            values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            values = 0.1 * random.standard_normal(shape)
        state[name] = torch.from_numpy(np.asarray(values, np.float32))
    return state


def pixels(count: int, side: int, channels: int = 3) -> Tensor:
    """Return uint8 images [count, channels, side, side]."""
    values = np.random.RandomState(7).randint(0, 256, (count, channels, side, side))
    return torch.from_numpy(values.astype(np.uint8))


def file_of(spec: BackboneSpec, table: NameTable, channels: int = 3) -> dict[str, Tensor]:
    """Return the tensors of a file by the names of `table`, with an output for 1,000 classes."""
    with torch.device("meta"):
        network = spec.build(ImageShape(channels, 64, 64))
        output = network.classification_head(1000)
    theirs = write_state(fit_rules(table.backbone, network.state_dict()), network.state_dict())
    theirs |= write_state(fit_rules(table.heads["classify"], output.state_dict()), output.state_dict())
    return drawn({name: tensor.shape for name, tensor in theirs.items()})


@torch.no_grad()
def check_stored_logits(name: str, folder: Path) -> None:
    """Write the file of a case into `folder`, open it, and compare network and logits."""
    spec, library, architecture = CASES[name]
    table = spec.foreign_names[library]
    save_file(file_of(spec, table), folder / "model.safetensors")
    if architecture:
        (folder / "config.json").write_text(json.dumps({"architecture": architecture, "num_classes": 1000}))
    found = open_weights(folder if architecture else folder / "model.safetensors")
    assert found.spec == spec
    assert f"by the names of {library}" in found.receipt.note or f"or {library}" in found.receipt.note
    head = found.backbone.classification_head(1000)
    load_head(table, "classify", head, found.extra, "toy")
    batch = ImageBatch(pixels_BCHW=pixels(2, 64), sample_B=torch.arange(2))
    logits = head(found.backbone.eval()(batch))
    stored = torch.tensor(LOGITS[name])
    assert (torch.cat([logits[0, :3], logits[1, -3:]]) - stored).abs().max() <= 1e-5 * logits.abs().max()
