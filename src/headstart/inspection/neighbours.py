"""The nearest tokens: what lies next to a word among the vectors that tokens have without any context."""

from __future__ import annotations

import numpy as np
import torch

from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.nn.pooling import pool
from headstart.training.pretrained_model import PretrainedModel

_TOGETHER = 8192


def neighbours(pretrained: PretrainedModel, text: str, top: int = 10) -> list[tuple[str, float]]:
    """Return (token, cosine) of the `top` tokens nearest to `text`, best first; its own and special ones left out.

    Vectors are those of the first layer, less their mean; a text of several tokens has the mean vector of its tokens.
    Raises HeadstartError: no known token in `text`.
    """
    tokenizer = pretrained.processor
    ids = [number for number in tokenizer.encode([text])[0].tolist() if number not in tokenizer.special_ids]
    if not ids:
        raise HeadstartError(f"'{text}': no token of it is in the vocabulary of this {tokenizer.kind} tokenizer")
    vectors_VD = first_vectors(pretrained)
    wanted = vectors_VD[ids].mean(0)
    scale_V = np.linalg.norm(vectors_VD, axis=1) * np.linalg.norm(wanted)
    cosine_V = vectors_VD @ wanted / np.maximum(scale_V, 1e-12)
    cosine_V[[*ids, *sorted(tokenizer.special_ids)]] = -np.inf
    order = np.argsort(-cosine_V, kind="stable")[:top]
    return [(tokenizer.token(int(number)), float(cosine_V[number])) for number in order]


@torch.no_grad()
def first_vectors(pretrained: PretrainedModel) -> np.ndarray:
    """Return the first layer's vector of every token standing alone, less the mean of all, float32 [V, D]."""
    pretrained.backbone.eval()
    device = next(pretrained.backbone.parameters()).device
    parts = []
    for low in range(0, pretrained.processor.vocabulary, _TOGETHER):
        alone = torch.arange(low, min(low + _TOGETHER, pretrained.processor.vocabulary))
        batch = make_batch(list(alone[:, None])).to(device)
        parts.append(pool(pretrained.backbone(batch, layers=True), layer=0).float().cpu().numpy())
    vectors_VD = np.concatenate(parts)
    return vectors_VD - vectors_VD.mean(0)
