"""Vectors of texts and images from a network, read in one or in several ways on one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart.core.contracts import Backbone
from headstart.core.device import compute
from headstart.core.errors import HeadstartError, unknown
from headstart.core.processor import Processor
from headstart.core.reason import Reason
from headstart.data.batches import by_length
from headstart.nn.pooling import OF_STAGES, pool

# Tokens of a batch: one core reads MiniLM 4 to 10 % faster in batches of 4,096 tokens than of 8,192 or 1,024.
_TOKENS, _TOKENS_OF_CPU = 8_192, 4_096
_POOLINGS = ("auto", "mean", "cls", "own", *OF_STAGES)


@torch.no_grad()
def read_vectors(
    backbone: Backbone,
    processor: Processor,
    items: Sequence[Any],
    readouts: Sequence[tuple[int, str]],
    *,
    max_length: int | None,
    tokens: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[np.ndarray]:
    """Return float32 [N, D] for each (layer, pooling), see `pool`; long texts are averaged over their windows.

    max_length: tokens of a window without specials. tokens: of a batch, or images that cost as much, None = the
    quickest number that was measured. dtype: what is computed in.
    """
    backbone.eval()
    device = next(backbone.parameters()).device
    if tokens is None:
        tokens = _TOKENS_OF_CPU if device.type == "cpu" and processor.gives == "tokens" else _TOKENS
    with compute(dtype, device.type):  # once, so that the weights are cast once
        return _vectors(backbone, processor, items, readouts, max_length, tokens)


def _vectors(
    backbone: Backbone,
    processor: Processor,
    items: Sequence[Any],
    readouts: Sequence[tuple[int, str]],
    max_length: int | None,
    tokens: int,
) -> list[np.ndarray]:
    """See `read_vectors`."""
    device = next(backbone.parameters()).device
    out = [np.zeros((len(items), backbone.width), np.float32) for _ in readouts]
    chunk, deep = processor.at_once, any(layer != -1 for layer, _ in readouts)
    most = tokens if backbone.token_outputs or processor.gives == "pixels" else 16 * tokens
    for low in range(0, len(items), chunk):
        encoded = processor.encode(items[low : low + chunk])
        windows = [processor.windows(item, max_length) for item in encoded]
        pieces = [piece for own in windows for piece in own]
        owner_P = np.repeat(np.arange(len(windows)), [len(own) for own in windows])
        cost_P = np.array([processor.cost(piece) for piece in pieces])
        weight = np.zeros(len(encoded), np.float32)
        for rows in by_length(cost_P, most):
            batch = processor.collate([pieces[row] for row in rows], samples=rows).to(device)
            features = backbone(batch, layers=deep)
            for place, (layer, pooling) in enumerate(readouts):
                pooled = pool(features, pooling, layer).float().cpu().numpy()
                if out[place].shape[1] != pooled.shape[1]:  # stages of a network of images have widths of their own
                    out[place] = np.zeros((len(items), pooled.shape[1]), np.float32)
                np.add.at(out[place], low + owner_P[rows], pooled * cost_P[rows, None].astype(np.float32))
            np.add.at(weight, owner_P[rows], cost_P[rows].astype(np.float32))
        for found in out:
            found[low : low + chunk] /= np.maximum(weight, 1.0)[:, None]
    return out


def check_readout(layer: int, pooling: str, backbone: Backbone, name: str) -> None:
    """Raise HeadstartError for a layer that backbone `name` does not have, or a pooling that nobody knows."""
    if pooling not in _POOLINGS:
        raise unknown("pooling", pooling, _POOLINGS)
    deepest = backbone.depth
    if not -1 <= layer <= deepest:
        raise HeadstartError(
            Reason(
                "layer_not_there",
                "layer={layer}: this {backbone} has -1 (last) or 0 (embeddings) to {deepest}",
                layer=layer,
                backbone=name,
                deepest=deepest,
            )
        )
    if pooling == "own" and backbone.token_outputs:
        raise HeadstartError(
            Reason(
                "no_own_vector",
                "pooling=own: {backbone} has no document vector of its own; use mean",
                backbone=name,
            )
        )
    if pooling in OF_STAGES and (layer != -1 or not backbone.has_maps):
        raise HeadstartError(
            Reason(
                "no_stages",
                "pooling={pooling}, layer={layer}: {pooling} reads the stages of a network of images that has "
                "stages, with layer=-1",
                pooling=pooling,
                layer=layer,
            )
        )


def need_finite(vectors: list[np.ndarray], name: str) -> list[np.ndarray]:
    """Return the vectors [N, D] of a model. Raises HeadstartError where one holds a number that is not finite."""
    for vectors_ND in vectors:
        if not np.isfinite(vectors_ND).all():
            row = int((~np.isfinite(vectors_ND)).any(1).argmax())
            raise HeadstartError(
                f"{name}: the vector of row {row + 1} holds numbers that are not finite; its weights are damaged or "
                "overflow in this number format"
            )
    return vectors
