"""Two banks: are the vectors of a word nearer to each other where it has the same sense than where it has another?

AUC = the chance that a pair of same-sense occurrences has a larger cosine than a pair of different senses, ties count
half (Mann & Whitney 1947), within each word, then the mean over words. Only occurrences that are cut into the same
tokens are compared, so that a network without context scores exactly .5. Intervals: bootstrap over words and, within
them, over occurrences (Efron & Tibshirani 1993, chapter 8).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.data.encode_examples import encode_examples
from headstart.inspection.occurrences import Occurrence
from headstart.training.pretrained_model import PretrainedModel

_ROUNDS = 1000
_MOST = 64  # occurrences of one word, drawn by the seed
_DIGITS = 6  # of a cosine; what is beyond is the order of additions, and would break ties
_ROWS = 64


@dataclass(frozen=True)
class SenseScore:
    """auc: mean over words at one layer; low, high: 95 % interval; by_word: AUC of each word."""

    layer: int
    auc: float
    low: float
    high: float
    by_word: dict[str, float]


@dataclass(frozen=True)
class Senses:
    """scores: one for each layer, embeddings first. used: occurrences compared; left_out: those with no like to
    compare with (cut into other tokens, or beyond the network's reach)."""

    scores: list[SenseScore]
    used: int
    left_out: int


def score_senses(pretrained: PretrainedModel, occurrences: Sequence[Occurrence], seed: int = 0) -> Senses:
    """Score every layer of a network. Raises HeadstartError: no token outputs, nothing that can be compared."""
    if not pretrained.backbone.token_outputs:
        raise HeadstartError(f"{pretrained.backbone_spec.name} has no vectors of words in sentences; senses need them")
    vectors_LND, tokens_N = token_vectors(pretrained, occurrences)
    groups: dict[str, dict[tuple, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (item, tokens) in enumerate(zip(occurrences, tokens_N)):
        if tokens:
            groups[item.word][tokens].append(row)
    senses = np.unique([item.sense for item in occurrences], return_inverse=True)[1]
    alike = {
        word: kept
        for word, cuts in groups.items()
        if (kept := [_some(rows, seed) for rows in cuts.values() if _comparable(senses[rows])])
    }
    if not alike:
        raise HeadstartError("no word has two occurrences of one sense and one of another, cut into the same tokens")
    used = sum(len(rows) for kept in alike.values() for rows in kept)
    scores = [_score(layer, vectors_ND, alike, senses, seed) for layer, vectors_ND in enumerate(vectors_LND)]
    return Senses(scores, used, len(occurrences) - used)


def _some(rows: list[int], seed: int) -> np.ndarray:
    """Return the occurrences that are compared; pairs of pairs grow with the fourth power of their number."""
    chosen = numpy_generator(seed, "occurrences", rows[0]).permutation(len(rows))[:_MOST]
    return np.array(rows)[np.sort(chosen)]


def _comparable(senses: np.ndarray) -> bool:
    return len(set(senses.tolist())) > 1 and np.unique(senses, return_counts=True)[1].max() > 1


@torch.no_grad()
def token_vectors(
    pretrained: PretrainedModel, occurrences: Sequence[Occurrence]
) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Return (float64 [layers, N, D], mean vector of the word's tokens; their ids, none where the word was cut off)."""
    rows = encode_examples(
        pretrained.processor,
        Examples(items=[item.text for item in occurrences]),
        longest=pretrained.backbone.max_tokens,
        spans=True,
    )
    touched = [
        np.flatnonzero((span[:, 0] < item.end) & (span[:, 1] > item.start))
        for item, span in zip(occurrences, rows.spans)
    ]
    device = next(pretrained.backbone.parameters()).device
    vectors = np.zeros((pretrained.backbone.depth + 1, len(occurrences), pretrained.backbone.width))
    pretrained.backbone.eval()
    order = np.argsort([len(ids) for ids in rows.inputs], kind="stable")
    for low in range(0, len(order), _ROWS):
        some = order[low : low + _ROWS]
        features = pretrained.backbone(make_batch([rows.inputs[row] for row in some]).to(device), layers=True)
        for layer, hidden_BTD in enumerate(features.layers):
            hidden = hidden_BTD.double().cpu().numpy()
            for place, row in enumerate(some):
                if len(touched[row]):
                    vectors[layer, row] = hidden[place, touched[row]].mean(0)
    return vectors, [tuple(rows.inputs[row][places].tolist()) for row, places in enumerate(touched)]


def _score(
    layer: int, vectors_ND: np.ndarray, alike: dict[str, list[np.ndarray]], senses: np.ndarray, seed: int
) -> SenseScore:
    random = numpy_generator(seed, "senses")  # the same draws for every layer, so that layers can be compared
    plain, drawn = {}, []
    for word, cuts in alike.items():
        won, possible = np.zeros(_ROUNDS + 1), np.zeros(_ROUNDS + 1)
        for rows in cuts:
            weight_RN = np.ones((_ROUNDS + 1, len(rows)))  # the first round is the sample itself
            weight_RN[1:] = random.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), _ROUNDS)
            some = _wins(vectors_ND[rows], senses[rows], weight_RN)
            won, possible = won + some[0], possible + some[1]
        # A round without a pair of each kind says nothing about the word.
        auc_R = np.divide(won, possible, out=np.full(_ROUNDS + 1, np.nan), where=possible > 0)
        plain[word] = float(auc_R[0])
        drawn.append(auc_R[1:])
    drawn_WR = np.array(drawn)
    picks_RW = random.integers(0, len(drawn_WR), (_ROUNDS, len(drawn_WR)))
    chosen_RW = drawn_WR[picks_RW, np.arange(_ROUNDS)[:, None]]
    heard_R = (~np.isnan(chosen_RW)).sum(1)
    means = np.nansum(chosen_RW, 1)[heard_R > 0] / heard_R[heard_R > 0]
    low, high = np.quantile(means, (0.025, 0.975)) if len(means) else (np.nan, np.nan)
    return SenseScore(layer, float(np.mean(list(plain.values()))), float(low), float(high), plain)


def _wins(vectors_ND: np.ndarray, senses: np.ndarray, weight_RN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (comparisons won by same-sense pairs, comparisons) for rounds that count occurrence n weight_RN times."""
    unit = vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
    one, two = np.triu_indices(len(unit), 1)  # a pair of an occurrence with itself is none
    cosine = np.round((unit[one] * unit[two]).sum(1), _DIGITS)
    same = senses[one] == senses[two]
    won = np.sign(cosine[same][:, None] - cosine[~same][None, :]) / 2 + 0.5
    pairs_RP = weight_RN[:, one] * weight_RN[:, two]
    same_RP, other_RP = pairs_RP[:, same], pairs_RP[:, ~same]
    return ((same_RP @ won) * other_RP).sum(1), same_RP.sum(1) * other_RP.sum(1)
