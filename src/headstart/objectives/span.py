"""Span corruption: write the hidden runs of tokens after their marks (T5, Raffel et al. 2020, arXiv:1910.10683, 3.1.4).

read:   [CLS] Thank you <0> me to your party <1> week . [SEP]
write:  <0> for inviting <1> last [SEP]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.networks.writer import Writer, begin_id, dictation, need_writer, score_dictation


@dataclass(frozen=True, kw_only=True)
class SpanSpec(ObjectiveSpec):
    """mask_ratio: share of tokens to hide; mean_span: tokens of a hidden run, on average."""

    reads: ClassVar[tuple[str, ...]] = ("encoder_decoder",)
    mask_ratio: float = 0.15
    mean_span: float = 3.0

    def __post_init__(self) -> None:
        if not 0.0 < self.mask_ratio < 1.0:
            raise HeadstartError(f"{self.label()}.mask_ratio={self.mask_ratio}: expected above 0 and below 1")
        if not self.mean_span >= 1.0:
            raise HeadstartError(f"{self.label()}.mean_span={self.mean_span}: expected at least 1 token")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Span:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do it."""
        need_writer("objective span", backbone)
        if not tokenizer.sentinel_ids:
            raise HeadstartError(
                f"objective span marks what it hides by sentinels, and this '{tokenizer.kind}' tokenizer has none: "
                "train it with processor.sentinels=100, as --recipe t5 does"
            )
        return Span(self, backbone, tokenizer)


class Span(Objective):
    """Cross-entropy of the hidden runs, each after its sentinel, and of the end mark; count = tokens to write.

    A sample of n tokens hides n * rate of them in (n * rate) / mean_span runs, each number rounded up or down by chance
    so that its expectation is exact (at least one token; T5 rounds to the nearest, which loses much on short samples).
    The lengths of the runs and of what lies between are random partitions, as in T5; but there the last run always ends
    the sample, which on short samples with one run would leave nothing but endings to write. All of it is a pure
    function of (seed, epoch, sample id). Special tokens are never hidden. Samples of fewer than two other tokens hide
    nothing and write nothing.
    """

    needs = "it needs documents of at least two tokens"

    def __init__(self, spec: SpanSpec, backbone: Writer, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spec = spec
        self.head = backbone.prediction_head()
        self.begin_id, self.end_id = begin_id(tokenizer), tokenizer.sep_id
        self.sentinels = np.array(tokenizer.sentinel_ids, np.int64)
        self.special_ids = np.array(sorted({*tokenizer.special_ids, *tokenizer.sentinel_ids}), np.int64)

    def usable(self, batch: TokenBatch) -> int:
        """Return how many samples have two tokens or more."""
        ordinary_N = self._ordinary(batch.ids_N.numpy())
        return int((np.bincount(batch.row_N().numpy()[ordinary_N], minlength=batch.size) >= 2).sum())

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return what is left with a sentinel for each hidden run, and as `target` what is to be written."""
        ids, row = batch.ids_N.cpu().numpy(), batch.row_N().cpu().numpy()
        ordinary = self._ordinary(ids)
        hidden = np.zeros(len(ids), bool)
        hidden[ordinary] = self._hidden(row[ordinary], batch.sample_B.cpu().numpy(), random)
        hidden, opens, run = _runs(hidden, row, len(self.sentinels))
        sentinel = self.sentinels[np.where(hidden, run, 0)]
        kept = ~hidden | opens
        shown = np.where(opens, sentinel, ids)[kept]
        # What is to be written: each hidden token, before the first of each run its sentinel, at last the end mark.
        place = np.repeat(np.flatnonzero(hidden), 1 + opens[hidden])
        again = np.concatenate([[False], place[1:] == place[:-1]])[: len(place)]
        written, owner = np.where(opens[place] & ~again, sentinel[place], ids[place]), row[place]
        if self.end_id >= 0:
            ends = np.unique(owner)
            order = np.argsort(np.concatenate([owner, ends]), kind="stable")
            owner = np.concatenate([owner, ends])[order]
            written = np.concatenate([written, np.full(len(ends), self.end_id)])[order]
        device, size = batch.ids_N.device, batch.size
        lengths_B = torch.from_numpy(np.bincount(owner, minlength=size)).to(device)
        return replace(
            batch,
            ids_N=torch.from_numpy(shown).to(device),
            lengths_B=torch.from_numpy(np.bincount(row[kept], minlength=size)).to(device),
            segment_ids_N=None
            if batch.segment_ids_N is None
            else batch.segment_ids_N[torch.from_numpy(kept).to(device)],
            target=dictation(batch, torch.from_numpy(written).to(device), lengths_B, self.begin_id),
        )

    def invert(self, corrupted: TokenBatch) -> Tensor:
        """Return `ids_N` as they were before `corrupt`: every sentinel gives way to what is written after it."""
        shown, row = corrupted.ids_N.cpu().numpy(), corrupted.row_N().cpu().numpy()
        target = corrupted.target
        written, owner = target.extra["target_id"].cpu().numpy(), target.row_N().cpu().numpy()
        marks, named = np.isin(shown, self.sentinels), np.isin(written, self.sentinels)
        text = np.concatenate([~marks, ~named & (written != self.end_id)])
        # The parts of a sample alternate: part 2k was shown, part 2k + 1 is the run of sentinel k.
        part = np.concatenate([2 * _count(marks, row), 2 * _count(named, owner) - 1])
        order = np.lexsort((part, np.concatenate([row, owner])))
        return torch.from_numpy(np.concatenate([shown, written])[order][text[order]]).to(corrupted.ids_N.device)

    def named_head(self) -> tuple[str, nn.Module]:
        """See `Objective.named_head`."""
        return "generate", self.head

    def forward(self, backbone: Writer, batch: TokenBatch) -> Loss:
        """Score a corrupted batch; parts: `accuracy`."""
        return score_dictation(backbone, self.head, batch)

    def _ordinary(self, ids: np.ndarray) -> np.ndarray:
        return ~np.isin(ids, self.special_ids)

    def _hidden(self, row: np.ndarray, sample_B: np.ndarray, random: KeyedRandom) -> np.ndarray:
        """Return bool [M], which of the M ordinary tokens are hidden; `row` is the sample (0 .. B-1) of each."""
        length_B = np.bincount(row, minlength=len(sample_B))
        noise = np.floor(length_B * self.spec.mask_ratio + random.uniform("span.noise", sample_B)).astype(np.int64)
        noise_B = np.where(length_B < 2, 0, np.clip(noise, 1, np.maximum(length_B - 1, 1)))
        wanted = np.floor(noise_B / self.spec.mean_span + random.uniform("span.runs", sample_B)).astype(np.int64)
        most_B = np.minimum(np.minimum(noise_B, length_B - noise_B), len(self.sentinels))
        runs_B = np.clip(wanted, np.minimum(1, most_B), most_B)
        some_B = runs_B > 0
        noise_R = _partition(noise_B * some_B, runs_B, sample_B, random, "span.hidden")
        noise_R = np.insert(noise_R, np.cumsum(runs_B)[some_B], 0)  # nothing hidden after the last shown part
        parts_B = (runs_B + 1) * some_B
        shown_R = _partition((length_B - noise_B + 2) * some_B, parts_B, sample_B, random, "span.shown")
        ends_B = np.cumsum(parts_B)
        shown_R[(ends_B - parts_B)[some_B]] -= 1  # what a sample begins and ends with may be empty
        shown_R[ends_B[some_B] - 1] -= 1
        sizes = np.stack([shown_R, noise_R], axis=1).ravel()  # shown, hidden, shown, hidden ... of all samples
        out = np.zeros(len(row), bool)
        out[some_B[row]] = np.repeat(np.tile([False, True], len(noise_R)), sizes)
        return out


def _partition(total_B: np.ndarray, parts_B: np.ndarray, sample_B: np.ndarray, random: KeyedRandom, stream: str):
    """Return the sizes [sum of parts] of a random partition of each total into so many parts of at least 1.

    Every composition is equally likely: of the `total - 1` gaps those with the `parts - 1` smallest draws are cuts.
    """
    gaps_B = np.maximum(total_B - 1, 0)
    row = np.repeat(np.arange(len(total_B)), gaps_B)
    first_B = np.cumsum(gaps_B) - gaps_B
    gap = np.arange(len(row)) - first_B[row]
    order = np.lexsort((random.uniform(stream, sample_B[row], gap), row))
    rank = np.empty(len(row), np.int64)
    rank[order] = gap  # rows are contiguous in both orders, so the k-th of a row in `order` has rank k
    cut = rank < (parts_B - 1)[row]
    used = np.flatnonzero(parts_B > 0)
    ends = np.concatenate([gap[cut] + 1, total_B[used]])
    owner = np.concatenate([row[cut], used])
    order = np.lexsort((ends, owner))
    ends, owner = ends[order], owner[order]
    before = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    return ends - np.where(np.concatenate([[True], owner[1:] != owner[:-1]])[: len(ends)], 0, before)


def _runs(hidden: np.ndarray, row: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (hidden, whether a token opens a hidden run, the run's number in its sample, from 0).

    A special token inside a run makes two of it; runs beyond `most`, for which there is no sentinel, are shown.
    """
    opens = hidden.copy()
    opens[1:] &= ~hidden[:-1] | (row[1:] != row[:-1])
    run = _count(opens, row) - 1
    hidden = hidden & (run < most)
    return hidden, opens & hidden, run


def _count(marks: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return, at each token, how many marks its sample has up to and with it."""
    total = np.cumsum(marks)
    first = np.searchsorted(row, row)  # where each token's sample begins
    return total - (total - marks)[first] if len(row) else total
