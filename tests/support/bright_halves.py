"""Noisy pictures whose left or right half is bright, and the few steps in which a network learns to tell them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch


def halves(count: int, side: int, generator: torch.Generator | None = None) -> tuple[ImageBatch, Tensor]:
    """Return grey images whose left (class 0) or right half is bright, and their classes."""
    pixels, label_B = torch.randint(0, 80, (count, 1, side, side), generator=generator), torch.arange(count) % 2
    pixels[label_B == 0, ..., : side // 2] += 120
    pixels[label_B == 1, ..., side // 2 :] += 120
    return ImageBatch(pixels_BCHW=pixels.to(torch.uint8), sample_B=torch.arange(count)), label_B


def train(network: nn.Module, output: nn.Module, batch: ImageBatch, label_B: Tensor, steps: int, rate: float) -> list:
    """Return the losses of so many steps of Adam on one batch."""
    optimizer = torch.optim.Adam([*network.parameters(), *output.parameters()], rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(output(network(batch)), label_B)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def seeded(count: int, side: int, seed: int) -> tuple[ImageBatch, Tensor]:
    """Return `halves` as a function of `seed`."""
    return halves(count, side, torch.Generator().manual_seed(seed))


def accuracy(network: nn.Module, output: nn.Module, batch: ImageBatch, label_B: Tensor) -> float:
    """Return the share of images that are told right, in evaluation."""
    with torch.no_grad():
        return float((output(network.eval()(batch)).argmax(1) == label_B).float().mean())
