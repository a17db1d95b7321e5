"""Every objective with the backbones it can train learns real text: better than word frequencies in a few small steps.

`sample` of the pairs is tested here, the others in tests/full.
The text is prose that every machine has, paragraphs of numpy's docstrings. The bar is what a guesser pays who knows
how often each token, pair or replacement occurs and nothing else; held-out text decides.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from pairings import reads, sample
from small_parts import TextBatches, batch_of, small

from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.contracts import Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.data.docstrings import _python_files, paragraphs
from headstart.training.loop import fit, start_state
from headstart.training.parallel import Network
from headstart.training.plan import TrainPlan
from headstart.training.scoring import evaluate

STEPS, LEARNING_RATE = 60, 1e-2
# Peak learning rate, times the steps: tables learn row by row, pairs start with a plateau, few targets are hidden.
SLOWER = {
    **dict.fromkeys(("skipgram", "cbow"), (3e-2, 5)),
    **{"mlm": (4e-3, 4), "distil": (4e-3, 2.7), "hybrid": (4e-3, 1.5), "nsp": (4e-3, 3), "mlm_nsp": (6e-3, 1.4)},
    **dict.fromkeys(("rtd", "span"), (LEARNING_RATE, 1.4)),
}
# What is learned with a wide margin in fewer steps than that: with three seeds the loss is at most 0.99 of the bar.
FEWER = {
    **{"causal": 0.65, "halves": 0.8, "cbow": 0.7, "hybrid": 0.8, "nsp": 0.8, "rtd": 0.45, "span": 0.45},
    **{("halves", "seq2seq"): 0.4, ("halves", "gpt2"): 1, ("span", "t5"): 0.8},
}
BATCH = 16
SIZES = {"width": 64, "depth": 1, "heads": 2, "mlp_width": 128, "max_tokens": 256, "projection": 64, "dimensions": 64}


@cache
def _paragraphs() -> list[str]:
    files = _python_files(Path(np.__file__).parent)
    kept = [p.text for p in paragraphs("numpy", files) if p.text.count(". ") >= 1 and len(p.text.split()) >= 12]
    return [kept[place] for place in np.random.default_rng(0).permutation(len(kept))[:1200]]


def texts(characters: int) -> tuple[list[str], list[str]]:
    """Return (training, held-out) paragraphs of a few sentences, cut to so many characters."""
    kept = [text[:characters] for text in _paragraphs()]
    return kept[96:], kept[:96]


@cache
def tokenizer(kind: str, settings: tuple[tuple[str, int], ...]) -> Tokenizer:
    spec = registry.load("processor", kind)
    return spec(**dict(settings)).train(iter(texts(160)[0]), None if kind == "ngram" else 400)


@cache
def batches(tokenizer: Tokenizer, characters: int, size: int) -> TextBatches:
    return TextBatches(tokenizer, texts(characters)[0], size)


def entropy(ids: torch.Tensor) -> float:
    """Return the entropy in nats of how often each id occurs."""
    share = torch.bincount(ids).double()
    share = share[share > 0] / share.sum()
    return float(-(share * share.log()).sum())


def frequencies_alone(name: str, objective: Objective, batch: TokenBatch, corrupted: TokenBatch) -> float:
    """Return the loss per target of a guesser that knows only how often things occur."""
    words = entropy(batch.ids_N)
    if name == "nsp":
        return math.log(2)
    if name == "mlm_nsp":
        return words + math.log(2)
    if name == "rtd":
        share = objective.spec.mask_ratio
        return words - objective.spec.weight * (share * math.log(share) + (1 - share) * math.log(1 - share))
    if name == "halves":
        return math.log(corrupted.size / 2)
    if name == "span":
        return entropy(corrupted.target.extra["target_id"])
    if name in ("skipgram", "cbow"):
        return noise_alone(objective, batch.ids_N)
    return words


def noise_alone(objective: Objective, ids_N: torch.Tensor) -> float:
    """Return what telling words from noise costs by frequency alone: p of real words, p^3/4 of the noise."""
    count = torch.bincount(ids_N).double()
    real = count / count.sum()
    noise = count**0.75 / (count**0.75).sum()
    odds = objective.spec.negatives * noise
    cost = -(real * (real / (real + odds)).log() + odds * (odds / (real + odds)).log())
    return float(cost[count > 0].sum())


def quick_and_slow() -> list:
    """Return one pair for each objective; the others of the sample, and objectives that need most steps, are slow."""
    firsts = dict(reversed(sample()))
    slow = [one for one in sample() if firsts[one[0]] != one[1] or one[0] in ("nsp", "mlm_nsp", "distil")]
    return [pytest.param(*one, marks=[pytest.mark.full] if one in slow else []) for one in sample()]


@pytest.mark.parametrize(("name", "backbone"), quick_and_slow())
def test_learns_more_than_frequencies(name, backbone):
    share = FEWER.get((name, backbone), FEWER.get(name, 1))
    check_it_learns_more_than_frequencies(name, backbone, steps=round(share * STEPS))


def check_it_learns_more_than_frequencies(name: str, backbone: str, steps: int = STEPS) -> None:
    sizes, way = SIZES | ({"depth": 2} if name == "nsp" else {}), reads(backbone)
    spec = small("backbone", backbone, **sizes)
    sentinels = (("sentinels", 20),) if way == "encoder_decoder" else ()
    words = tokenizer("ngram" if way == "document" else "wordpiece", sentinels)
    torch.manual_seed(1)
    network = spec.build(TokenShape(words.vocabulary, words.pad_id))
    try:
        objective = small("objective", name, **sizes).build(network, words)
    except HeadstartError as error:
        pytest.skip(str(error))
    characters, size = (240, 24) if "nsp" in name else (160, BATCH)  # two sentences take room
    held = texts(characters)[1]
    unseen = batch_of(words, held, list(range(len(held))))
    corrupted = objective.eval().corrupt(unseen, KeyedRandom(0, -1))
    bar = frequencies_alone(name, objective, unseen, corrupted)
    learning_rate, longer = SLOWER.get(name, (LEARNING_RATE, 1))
    plan = TrainPlan(
        steps=round(steps * longer),
        learning_rate=learning_rate,
        warmup=0.1,
        hold=0.5,
        dtype="fp32",
        evaluate_seconds=1e9,
    )
    fit(start_state(objective, network, plan), batches(words, characters, size), plan)
    loss, parts = evaluate(Network(objective, network), [unseen], 0, torch.float32)
    assert loss < 0.999 * bar, f"{name} on {backbone}: {loss:.3f} nats against {bar:.3f} ({parts})"
