"""How likely a language model finds words at one place of a text: at masks, or as what comes next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from headstart.base.batch import make_batch
from headstart.base.errors import HeadstartError
from headstart.training.artefact import Artefact, by_length
from headstart.training.language import LanguageModel

_TOKENS = 8_192  # padded tokens read at a time
_NUMBERS = 1 << 24  # most numbers of logits, or of what is remembered for continuations, at a time
_LONGEST = 1_024  # tokens of a prompt for a network that takes any number

Ids = Sequence[np.ndarray]


class Slot(ABC):
    """A place between `before` and `after` (N id arrays each) that a word is put in.

    limit: tokens of a whole prompt, the word included; extra: those that the model's frame adds to it;
    forward: whether nothing after the place is seen there; usual_shots: demonstrations that such a model is shown.
    """

    limit: int
    extra: int
    forward: bool
    usual_shots: int

    @abstractmethod
    def likelihoods(self, shared: np.ndarray, before: Ids, after: Ids, words: Ids) -> np.ndarray:
        """Return the nats of W words (id arrays) in N texts, float64 [N, W]; `shared` ids stand before every text.

        The mean over a word's tokens, so that long words are not at a disadvantage (Brown et al. 2020, section 2.4).
        """

    @abstractmethod
    def vocabulary(self, before: Ids, after: Ids) -> np.ndarray:
        """Return the nats of every token of the vocabulary in N texts, float32 [N, V]."""


class MaskSlot(Slot):
    """Masks of a masked language model: a word of K tokens is read from K masks at once, none of which sees another.

    One pass over the texts for each different K.
    """

    extra, forward, usual_shots = 2, False, 0

    def __init__(self, artefact: Artefact) -> None:
        self.backbone, self.tokenizer = artefact.backbone, artefact.tokenizer
        self.output = _masked_output(artefact)
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
        found_NV = np.zeros((len(before), self.tokenizer.vocabulary), np.float32)
        for rows, nats_BKV in self._read(np.zeros(0, np.int64), before, after, 1):
            found_NV[rows] = nats_BKV[:, 0, : found_NV.shape[1]].cpu().numpy()
        return found_NV

    @torch.no_grad()
    def _read(self, shared: np.ndarray, before: Ids, after: Ids, size: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield (rows, nats [B, K, V] at their K masks)."""
        masks = np.full(size, self.tokenizer.mask_id, np.int64)
        start = len(shared) + int(self.tokenizer.cls_id >= 0)
        framed = [self.tokenizer.frame(np.concatenate([shared, *parts]))[0] for parts in _with(before, masks, after)]
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
    """What comes next in a causal language model: `shared` is read once, each text once, then on from there.

    Where something follows the word (the text itself, in a noisy channel: Min et al. 2022, arXiv:2108.04106), its nats
    after each word are added, in sum: that is what tells the words apart.
    """

    extra, forward, usual_shots = 1, True, 4

    def __init__(self, artefact: Artefact) -> None:
        self.model = LanguageModel(artefact)
        self.limit = self.model.limit or _LONGEST
        begin = self.model.begin()
        self.begin = begin if len(begin) else self.model.tokenizer.encode(["\n"])[0][:1]

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
        """See `Slot.vocabulary`. What is `after` is not looked at."""
        found_NV = np.zeros((len(before), self.model.tokenizer.vocabulary), np.float32)
        for rows, logits_BV, _ in self._read(np.zeros(0, np.int64), before, np.array([len(ids) for ids in before])):
            found_NV[rows] = logits_BV.float().log_softmax(-1)[:, : found_NV.shape[1]].cpu().numpy()
        return found_NV

    def _read(self, shared: np.ndarray, before: Ids, lengths_N: np.ndarray) -> Iterator[tuple]:
        """Yield (rows, logits [B, V] of what comes next, what is remembered of them)."""
        common = np.concatenate([self.begin, shared])
        head, last = common[:-1], common[-1:]  # every text has a token of its own to go on from
        carry = self.model.read([head])[1] if len(head) else ()
        for group in by_length(lengths_N + len(last), _TOKENS):
            most = max(1, _NUMBERS // max(self.model.backbone.vocabulary, sum(part.numel() for part in carry)))
            for rows in np.split(group, range(most, len(group), most)):
                own = tuple(part.expand(len(rows), *part.shape[1:]) for part in carry)
                yield rows, *self.model.read([np.concatenate([last, before[row]]) for row in rows], own)


def slot_of(artefact: Artefact) -> Slot:
    """Return the slot of a language model. Raises HeadstartError with what it is instead; see `no_slot`."""
    if why := no_slot(artefact):
        raise HeadstartError(why)
    return MaskSlot(artefact) if _masked_output(artefact) is not None else NextSlot(artefact)


def no_slot(artefact: Artefact) -> str | None:
    """Return why this model cannot say how likely a word is in a text, or None."""
    if _masked_output(artefact) is not None:
        return None
    if artefact.backbone.reads == "left" and hasattr(artefact.objective, "head"):
        return None
    trained = artefact.receipt.get("objective")
    what = f"this one was trained by {trained}" if trained else f"this {artefact.backbone_spec.name} has no such output"
    return f"it needs a base that predicts words (objective mlm, mlm_nsp, hybrid or causal); {what}"


def _masked_output(artefact: Artefact) -> object | None:
    """Return the objective, or its part, that predicts masked tokens."""
    objective = getattr(artefact.objective, "masked", artefact.objective)
    return objective if artefact.tokenizer.mask_id >= 0 and hasattr(objective, "fill") else None


def _with(before: Ids, masks: np.ndarray, after: Ids) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return ((one, masks, two) for one, two in zip(before, after, strict=True))
