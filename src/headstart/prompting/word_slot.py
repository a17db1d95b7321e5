"""Likelihoods of words at one place of a text: at the masks of a masked model, or as next tokens of a causal model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason
from headstart.data.batches import by_length
from headstart.language_models.bits_per_byte import LanguageModel
from headstart.training.pretrained_model import PretrainedModel

_TOKENS = 8_192  # padded tokens read at a time
_NUMBERS = 1 << 24  # largest number of logits, or of cached values for continuations, at a time
_LONGEST = 1_024  # tokens of a prompt for a network without a limit

Ids = Sequence[np.ndarray]


class Slot(ABC):
    """A place for a word between `before` and `after` (N id arrays each).

    limit: largest number of tokens of a prompt with the word; extra: special tokens that the model adds; forward:
    whether the model sees only what is before the place; default_shots: default number of demonstrations.
    """

    limit: int
    extra: int
    forward: bool
    default_shots: int

    @abstractmethod
    def likelihoods(self, shared: np.ndarray, before: Ids, after: Ids, words: Ids) -> np.ndarray:
        """Return log-likelihoods (nats) of W words (id arrays) in N texts, float64 [N, W]; `shared` ids precede every
        text.

        The mean over the tokens of a word, to treat long words fairly (Brown et al. 2020, section 2.4).
        """

    @abstractmethod
    def vocabulary(self, before: Ids, after: Ids) -> np.ndarray:
        """Return log-likelihoods (nats) of every token of the vocabulary in N texts, float32 [N, V]."""


class MaskSlot(Slot):
    """Masks of a masked language model: a word of K tokens is scored at K masks in parallel.

    One pass over the texts for each different K.
    """

    extra, forward, default_shots = 2, False, 0

    def __init__(self, pretrained: PretrainedModel) -> None:
        self.backbone, self.processor = pretrained.backbone, pretrained.processor
        self.output = _masked_output(pretrained)
        self.limit = self.backbone.max_tokens or _LONGEST
        self.device = next(self.backbone.parameters()).device
        self.backbone.eval()

    def likelihoods(self, shared: np.ndarray, before: Ids, after: Ids, words: Ids) -> np.ndarray:
        """See `Slot.likelihoods`."""
        found_NW = np.zeros((len(before), len(words)))
        sizes_W = np.array([len(word) for word in words])
        for size in np.unique(sizes_W).tolist():
            chosen = np.flatnonzero(sizes_W == size)
            ids_WK = torch.from_numpy(np.stack([words[word] for word in chosen])).to(self.device)
            for rows, nats_BKV in self._read(shared, before, after, size):
                nats_BW = nats_BKV[:, torch.arange(size, device=self.device), ids_WK].mean(-1)
                found_NW[np.ix_(rows, chosen)] = nats_BW.double().cpu().numpy()
        return found_NW

    def vocabulary(self, before: Ids, after: Ids) -> np.ndarray:
        """See `Slot.vocabulary`."""
        found_NV = np.zeros((len(before), self.processor.vocabulary), np.float32)
        for rows, nats_BKV in self._read(np.zeros(0, np.int64), before, after, 1):
            found_NV[rows] = nats_BKV[:, 0, : found_NV.shape[1]].cpu().numpy()
        return found_NV

    @torch.no_grad()
    def _read(self, shared: np.ndarray, before: Ids, after: Ids, size: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield (positions of B texts, log-likelihoods [B, K, V] at their K masks)."""
        masks = np.full(size, self.processor.mask_id, np.int64)
        start = len(shared) + int(self.processor.cls_id >= 0)
        framed = [
            self.processor.add_special_tokens(np.concatenate([shared, *parts]))[0]
            for parts in _with(before, masks, after)
        ]
        most = max(1, _NUMBERS // (size * self.backbone.vocabulary))
        for group in by_length(np.array([len(ids) for ids in framed]), _TOKENS):
            for rows in np.split(group, range(most, len(group), most)):
                batch = make_batch([framed[row] for row in rows]).to(self.device)
                first_B = batch.lengths_B.cumsum(0) - batch.lengths_B + start
                first_B = first_B + torch.tensor([len(before[row]) for row in rows], device=self.device)
                position_M = (first_B[:, None] + torch.arange(size, device=self.device)).flatten()
                logits_MV = self.output.logits(self.backbone, batch, position_M).float()
                yield rows, logits_MV.log_softmax(-1).view(len(rows), size, -1)


class NextSlot(Slot):
    """Next tokens of a causal language model; `shared` is read once, each text once, and continuations reuse the cache.

    If text follows the word (noisy channel: Min et al. 2022, arXiv:2108.04106), the summed log-likelihood of that text
    after each word is added.
    """

    extra, forward, default_shots = 1, True, 4

    def __init__(self, pretrained: PretrainedModel) -> None:
        self.model = LanguageModel(pretrained)
        self.limit = self.model.limit or _LONGEST
        begin = self.model.begin()
        self.begin = begin if len(begin) else self.model.processor.encode(["\n"])[0][:1]

    def likelihoods(self, shared: np.ndarray, before: Ids, after: Ids, words: Ids) -> np.ndarray:
        """See `Slot.likelihoods`."""
        found_NW = np.zeros((len(before), len(words)))
        lengths_N = np.array([len(one) + len(two) for one, two in zip(before, after, strict=True)])
        first_W = torch.tensor([int(word[0]) for word in words])
        for rows, logits_BV, carry in self._read(shared, before, lengths_N):
            nats_BW = logits_BV.float().log_softmax(-1).cpu()[:, first_W].double().numpy()
            going = [
                (place, word)
                for place, row in enumerate(rows)
                for word in range(len(words))
                if len(words[word]) + len(after[row]) > 1
            ]
            size = max(1, _NUMBERS // max(1, sum(tensor[0].numel() for tensor in carry)))
            for low in range(0, len(going), size):
                part = going[low : low + size]
                texts = [np.concatenate([words[word], after[rows[place]]]) for place, word in part]
                own = torch.tensor([place for place, _ in part], device=logits_BV.device)
                remembered = tuple(tensor[own] for tensor in carry)
                costs, _ = self.model.costs([ids[:-1] for ids in texts], [ids[1:] for ids in texts], remembered)
                for (place, word), cost in zip(part, costs, strict=True):
                    inside = len(words[word]) - 1
                    nats_BW[place, word] = (nats_BW[place, word] - cost[:inside].sum()) / (inside + 1)
                    nats_BW[place, word] -= cost[inside:].sum()
            found_NW[rows] = nats_BW
        return found_NW

    def vocabulary(self, before: Ids, after: Ids) -> np.ndarray:
        """See `Slot.vocabulary`; `after` is ignored."""
        found_NV = np.zeros((len(before), self.model.processor.vocabulary), np.float32)
        for rows, logits_BV, _ in self._read(np.zeros(0, np.int64), before, np.array([len(ids) for ids in before])):
            found_NV[rows] = logits_BV.float().log_softmax(-1)[:, : found_NV.shape[1]].cpu().numpy()
        return found_NV

    def _read(self, shared: np.ndarray, before: Ids, lengths_N: np.ndarray) -> Iterator[tuple]:
        """Yield (positions of B texts, logits [B, V] of the next token, cache of the texts)."""
        common = np.concatenate([self.begin, shared])
        head, last = common[:-1], common[-1:]  # the last shared token starts every text
        carry = self.model.read([head])[1] if len(head) else ()
        for group in by_length(lengths_N + len(last), _TOKENS):
            most = max(1, _NUMBERS // max(self.model.backbone.vocabulary, sum(part.numel() for part in carry)))
            for rows in np.split(group, range(most, len(group), most)):
                own = tuple(part.expand(len(rows), *part.shape[1:]) for part in carry)
                yield rows, *self.model.read([np.concatenate([last, before[row]]) for row in rows], own)


def slot_of(pretrained: PretrainedModel) -> Slot:
    """Return the slot of a language model. Raises HeadstartError for a model without one; see `no_slot`."""
    if why := no_slot(pretrained):
        raise HeadstartError(why)
    return MaskSlot(pretrained) if _masked_output(pretrained) is not None else NextSlot(pretrained)


def no_slot(pretrained: PretrainedModel) -> Reason | None:
    """Return why this model gives no likelihoods of words in a text, or None."""
    if _masked_output(pretrained) is not None:
        return None
    if (
        pretrained.backbone.reads == "causal"
        and pretrained.objective is not None
        and pretrained.objective.predicts == "next"
    ):
        return None
    trained = pretrained.receipt.get("objective")
    wanted = ("mlm", "mlm_nsp", "hybrid", "causal")
    if trained:
        return Reason(
            "predicts_no_words",
            "it needs a base that predicts words (objective {wanted:or}); this one was trained by {trained}",
            wanted=wanted,
            trained=trained,
        )
    return Reason(
        "no_word_output",
        "it needs a base that predicts words (objective {wanted:or}); this {backbone} has no such output",
        wanted=wanted,
        backbone=pretrained.backbone_spec.name,
    )


def _masked_output(pretrained: PretrainedModel) -> object | None:
    """Return the objective, or the part of it, that predicts masked tokens; None: there is none."""
    objective = pretrained.objective
    return (objective and pretrained.processor.mask_id >= 0 and objective.masked_model()) or None


def _with(before: Ids, masks: np.ndarray, after: Ids) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return ((one, masks, two) for one, two in zip(before, after, strict=True))
