"""Which pieces of networks of tokens go together, known before a test is collected: pairs with a backbone.

`fits` are all pairs of choices of texts whose networks read as the objective needs. `sample` is the part of them that
every `make test` trains: every objective, every backbone, and every way of reading that each objective allows. `rest`
is what is left; tests/full trains it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from small_parts import small
from small_pixels import SHAPE

from headstart.backbones.hf import HfEncoder
from headstart.core import registry
from headstart.core.shapes import TokenShape

Pair = tuple[str, str]
# The kind of network that an objective is made for, by the way of reading that it names first.
_OF_TOKENS = {
    "bidirectional": "bert",
    "causal": "gpt2",
    "two_causal": "elmo",
    "encoder_decoder": "t5",
    "token": "word_vectors",
    "document": "ngram_bag",
}
_OF_PIXELS = {"bidirectional": "vit", "document": "small_resnet"}


@cache
def reads(backbone: str) -> str:
    """Return what a token output of the backbone has seen, asked of a small network.

    That of `hf` is asked of its class: to build one takes transformers, seconds for every worker that collects.
    """
    if backbone == "hf":
        return HfEncoder.reads
    spec = small("backbone", backbone)
    return spec.build(SHAPE if spec.batch == "pixels" else TokenShape(32, 0)).reads


@cache
def fits(axis: str = "objective") -> tuple[Pair, ...]:
    """Return every (choice of the axis, backbone) of which the choice says that it can go with such a network."""
    return tuple(
        (name, backbone)
        for name in registry.fitting(axis, batch="tokens")
        for backbone in registry.fitting("backbone", batch="tokens")
        if reads(backbone) in registry.load(axis, name).reads
    )


def partner(objective: str) -> str:
    """Return the backbone that an objective is tried with where one is enough."""
    spec = registry.load("objective", objective)
    return (_OF_PIXELS if "pixels" in spec.batch else _OF_TOKENS)[spec.reads[0]]


@cache
def sample(axis: str = "objective") -> tuple[Pair, ...]:
    """Return few of `fits` in which every name, every backbone and every (name, way of reading) occurs."""
    return tuple(covering(fits(axis), reads))


@cache
def rest(axis: str = "objective") -> tuple[Pair, ...]:
    """Return the pairs of `fits` that `sample` leaves out."""
    return tuple(pair for pair in fits(axis) if pair not in sample(axis))


def covering(pairs: Sequence[Pair], kind: Callable[[str], str]) -> list[Pair]:
    """Return pairs, in their order, that hold every first, every second and every (first, kind of the second).

    Each in turn takes the second that was taken least so far, so that few are taken twice.
    """
    taken: list[Pair] = []
    uses: Counter[str] = Counter()
    for wanted in dict.fromkeys((one, kind(other)) for one, other in pairs):
        choices = [pair for pair in pairs if (pair[0], kind(pair[1])) == wanted]
        taken.append(min(choices, key=lambda pair: uses[pair[1]]))
        uses[taken[-1][1]] += 1
    firsts = Counter(one for one, _ in taken)
    for left in [other for other in dict.fromkeys(other for _, other in pairs) if not uses[other]]:
        taken.append(min((pair for pair in pairs if pair[1] == left), key=lambda pair: firsts[pair[0]]))
        firsts[taken[-1][0]] += 1
    return sorted(taken, key=list(pairs).index)
