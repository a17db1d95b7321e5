"""Tags from a base's frozen token vectors: logistic regression, put into a tag head, so that it serves as one."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from headstart.base import registry
from headstart.base.examples import Examples
from headstart.base.seeds import numpy_generator
from headstart.data.bio import IGNORED
from headstart.routes.linear import fit_linear
from headstart.routes.network_model import NetworkModel
from headstart.routes.supervised import frame_for, predict
from headstart.training.artefact import Artefact, trainable_copy

_MOST_TOKENS = 60_000  # more move the weights little and cost minutes
_NEVER = -1e4  # the score of a tag that no training token has


def fit_token_probe(base: Artefact, examples: Examples, *, usual: float, seed: int) -> NetworkModel:
    """Fit the tags of tokens to their frozen vectors; see `fit_linear` for `usual`.

    Raises HeadstartError: a network without token outputs, no span, a tokenizer without spans.
    """
    spec = registry.load("head", "tag")()
    artefact = trainable_copy(base)
    head = spec.build(artefact.backbone, artefact.tokenizer, examples.classes)
    rows = frame_for(spec, artefact, examples)
    head.classifier = nn.Identity()
    vectors_ND = np.concatenate(predict(artefact, head, rows))
    tags_N = np.concatenate(head.targets(examples, rows)["tag_N"])
    piece_N = np.repeat(np.arange(len(rows.ids)), [len(ids) for ids in rows.ids])
    kept = np.flatnonzero(tags_N != IGNORED)
    if len(kept) > _MOST_TOKENS:
        kept = np.sort(numpy_generator(seed, "tokens").permutation(kept)[:_MOST_TOKENS])
    vectors_ND, tags_N, piece_N = vectors_ND[kept], tags_N[kept], piece_N[kept]
    center_D = vectors_ND.mean(axis=0)
    scale = 1.0 / max(float(np.sqrt(((vectors_ND - center_D) ** 2).mean())), 1e-12)
    kinds = 2 * len(examples.classes) + 1
    groups = [str(owner) for owner in rows.owner_R[piece_N]]  # tokens of one text are no independent witnesses
    linear, notes = fit_linear((vectors_ND - center_D) * scale, tags_N, kinds, usual=usual, seed=seed, groups=groups)
    head.classifier = nn.Linear(artefact.backbone.width, kinds)
    weight_KD, bias_K = np.zeros((kinds, vectors_ND.shape[1]), np.float32), np.full(kinds, _NEVER, np.float32)
    weight_KD[linear.seen_K] = linear.weight_KD * scale
    bias_K[linear.seen_K] = linear.bias_K - weight_KD[linear.seen_K] @ center_D
    with torch.no_grad():
        head.classifier.weight.copy_(torch.from_numpy(weight_KD))
        head.classifier.bias.copy_(torch.from_numpy(bias_K))
    head.to(next(artefact.backbone.parameters()).device)
    told = {**notes, "tokens": len(kept), "rows_cut": rows.cut, **head.notes(examples, rows)}
    return NetworkModel(artefact, head, examples.classes, False, told, examples.task)
