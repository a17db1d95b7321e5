"""Writing token by token: greedy, sampling with temperature, top-k and top-p (arXiv:1904.09751), beam search.

A network is given as `step(ids_B, carry) -> (logits_BV, carry)`: it reads one more token of each of B texts and says
what may come next. carry is what it remembers of them, tensors with first axis B (`TokenBatch.carry`), so that texts
which have ended leave and beams change places by `tensor[rows]`. A start is (logits_BV, carry) after each text's
beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom

Carry = tuple[Tensor, ...]
Step = Callable[[Tensor, Carry], tuple[Tensor, Carry]]
Choose = Callable[[Tensor, Tensor, int], Tensor]  # (logits_AV, row_A, position) -> ids_A


@dataclass(frozen=True)
class Written:
    """ids: the new tokens, without the end mark. score: the sum of their log probabilities, the end mark's included
    (of a beam divided by its length ** penalty). ended: whether an end mark was written."""

    ids: list[int]
    score: float
    ended: bool


def greedy(logits_AV: Tensor, row_A: Tensor, position: int) -> Tensor:
    """Return the likeliest tokens, int64 [A]."""
    return logits_AV.argmax(-1)


@dataclass(frozen=True)
class Draw:
    """Draws tokens from the softmax of logits / temperature, cut to the likeliest.

    top_k: only so many tokens. top_p: only the fewest that together have this probability (after temperature and top_k,
    in this order, as in transformers). What is drawn is a function of (seed, sample, position), never of the batch;
    samples: the number of each text, None = 0 to B - 1. Raises HeadstartError on a setting out of range.
    """

    seed: int = 0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    samples: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise HeadstartError(f"temperature {self.temperature}: must be larger than 0 (0 is greedy, no draw)")
        if self.top_k is not None and self.top_k < 1:
            raise HeadstartError(f"top-k {self.top_k}: expected at least 1")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise HeadstartError(f"top-p {self.top_p}: expected a share above 0, at most 1")

    def __call__(self, logits_AV: Tensor, row_A: Tensor, position: int) -> Tensor:
        """Return the tokens of the texts `row_A` at `position`, int64 [A]."""
        mass_AV = self.probabilities(logits_AV).double().cumsum(-1)
        row = row_A.cpu().numpy()
        number = row if self.samples is None else np.asarray(self.samples)[row]
        uniform = KeyedRandom(self.seed).uniform("decoding", number, position)
        wanted_A = torch.from_numpy(uniform).to(mass_AV.device) * mass_AV[:, -1]
        return torch.searchsorted(mass_AV, wanted_A[:, None], right=True)[:, 0].clamp_max(mass_AV.shape[1] - 1)

    def probabilities(self, logits_AV: Tensor) -> Tensor:
        """Return what is drawn from, float32 [A, V]."""
        logits_AV = logits_AV.float() / self.temperature
        if self.top_k is not None and self.top_k < logits_AV.shape[1]:
            least_A1 = logits_AV.topk(self.top_k).values[:, -1:]
            logits_AV = logits_AV.masked_fill(logits_AV < least_A1, float("-inf"))
        chance_AV = logits_AV.softmax(-1)
        if self.top_p is not None and self.top_p < 1:
            ordered_AV, order_AV = chance_AV.sort(descending=True, stable=True)
            before_AV = ordered_AV.cumsum(-1) - ordered_AV
            out_AV = torch.zeros_like(chance_AV, dtype=torch.bool).scatter_(1, order_AV, before_AV >= self.top_p)
            chance_AV = chance_AV.masked_fill(out_AV, 0.0)
            chance_AV = chance_AV / chance_AV.sum(-1, keepdim=True)
        return chance_AV


@torch.no_grad()
def write(
    step: Step,
    logits_BV: Tensor,
    carry: Carry,
    *,
    most: int,
    end_id: int = -1,
    choose: Choose = greedy,
    position: int = 0,
) -> list[Written]:
    """Return what follows each of B texts: tokens that `choose` picks, up to the end mark or `most` of them.

    end_id: -1 = there is no end mark. position: of the first new token, for `choose`; what goes on with texts begun
    earlier goes on counting.
    """
    size = len(logits_BV)
    ids: list[list[int]] = [[] for _ in range(size)]
    score, ended = [0.0] * size, [False] * size
    row_A = torch.arange(size, device=logits_BV.device)
    for done in range(most):
        if not len(row_A):
            break
        chosen_A = choose(logits_BV, row_A, position + done)
        gain_A = logits_BV.float().log_softmax(-1).gather(1, chosen_A[:, None])[:, 0]
        for row, token, gain in zip(row_A.tolist(), chosen_A.tolist(), gain_A.tolist(), strict=True):
            score[row] += gain
            ended[row] = token == end_id
            if not ended[row]:
                ids[row].append(token)
        if done + 1 == most:
            break
        going_A = (chosen_A != end_id).nonzero()[:, 0]
        if len(going_A) < len(row_A):  # those that ended leave
            row_A, chosen_A = row_A[going_A], chosen_A[going_A]
            carry = tuple(tensor[going_A] for tensor in carry)
        if len(row_A):
            logits_BV, carry = step(chosen_A, carry)
    return [Written(*parts) for parts in zip(ids, score, ended, strict=True)]


@torch.no_grad()
def beam_search(
    step: Step,
    logits_BV: Tensor,
    carry: Carry,
    *,
    most: int,
    end_id: int = -1,
    beams: int = 4,
    length_penalty: float = 1.0,
) -> list[list[Written]]:
    """Return for each of B texts the best `beams` continuations that were found, best first.

    A continuation's score is its log probability divided by length ** length_penalty, the end mark counted. The search
    for a text ends when `beams` continuations have ended and the best one still going on does not beat the worst of
    them, or at `most` tokens: what transformers' `generate(num_beams=, early_stopping=False)` does.
    """
    if beams < 1:
        raise HeadstartError(f"beams {beams}: expected at least 1")
    size, device = len(logits_BV), logits_BV.device
    searches = [_Search(beams, end_id, length_penalty) for _ in range(size)]
    going = list(range(size))
    rows = torch.arange(size, device=device).repeat_interleave(beams)
    logits_BV, carry = logits_BV[rows], tuple(tensor[rows] for tensor in carry)
    for length in range(1, most + 1):
        gain = logits_BV.float().log_softmax(-1).view(len(going), beams, -1)
        running = torch.tensor([searches[text].running for text in going], device=device)
        total = (gain + running[:, :, None]).flatten(1)
        best = total.topk(min(2 * beams, total.shape[1]))
        vocabulary = gain.shape[2]
        sources, tokens, left = [], [], []
        for place, text in enumerate(going):
            candidates = zip(best.values[place].tolist(), best.indices[place].tolist(), strict=True)
            kept = searches[text].take([(s, *divmod(i, vocabulary)) for s, i in candidates], length, length == most)
            if not searches[text].over(length):
                left.append(text)
                sources.extend(place * beams + beam for beam, _ in kept)
                tokens.extend(token for _, token in kept)
        going = left
        if not going or length == most:
            break
        rows = torch.tensor(sources, device=device)
        logits_BV, carry = step(torch.tensor(tokens, device=device), tuple(tensor[rows] for tensor in carry))
    return [sorted(search.ended, key=lambda found: -found.score) for search in searches]


class _Search:
    """The beams of one text. running: log probabilities of those that go on; ended: the best that do not."""

    def __init__(self, beams: int, end_id: int, length_penalty: float) -> None:
        self.beams, self.end_id, self.penalty = beams, end_id, length_penalty
        self.running = [0.0] + [float("-inf")] * (beams - 1)  # all beams are alike at the start: one counts
        self.ids: list[list[int]] = [[] for _ in range(beams)]
        self.ended: list[Written] = []

    def take(self, candidates: list[tuple[float, int, int]], length: int, last: bool) -> list[tuple[int, int]]:
        """Take candidates (log probability, beam, token), best first; return (beam, token) of the new running beams.

        Only the best `beams` candidates may end; the others stand in for those that did.
        """
        kept = []
        for rank, (score, beam, token) in enumerate(candidates):
            ends = token == self.end_id
            if (ends or last) and rank < self.beams and score > float("-inf"):
                ids = self.ids[beam] if ends else [*self.ids[beam], token]
                self.ended.append(Written(ids, score / length**self.penalty, ends))
            elif not ends and len(kept) < self.beams:
                kept.append((score, beam, token))
        while len(kept) < self.beams and not last:  # a vocabulary smaller than the beams
            kept.append((float("-inf"), 0, candidates[0][2]))
        self.ended = sorted(self.ended, key=lambda found: -found.score)[: self.beams]
        self.running = [score for score, _, _ in kept]
        self.ids = [[*self.ids[beam], token] for _, beam, token in kept]
        return [(beam, token) for _, beam, token in kept]

    def over(self, length: int) -> bool:
        """Whether no running beam is expected to beat the worst that ended."""
        if len(self.ended) < self.beams or not self.running:
            return not self.running
        return self.running[0] / length**self.penalty <= self.ended[-1].score
