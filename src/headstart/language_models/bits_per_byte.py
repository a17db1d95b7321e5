"""What a causal language model says of text: the next token, and how many bits each byte of unseen text costs it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from headstart.core.batch import TokenBatch, make_batch
from headstart.core.errors import HeadstartError
from headstart.core.normal_form import normal_form
from headstart.core.seeds import numpy_generator
from headstart.data.corpus import Corpus
from headstart.language_models.kneser_ney import ORDER, control
from headstart.nn.int8 import int8_copy, int8_output
from headstart.nn.pooling import pool
from headstart.training.pretrained_model import PretrainedModel

_BLOCK = 2_000  # characters, when one document is cut up for the interval
_CHUNK = 1_024  # tokens that a network with a carried state reads at a time
_LOGITS = 1 << 24  # most numbers of a piece of logits
_RESAMPLES = 1_000

Carry = tuple[Tensor, ...]


class LanguageModel:
    """A pretrained model that reads from left to right and has an output over the vocabulary.

    Raises HeadstartError for any other. limit: the longest text it can look back on, None = any.
    """

    def __init__(self, pretrained: PretrainedModel) -> None:
        self.backbone, self.processor = pretrained.backbone, pretrained.processor
        objective = pretrained.objective
        if self.backbone.reads != "causal" or objective is None or objective.predicts != "next":
            raise HeadstartError(
                f"{pretrained.path or 'this model'} is no causal language model; pretrain one with --objective causal"
            )
        _, self.head = objective.named_head()
        self.limit = self.backbone.max_tokens
        self.device = next(self.backbone.parameters()).device
        # A run on running text has hardly ever seen the begin mark; other runs have seen it before every window.
        self.reframes = not pretrained.receipt.get("stateful", "checkpoint" not in pretrained.receipt)
        self.backbone.eval()

    def in_int8(self) -> LanguageModel:
        """Return the same model with weights in int8, for `step`; what it has read so far goes on in either."""
        quick = copy.copy(self)
        quick.backbone = int8_copy(self.backbone)
        quick.head = int8_output(self.head, self.backbone.words_VD)
        return quick

    def begin(self) -> np.ndarray:
        """Return what stands before a text: the begin mark, or nothing where there is none."""
        return np.array([self.processor.cls_id] if self.processor.cls_id >= 0 else [], np.int64)

    @torch.no_grad()
    def read(self, ids: Sequence[np.ndarray], carry: Carry = ()) -> tuple[Tensor, Carry]:
        """Read on in B texts; return (logits [B, V] of what comes next, what is remembered)."""
        batch = make_batch(list(ids)).to(self.device)
        features = self.backbone(replace(batch, carry=carry), carry=True)
        return self.head(pool(features, "last"), self.backbone.words_VD), features.carry

    @torch.no_grad()
    def step(self, ids_B: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Read one more token of each text; a `Step` of `nn/decoding.py`."""
        one_B = torch.ones_like(ids_B)
        batch = TokenBatch(ids_N=ids_B, lengths_B=one_B, sample_B=one_B.cumsum(0) - 1, carry=carry)
        features = self.backbone(batch, carry=True)
        return self.head(features.last_BTD[:, 0], self.backbone.words_VD), features.carry

    @torch.no_grad()
    def costs(
        self, ids: Sequence[np.ndarray], following: Sequence[np.ndarray], carry: Carry = ()
    ) -> tuple[list[np.ndarray], Carry]:
        """Read on in B texts; return the nats of what follows each of their tokens, float64 [n], and the carry.

        following: what follows each token. The carry is () where the network has a longest sample.
        """
        batch = make_batch(list(ids)).to(self.device)
        features = self.backbone(replace(batch, carry=carry), carry=self.limit is None)
        hidden_ND = features.last_BTD[features.mask_BT]
        following_N = torch.from_numpy(np.concatenate(following)).to(self.device)
        rows = max(1, _LOGITS // self.processor.vocabulary)
        nats = []
        for hidden_MD, next_M in zip(hidden_ND.split(rows), following_N.split(rows), strict=True):
            logits_MV = self.head(hidden_MD, self.backbone.words_VD).float()
            nats.append(torch.nn.functional.cross_entropy(logits_MV, next_M, reduction="none").double().cpu())
        return np.split(torch.cat(nats).numpy(), np.cumsum([len(part) for part in ids])[:-1]), features.carry


def bootstrap_ratio(costs_U: np.ndarray, sizes_U: np.ndarray, seed: int, share: float) -> tuple[float, float]:
    """Return an interval of sum of costs / sum of sizes that holds `share` of 1,000 resamples of the U units."""
    random, units = numpy_generator(seed, "bootstrap"), len(costs_U)
    drawn = (random.integers(0, units, units) for _ in range(_RESAMPLES))
    found = [costs_U[rows].sum() / sizes_U[rows].sum() for rows in drawn]
    low, high = np.quantile(found, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class LanguageScore:
    """Costs of U units of text, each a document or, of a single one, a block of 2,000 characters.

    nats_U, tokens_U, characters_U, bytes_U: float64 or int64 [U]. unknown: tokens that stand for text the vocabulary
    does not have. altered: documents that do not come back exactly from their tokens. Either makes the costs per
    character and byte too low, because what was lost costs nothing. control: bits per byte of an n-gram model of the
    same tokens that has read the same text (`language_models/kneser_ney.py`), None where that text is not at hand.
    """

    nats_U: np.ndarray
    tokens_U: np.ndarray
    characters_U: np.ndarray
    bytes_U: np.ndarray
    unit: str
    unknown: int
    altered: int
    seed: int = 0
    control: float | None = None

    @property
    def nats_per_token(self) -> float:
        """Mean cost of a token; depends on the tokenizer."""
        return float(self.nats_U.sum() / self.tokens_U.sum())

    @property
    def nats_per_character(self) -> float:
        """Cost per character."""
        return float(self.nats_U.sum() / self.characters_U.sum())

    @property
    def bits_per_byte(self) -> float:
        """Cost per UTF-8 byte, comparable between tokenizers."""
        return float(self.nats_U.sum() / self.bytes_U.sum() / math.log(2))

    @property
    def perplexity(self) -> float:
        """exp(nats per token); depends on the tokenizer."""
        return math.exp(self.nats_per_token)

    def interval(self, share: float = 0.95) -> tuple[float, float]:
        """Return a bootstrap interval of bits per byte over the units (1,000 resamples)."""
        return bootstrap_ratio(self.nats_U / math.log(2), self.bytes_U, self.seed, share)

    def summary(self) -> str:
        """Return one line per measure."""
        low, high = self.interval()
        tokens = int(self.tokens_U.sum())
        lines = [
            f"bits per byte: {self.bits_per_byte:.4f} (95 % interval {low:.4f} to {high:.4f} "
            f"over {len(self.nats_U):,} {self.unit})",
            *self._beside_control(),
            f"nats per character: {self.nats_per_character:.4f}",
            f"nats per token: {self.nats_per_token:.4f} (perplexity {self.perplexity:.2f}; {tokens:,} tokens)",
        ]
        if self.unknown:
            lines.append(
                f"warning: {self.unknown:,} tokens ({self.unknown / tokens:.2%}) are unknown; what they stand for "
                "costs nothing here, so bits per byte are too low to be compared with another model's"
            )
        if self.altered:
            lines.append(
                f"warning: {self.altered:,} documents do not come back exactly from their tokens; what was lost costs "
                "nothing here, so bits per byte are too low to be compared with another model's"
            )
        return "\n".join(lines)

    def _beside_control(self) -> list[str]:
        if self.control is None:
            return []
        return [f"n-gram control: {self.control:.4f} bits per byte (Kneser-Ney, order {ORDER}, same text and tokens)"]


def bits_per_byte(
    pretrained: PretrainedModel, documents: Iterable[str], *, tokens: int = 8_192, seed: int = 0
) -> LanguageScore:
    """Return what unseen documents cost a causal language model; every byte is counted exactly once.

    A document begins after the begin mark and its end mark is not counted. Without a begin mark its first token costs
    ln V. A network with a longest sample reads windows of that length that move on by half of it, so that every token
    but those of the first half has at least that much before it; one without carries its state through the document.
    Texts are NFC, as the tokenizer reads them. tokens: read at a time. seed: of the interval.
    Raises HeadstartError: no causal language model, no text.
    """
    model = LanguageModel(pretrained)
    texts = [text for text in (normal_form(text) for text in documents) if text]
    if not texts:
        raise HeadstartError("no text to score")
    encoded = model.processor.encode_spans(texts)
    ids = [found for found, _ in encoded]
    whole = [np.concatenate([model.begin(), found]) for found in ids]
    costs = _carried(model, whole, tokens) if model.limit is None else _windowed(model, whole, tokens)
    if not len(model.begin()):
        costs = [np.concatenate([np.full(min(1, len(found)), math.log(model.processor.vocabulary)), cost])
                 for found, cost in zip(ids, costs, strict=True)]  # fmt: skip
    altered = sum(model.processor.decode(found) != text for found, text in zip(ids, texts, strict=True))
    unknown = sum(int((found == model.processor.unk_id).sum()) for found in ids) if model.processor.unk_id >= 0 else 0
    if len(texts) == 1:
        units = _blocks(texts[0], costs[0], encoded[0][1])
    else:
        units = (
            np.array([cost.sum() for cost in costs]),
            np.array([len(found) for found in ids]),
            np.array([len(text) for text in texts]),
            np.array([len(text.encode()) for text in texts]),
        )
    unit = "documents" if len(texts) > 1 else f"blocks of {_BLOCK:,} characters"
    return LanguageScore(*units, unit, unknown, altered, seed)


def score_files(
    pretrained: PretrainedModel, paths: Sequence[str], *, column: str | None = None, seed: int = 0
) -> LanguageScore:
    """Return `bits_per_byte` of the documents of files, told apart as those the model was trained on.

    column: of tables, where it is another one than that of the training text.

    Raises HeadstartError: no causal language model, a file that cannot be read, no text.
    """
    LanguageModel(pretrained)  # refuse before reading
    settings = {name: value for name, value in (pretrained.corpus or {}).items() if name in ("column", "unit")}
    settings |= {} if column is None else {"column": column}
    corpus = Corpus(list(paths), **settings)
    score = bits_per_byte(pretrained, corpus.documents(), seed=seed)
    try:
        beside = control(pretrained.processor, pretrained.documents(), corpus.documents()).bits_per_byte
    except HeadstartError:  # a checkpoint of others, or text that is gone
        return score
    return replace(score, control=beside)


def _blocks(text: str, nats_N: np.ndarray, spans_N2: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return (nats, tokens, characters, bytes) of the blocks of one text; a token belongs to the block it begins in."""
    parts = [text[low : low + _BLOCK] for low in range(0, len(text), _BLOCK)]
    block_N = np.clip(spans_N2[:, 0], 0, None) // _BLOCK
    return (
        np.bincount(block_N, weights=nats_N, minlength=len(parts)),
        np.bincount(block_N, minlength=len(parts)),
        np.array([len(part) for part in parts]),
        np.array([len(part.encode()) for part in parts]),
    )


def _carried(model: LanguageModel, texts: list[np.ndarray], tokens: int) -> list[np.ndarray]:
    """Return the cost of every token of each text but the first, states carried from chunk to chunk."""
    costs: list[list[np.ndarray]] = [[] for _ in texts]
    at_once = max(1, tokens // _CHUNK)
    order = sorted((row for row in range(len(texts)) if len(texts[row]) > 1), key=lambda row: len(texts[row]))
    for low in range(0, len(order), at_once):
        rows, carry, start = order[low : low + at_once], (), 0
        while rows:
            stop = start + _CHUNK
            read = [texts[row][:-1][start:stop] for row in rows]
            found, carry = model.costs(read, [texts[row][1:][start:stop] for row in rows], carry)
            for row, cost in zip(rows, found, strict=True):
                costs[row].append(cost)
            going = [place for place, row in enumerate(rows) if len(texts[row]) > stop + 1]
            rows, start = [rows[place] for place in going], stop
            carry = tuple(tensor[torch.tensor(going, device=tensor.device)] for tensor in carry) if going else ()
    return [np.concatenate([np.zeros(0), *parts]) for parts in costs]


def _windowed(model: LanguageModel, texts: list[np.ndarray], tokens: int) -> list[np.ndarray]:
    """Return the cost of every token of each text but the first, from overlapping windows."""
    costs = [np.zeros(max(len(text) - 1, 0)) for text in texts]
    windows = [(row, *window) for row, text in enumerate(texts) for window in _windows(model, len(text))]
    windows.sort(key=lambda window: window[1] - window[3])  # the longest first
    while windows:
        group = windows[: max(1, tokens // max(1, windows[0][3] - windows[0][1]))]
        windows = windows[len(group) :]
        read, following = [], []
        for row, low, _, high in group:
            again = model.begin() if low and model.reframes else model.begin()[:0]
            read.append(np.concatenate([again, texts[row][low : high - 1]]))
            following.append(np.concatenate([texts[row][low : low + len(again)], texts[row][low + 1 : high]]))
        for (row, _, first, high), cost in zip(group, model.costs(read, following)[0], strict=True):
            costs[row][first - 1 : high - 1] = cost[first - high :]
    return costs


def _windows(model: LanguageModel, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield (low, first, high) for a text: tokens `low` to `high` - 2 are read, `first` to `high` - 1 are scored."""
    low, first, high = 0, 1, min(model.limit + 1, length)
    room = model.limit - (len(model.begin()) if model.reframes else 0)
    while first < high:
        yield low, first, high
        first, high = high, min(high + max(1, room // 2), length)
        low = high - 1 - room
