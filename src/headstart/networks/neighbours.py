"""Weights by which an untrained masked language model predicts each token from the two beside it.

In closed form, from which token follows which (`nn/successors.py`): log p(v | u before, w after) is taken as

    log p(v) + left_u . right_v + left_v . right_w    (what depends on u and w alone does not change a softmax),

as if both neighbours were independent given v. Words are [c, left, right]: their first part is the same for all. Of the
first block's attention heads, half look at the token before and half at the token after: queries and keys that are the
same for all tokens, but for the turn by which their match is best at a distance of one (rotary positions, Su et al.
2021). The former carry `left` of what they see to where `right` lies, the latter `right` to where `left` lies, so that
the product with the words, which the output is tied to, is the sum above.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from headstart.nn.attention import SelfAttention
from headstart.nn.outputs import TokenOutput
from headstart.nn.successors import Successors

_CONSTANT = 3.0  # how large what all words share is beside what tells them apart
_MATCHES = (60.0, 30.0)  # of queries and keys at the right distance, in the two fastest turning pairs
_SHIFT = 4.0  # of what enters the output's activation: above it gelu is the identity, nearly
_STEADY = 12.0  # the part of the output's states that is always the same, so that their norm hardly changes them
_STRENGTH = 0.6  # of both terms: two neighbours say in part the same; best of .35 to 1 on NSMC, widths 64 and 128


def neighbour_rank(width: int, heads: int) -> int:
    """Return how many parts left and right can have in a network; 0: it has one head, which sees one side."""
    return min(heads // 2 * (width // heads), (width - 2) // 2)


@torch.no_grad()
def begin_from_neighbours(
    words: nn.Embedding, attention: SelfAttention, output: TokenOutput, found: Successors, theta: float
) -> None:
    """Take the weights; what is not named above keeps its small random start.

    words: a layer norm follows it, so that its scale is of the output alone. attention: of the first block, which sees
    the normed words. output: tied to the words; its norm has no bias. found: of `neighbour_rank` parts at most. theta:
    of the rotary positions.
    """
    width, heads, rank = words.embedding_dim, attention.heads, found.left_VK.shape[1]
    left, right = slice(1, 1 + rank), slice(1 + rank, 1 + 2 * rank)
    both_VK = torch.cat([found.left_VK, found.right_VK], 1)
    length_V = both_VK.norm(dim=1)
    constant = _CONSTANT * float(found.share_V @ length_V)
    factor = float(found.share_V @ (math.sqrt(width) / (constant**2 + length_V**2).sqrt()))  # of the norm on words
    _look_beside(attention, factor * constant, theta)
    value_DD, before = attention.qkv.weight[2 * width :], heads // 2 * (width // heads)
    for part in range(rank):
        value_DD[[part, before + part]] = 0.0
        value_DD[part, left.start + part] = value_DD[before + part, right.start + part] = 1.0
        attention.out.weight[right.start + part, part] = attention.out.weight[left.start + part, before + part] = 1.0
    steady = 0.85 * math.sqrt(width)  # about what the final norm leaves of the shared part, where the mask token stands
    dense_DD = output.transform.dense.weight
    dense_DD.diagonal().add_(1.0)
    dense_DD[:, 0] += _SHIFT / steady
    dense_DD[0, 0] += _STEADY / steady - 1.0
    spread = 1.5  # about what the norm of the output divides by
    words_VD = words.weight.clone()
    words_VD[:, 0] = constant
    words_VD[:, 1 : 1 + 2 * rank] = both_VK
    words.weight.copy_(words_VD * (_STRENGTH * spread / factor))


def _look_beside(attention: SelfAttention, shared: float, theta: float) -> None:
    """Let half of the heads look at the token before, the rest at the one after; shared: the first part of any word."""
    width, heads = attention.out.in_features, attention.heads
    size = width // heads
    query_DD, key_DD = attention.qkv.weight[:width], attention.qkv.weight[width : 2 * width]
    for head in range(heads):
        side = -1.0 if head < heads // 2 else 1.0
        for pair, match in enumerate(_MATCHES[: size // 2]):
            turn, root = theta ** (-2 * pair / size), math.sqrt(match * math.sqrt(size / 32)) / shared
            # A pair (x_i, x_i+K/2) turns by its angle from token to token; the query is turned back by one, or on.
            one, other = head * size + pair, head * size + size // 2 + pair
            query_DD[one, 0], query_DD[other, 0] = root * math.cos(turn), side * root * math.sin(turn)
            key_DD[one, 0], key_DD[other, 0] = root, 0.0
