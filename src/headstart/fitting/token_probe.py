"""Linear probe for tags: logistic regression on frozen token vectors, its weights stored in a tag head."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.data.bio import IGNORED
from headstart.fitting.linear import fit_linear
from headstart.fitting.model_selection import RowFacts
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.supervised import encode_for_head, head_outputs
from headstart.fitting.time_budget import Clock
from headstart.training.pretrained_model import PretrainedModel, trainable_copy

_MOST_TOKENS = 60_000  # more tokens change the weights little and cost minutes
_NEVER = -1e4  # the score of a tag that no training token has


def fit_token_probe(
    base: PretrainedModel, examples: Examples, *, default: float, seed: int, seconds: float | None = None
) -> NetworkModel:
    """Fit a logistic regression from frozen token vectors to tags; see `fit_linear` for `default`, `seconds`.

    Raises HeadstartError: a network without token outputs, no span, a tokenizer without spans.
    """
    clock, spec = Clock(seconds), registry.load("head", "tag")()
    pretrained = trainable_copy(base)
    head = spec.build(pretrained.backbone, pretrained.processor, examples.classes)
    pieces = encode_for_head(spec, pretrained, examples)
    head.classifier = nn.Identity()
    vectors_ND = np.concatenate(head_outputs(pretrained, head, pieces))
    tags_N = np.concatenate(head.targets(examples, pieces)["tag_N"])
    piece_N = np.repeat(np.arange(len(pieces.inputs)), [len(ids) for ids in pieces.inputs])
    kept = np.flatnonzero(tags_N != IGNORED)
    if len(kept) > _MOST_TOKENS:
        kept = np.sort(numpy_generator(seed, "tokens").permutation(kept)[:_MOST_TOKENS])
    vectors_ND, tags_N, piece_N = vectors_ND[kept], tags_N[kept], piece_N[kept]
    center_D = vectors_ND.mean(axis=0)
    scale = 1.0 / max(float(np.sqrt(((vectors_ND - center_D) ** 2).mean())), 1e-12)
    kinds = 2 * len(examples.classes) + 1
    # Tokens of one text are not independent, so they stay on one side of a fold
    groups = [str(owner) for owner in pieces.owner_P[piece_N]]
    linear, notes = fit_linear(
        (vectors_ND - center_D) * scale,
        tags_N,
        kinds,
        default=default,
        seed=seed,
        facts=RowFacts(groups),
        seconds=clock.share(1.0),
    )
    head.classifier = nn.Linear(pretrained.backbone.width, kinds)
    weight_KD, bias_K = np.zeros((kinds, vectors_ND.shape[1]), np.float32), np.full(kinds, _NEVER, np.float32)
    weight_KD[linear.seen_K] = linear.weight_KD * scale
    bias_K[linear.seen_K] = linear.bias_K - weight_KD[linear.seen_K] @ center_D
    with torch.no_grad():
        head.classifier.weight.copy_(torch.from_numpy(weight_KD))
        head.classifier.bias.copy_(torch.from_numpy(bias_K))
    head.to(next(pretrained.backbone.parameters()).device)
    told = {**notes, "tokens": len(kept), "rows_cut": pieces.cut, **head.notes(examples, pieces)}
    return NetworkModel(pretrained, head, examples.classes, False, told, examples.task)
