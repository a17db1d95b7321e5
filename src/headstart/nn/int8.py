"""Linear layers with weights in int8, for reading one token at a time, where moving the weights is what takes time.

Weights are symmetric by output row, inputs are quantised at every call, 7 bits of them (`reduce_range`: products of 8
bits overflow the 16-bit sums of processors without VNNI). Forward only.
"""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn

from headstart.core.contracts import Backbone
from headstart.nn.outputs import TokenOutput, WordOutput

_ENGINE = "x86"


class Int8Linear(nn.Module):
    """y = x W^T + b. weight_OI, bias_O: of the layer whose place it takes."""

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None) -> None:
        super().__init__()
        scale_O = weight_OI.detach().abs().amax(1).clamp_min(1e-12).double() / 127
        zero_O = torch.zeros(len(scale_O), dtype=torch.int64)
        with warnings.catch_warnings():
            # torch 2.13 says that tensors of this type will go one day; nothing else multiplies int8 as fast without
            # VNNI (docs/decisions.md), and `has_int8` is False where they are gone.
            warnings.simplefilter("ignore", UserWarning)
            weight = torch.quantize_per_channel(weight_OI.detach().float(), scale_O, zero_O, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(weight, None if bias_O is None else bias_O.detach().float())

    def forward(self, values: Tensor) -> Tensor:
        """Return [..., O] of values [..., I]."""
        return torch.ops.quantized.linear_dynamic(values, self.packed, True)


class Int8Output(nn.Module):
    """The logits of an output over the vocabulary; words_VD: the matrix that it is called with."""

    def __init__(self, output: TokenOutput | WordOutput, words_VD: Tensor) -> None:
        super().__init__()
        self.output = output
        if isinstance(output, TokenOutput):
            self.words = Int8Linear(words_VD, output.bias)
        else:
            self.words = Int8Linear(words_VD if output.weight is None else output.weight, None)

    def forward(self, hidden_MD: Tensor, words_VD: Tensor) -> Tensor:
        """Return logits [M, V]; words_VD is the matrix that was packed."""
        output = self.output
        before = output.transform(hidden_MD) if isinstance(output, TokenOutput) else hidden_MD * output.scale
        return self.words(before)


def has_int8() -> bool:
    """Whether this processor's torch multiplies int8 matrices."""
    return "quantize_per_channel" in dir(torch) and _ENGINE in torch.backends.quantized.supported_engines


def linear_numbers(backbone: Backbone) -> int:
    """Return how many weights of the network lie in linear layers."""
    return sum(part.weight.numel() for part in backbone.modules() if isinstance(part, nn.Linear))


def int8_copy(backbone: Backbone) -> Backbone:
    """Return the network with its linear layers in int8; all else is shared with `backbone`."""
    torch.backends.quantized.engine = _ENGINE
    shared = {id(one): one for one in [*backbone.parameters(), *backbone.buffers()]}
    quick = copy.deepcopy(backbone, shared)
    for part in list(quick.modules()):
        for name, child in part.named_children():
            if type(child) is nn.Linear:
                setattr(part, name, Int8Linear(child.weight, child.bias))
    return quick.eval()


def int8_output(output: nn.Module, words_VD: Tensor) -> nn.Module:
    """Return the output over the vocabulary in int8, or as it is where it is of another kind."""
    return Int8Output(output, words_VD) if isinstance(output, TokenOutput | WordOutput) else output
