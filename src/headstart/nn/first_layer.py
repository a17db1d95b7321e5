"""Other channels for a trained first layer, by sums, so that grey images mean to it what they meant before.

A grey image is one whose channels are equal. Fewer channels get the sum of the filters, shared out among them: a mean
instead would dim what the next layer gets. More channels repeat the filters, each divided by how often it is there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.core.shapes import ImageShape


def filters_with(weight_OC: Tensor, shape: ImageShape, channels: int) -> tuple[Tensor, Tensor]:
    """Return (the filters for images of `channels` channels, what is to be taken away from their outputs, [O]).

    weight_OC: of a convolution, [O, C, kernel, kernel]. shape: of the images that it read. With x = (p - m_c) / s_c for
    a pixel p of channel c, it gives sum_c w_c (p - m_c) / s_c for a grey image. One filter w = s sum_c w_c / s_c on
    (p - m) / s, where m and s are the means over the channels, gives sum_c w_c (m_c - m) / s_c more: a constant of each
    output, but where the kernel reaches over the edge. It is 0 where all channels have one mean, and for more channels.
    """
    before, kind = shape.channels, weight_OC.dtype
    wide_OC = weight_OC.double()
    if channels >= before:
        turn = [channel % before for channel in range(channels)]
        copies = torch.tensor([turn.count(channel) for channel in turn], dtype=torch.float64)
        return (wide_OC[:, turn] / copies[:, None, None]).to(kind), weight_OC.new_zeros(len(weight_OC))
    mean_C = torch.tensor(shape.mean or (0.0,) * before, dtype=torch.float64)
    std_C = torch.tensor(shape.std or (1.0,) * before, dtype=torch.float64)
    scaled_OC = wide_OC / std_C[:, None, None]
    sum_O1 = std_C.mean() * scaled_OC.sum(1, keepdim=True)
    more_O = (scaled_OC * (mean_C - mean_C.mean())[:, None, None]).sum((1, 2, 3))
    return (sum_O1.expand(-1, channels, -1, -1) / channels).to(kind), more_O.to(kind)
