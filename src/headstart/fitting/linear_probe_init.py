"""Initial weights of a linear classification head: logistic regression on the vectors of the untrained network copy.

Linear probing, then fine-tuning (Kumar et al. 2022, arXiv:2202.10054); the regularised probe is solved instead of
trained for some steps. On NSMC with 64 labels and a `halves` base, fine-tuning gave .821 instead of .791.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from scipy.special import logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from headstart.core.contracts import Backbone, Head
from headstart.core.seeds import numpy_generator
from headstart.fitting.supervised import LabelledPieces
from headstart.fitting.time_budget import Clock
from headstart.nn.pooling import pool

_SLICE = 32  # pieces between two looks at the clock
_MOST = 4_000  # pieces that are enough for a start; of Fashion-MNIST's 55,000 the solver alone would take a minute
_VECTORS_SHARE = 0.7  # of the seconds for the vectors; the rest is for the solver


@torch.no_grad()
def start_from_probe(
    head: Head, backbone: Backbone, labelled: LabelledPieces, places: np.ndarray, seconds: float | None = None
) -> bool:
    """Set the linear layer of the head from the pieces at these positions; return whether that was done.

    It is done for a head of classes (`label_B`) or of labels (`labels_B`) that is one linear layer on a pooled vector,
    for pieces of at least two classes; otherwise the head is left unchanged. Within `seconds` it takes the pieces, in
    random order, that there is time for. Vectors are centred and scaled to mean length 1, with C = 1, the default of
    the route probe.
    """
    found, vectors, labels, weights = head.linear_layer(), [], [], []
    if found is None:
        return False
    layer, pooling = found
    clock = Clock(None if seconds is None else _VECTORS_SHARE * seconds)
    backbone.eval()
    device = next(backbone.parameters()).device
    if len(places) > _MOST:
        places = np.sort(numpy_generator(0, "probe pieces").permutation(places)[:_MOST])
    in_order = places[np.argsort(labelled.cost_P[places], kind="stable")]
    slices = np.array_split(in_order, -(-len(places) // _SLICE))  # of pieces of like length
    for number in numpy_generator(0, "probe slices").permutation(len(slices)):
        if clock.out:
            break
        some = slices[number]
        batch = labelled.batch(some)
        vectors.append(pool(backbone(batch.to(device)), pooling).double().cpu().numpy())
        labels.append((batch.extra["label_B"] if "label_B" in batch.extra else batch.extra["labels_B"]).numpy())
        weights.append(batch.extra.get("weight_B", torch.ones(batch.size)).double().numpy())
    if not vectors:
        return False
    vectors_ND, target = np.concatenate(vectors), np.concatenate(labels)
    centre_D = vectors_ND.mean(0)
    scale = np.linalg.norm(vectors_ND - centre_D, axis=1).mean()
    fit = _fit_classes if target.ndim == 1 else _fit_labels
    weight_N = np.concatenate(weights)
    found = fit((vectors_ND - centre_D) / scale, target, weight_N, layer.out_features) if scale > 0 else None
    if found is None:
        return False
    weight_CD, bias_C = found[0] / scale, found[1] - found[0] @ centre_D / scale
    layer.weight.copy_(torch.from_numpy(weight_CD).to(layer.weight))
    if layer.bias is not None:
        layer.bias.copy_(torch.from_numpy(bias_C).to(layer.bias))
    return True


def _fit_classes(
    rows_ND: np.ndarray, target_N: np.ndarray, weight_N: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weight [C, D] and bias [C], or None for one class; a class without rows gets the lowest bias."""
    seen_K, target_N = np.unique(target_N, return_inverse=True)
    if len(seen_K) < 2:
        return None
    weight_KD, bias_K = _fit(rows_ND, target_N, weight_N)
    if len(seen_K) == 2:
        weight_KD, bias_K = np.array([[-0.5], [0.5]]) * weight_KD, np.array([-0.5, 0.5]) * bias_K
    weight_CD, bias_C = np.zeros((classes, rows_ND.shape[1])), np.full(classes, bias_K.min())
    weight_CD[seen_K], bias_C[seen_K] = weight_KD, bias_K
    return weight_CD, bias_C


def _fit_labels(
    rows_ND: np.ndarray, true_NC: np.ndarray, weight_N: np.ndarray, labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weight [C, D] and bias [C], each label against the rest; a label of no row or all gets its share."""
    true_NC = true_NC > 0
    weight_CD, bias_C = np.zeros((labels, rows_ND.shape[1])), logit((true_NC.sum(0) + 0.5) / (len(true_NC) + 1))
    for label in np.flatnonzero(true_NC.any(0) & ~true_NC.all(0)):
        weight_1D, bias_1 = _fit(rows_ND, true_NC[:, label].astype(int), weight_N)
        weight_CD[label], bias_C[label] = weight_1D[0], bias_1[0]
    return weight_CD, bias_C


def _fit(rows_ND: np.ndarray, target_N: np.ndarray, weight_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():  # the solver stopping early is harmless: training goes on from its weights
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        fitted = LogisticRegression(C=1.0, max_iter=300).fit(rows_ND, target_N, sample_weight=weight_N)
    return fitted.coef_, fitted.intercept_
