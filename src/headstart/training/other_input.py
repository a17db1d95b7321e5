"""A trained network of images for images of another size or number of channels; what it learned is kept."""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from headstart.core.contracts import Backbone
from headstart.core.device import pick_device
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.nn.first_layer import filters_with
from headstart.processors.pixels import PixelProcessor
from headstart.training.pretrained_model import PretrainedModel

_STATISTICS = ("input.mean_C11", "input.std_C11")


def with_input(base: PretrainedModel, *, side: int | None = None, channels: int | None = None) -> PretrainedModel:
    """Return `base` for images of `side` x `side` pixels with so many channels (None: as they are).

    With a side, images are resized to it on their shorter side and the middle square is cut out. The objective that the
    base was trained by is left behind. Raises HeadstartError: no network of pixels, or one that is made for its size.
    """
    processor = base.processor
    if not isinstance(processor, PixelProcessor):
        raise HeadstartError(f"{base.name}: another size or other channels are for networks of pixels")
    shape = processor.shape.with_channels(channels or processor.shape.channels)
    if side is None:
        processor = PixelProcessor(shape, dataclasses.replace(processor.how, shape=shape))
    else:
        shape = dataclasses.replace(shape, height=side, width=side)
        processor = PixelProcessor(shape)
    backbone = base.backbone_spec.build(shape)
    _take_over(base, backbone, shape)
    receipt = base.receipt | {"input": processor.size}
    placed = backbone.to(pick_device()).eval()
    return PretrainedModel(
        processor,
        base.backbone_spec,
        placed,
        path=base.path,
        receipt=receipt,
        corpus=base.corpus,
        fingerprint=base.fingerprint,
        pooling=base.pooling,
    )


def _take_over(base: PretrainedModel, backbone: Backbone, shape: ImageShape) -> None:
    """Give `backbone` the weights of the base; those that read pixels are made for the channels of `shape`."""
    state = {name: tensor.cpu() for name, tensor in base.backbone.state_dict().items()}
    for name, own in backbone.state_dict().items():
        if name in _STATISTICS:
            state[name] = own
        elif own.shape != state[name].shape:
            place, _, leaf = name.rpartition(".")
            layer = backbone.get_submodule(place)
            first = isinstance(layer, nn.Conv2d) and layer.in_channels == shape.channels and layer.groups == 1
            if not first or leaf != "weight" or own.shape[2:] != state[name].shape[2:]:
                raise HeadstartError(
                    f"{base.name}: '{name}' of backbone {base.backbone_spec.name} is made for "
                    f"{base.processor.size}, and for nothing else"
                )
            state[name], more_O = filters_with(state[name], base.processor.shape, shape.channels)
            _take_away(backbone, place, state, more_O)
    backbone.load_state_dict(state)


def _take_away(backbone: Backbone, place: str, state: dict[str, Tensor], more_O: Tensor) -> None:
    """Change what follows the filters at `place` so that more_O is taken away: their bias or the norm beside them."""
    if f"{place}.bias" in state:
        state[f"{place}.bias"] = state[f"{place}.bias"] - more_O
        return
    around = place.rpartition(".")[0]
    for name, module in backbone.get_submodule(around).named_children():
        if isinstance(module, nn.BatchNorm2d) and module.num_features == len(more_O):
            mean = f"{around}.{name}.running_mean".lstrip(".")
            state[mean] = state[mean] + more_O
            return
