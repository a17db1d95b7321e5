"""Next sentence: does the second part follow the first, or is it from elsewhere (BERT, Devlin et al. 2019)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec

_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\n][\"'\u201d\u2019)\]]*$")


@dataclass(frozen=True, kw_only=True)
class NextSentenceSpec(ObjectiveSpec):
    """least: tokens that each of the two parts has at least."""

    reads: ClassVar[tuple[str, ...]] = ("bidirectional",)
    least: int = 4

    def __post_init__(self) -> None:
        if self.least < 2:
            raise HeadstartError(f"{self.label()}.least={self.least}: expected at least 2")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> NextSentence:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do it."""
        if tokenizer.cls_id < 0 or tokenizer.sep_id < 0:
            raise HeadstartError(
                f"objective {self.name} frames pairs as [CLS] first [SEP] second [SEP]; tokenizer '{tokenizer.kind}' "
                "has no such tokens (wordpiece has)"
            )
        return NextSentence(self, backbone, tokenizer)


class NextSentence(Objective):
    """Binary cross-entropy of one pair per sample; half of the pairs are real.

    A sample is cut at one of its sentence ends. A real pair keeps its second part, another gets the second part of a
    sample of another document of the batch. Both are cut to a length that was drawn before it is known which one it
    will be, and end before their own end, so that neither lengths nor last tokens tell them apart: only what the parts
    say does. The cut, the length and the coin are functions of (seed, epoch, sample id); the stranger is chosen among
    the samples of the batch, which are a function of (seed, epoch) too.

    What is compared are the means of the two parts' outputs (product and difference, as in InferSent, Conneau et al.
    2017), not the [CLS] output that BERT reads: in short runs that one stays at chance for long, and document vectors
    are means here.

    `corrupt` leaves out samples without a sentence end in the middle and adds `real_B` (float32 [B]) to `extra`.
    """

    alone = False
    fewest = 2
    needs = "it needs documents of two or more sentences, whose ends are written (. ! ? or a new line)"

    def __init__(self, spec: NextSentenceSpec, backbone: Backbone, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spec, self.tokenizer, self.longest = spec, tokenizer, backbone.max_tokens
        half = (backbone.max_tokens or 1 << 40) // 2 - 2
        self.longest_second = max(half, spec.least + 1)
        self.pooler = nn.Linear(2 * backbone.width, backbone.width)
        self.output = nn.Linear(backbone.width, 1)
        written = [tokenizer.token(number) for number in range(tokenizer.vocabulary)]
        self.ends_V = np.array([bool(_SENTENCE_END.search(token)) for token in written])

    def usable(self, batch: TokenBatch) -> int:
        """Return how many samples can be cut between two sentences."""
        return sum(len(self._cuts(ids)) > 0 for ids in self._texts(batch))

    def _texts(self, batch: TokenBatch) -> list[np.ndarray]:
        """Return the ids of each sample without its frame."""
        frame = [self.tokenizer.cls_id, self.tokenizer.sep_id]
        found = []
        for ids in np.split(batch.ids_N.cpu().numpy(), np.cumsum(batch.lengths_B.cpu().numpy())[:-1]):
            inside = np.flatnonzero(~np.isin(ids, frame))
            found.append(ids[inside[0] : inside[-1] + 1] if len(inside) else ids[:0])
        return found

    def _cuts(self, ids: np.ndarray) -> np.ndarray:
        """Return the positions where a second part may begin; it keeps a token more than `least` to end early."""
        cuts = np.flatnonzero(self.ends_V[ids]) + 1
        return cuts[(cuts >= self.spec.least) & (len(ids) - cuts > self.spec.least)]

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """See `Objective.corrupt`."""
        texts = self._texts(batch)
        sample_B = batch.sample_B.cpu().numpy()
        document_B = sample_B if batch.document_B is None else batch.document_B.cpu().numpy()
        draw = {name: random.uniform(f"nsp.{name}", sample_B) for name in ("cut", "length", "real", "stranger")}
        cuts_B = [self._cuts(ids) for ids in texts]
        rows = [row for row, cuts in enumerate(cuts_B) if len(cuts)]
        cut_R = {row: int(cuts_B[row][int(draw["cut"][row] * len(cuts_B[row]))]) for row in rows}
        tails = {row: texts[row][cut_R[row] :] for row in rows}
        length_R, owner_P = np.array([len(tails[row]) for row in rows]), document_B[np.array(rows, np.int64)]
        ids, types, kept, real = [], [], [], []
        for row in rows:
            elsewhere = owner_P != document_B[row]
            if not elsewhere.any():
                continue
            # Shorter than both its own second part and the longest stranger's, whichever is taken in the end.
            most = min(len(tails[row]), int(length_R[elsewhere].max()), self.longest_second) - 1
            length = self.spec.least + int(draw["length"][row] * (most - self.spec.least + 1))
            is_real = draw["real"][row] < 0.5
            strangers = np.flatnonzero(elsewhere & (length_R > length))
            taken = row if is_real else rows[strangers[int(draw["stranger"][row] * len(strangers))]]
            framed, kinds = self._frame(texts[row][: cut_R[row]], tails[taken][:length])
            ids.append(framed), types.append(kinds), kept.append(row), real.append(is_real)
        return self._batch(batch, ids, types, kept, real)

    def _frame(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the framed pair; a first part that leaves no room loses its beginning."""
        over = 0 if self.longest is None else max(0, len(first) + len(second) + 3 - self.longest)
        return self.tokenizer.add_special_tokens(first[over:], second)

    @staticmethod
    def _batch(batch: TokenBatch, ids: list, types: list, kept: list[int], real: list[bool]) -> TokenBatch:
        empty = [np.zeros(0, np.int64)]
        index = torch.tensor(kept, dtype=torch.int64)
        return replace(
            batch,
            ids_N=torch.from_numpy(np.concatenate(ids or empty)),
            segment_ids_N=torch.from_numpy(np.concatenate(types or empty)),
            lengths_B=torch.tensor([len(one) for one in ids], dtype=torch.int64),
            sample_B=batch.sample_B[index],
            document_B=None if batch.document_B is None else batch.document_B[index],
            extra={**batch.extra, "real_B": torch.tensor(real, dtype=torch.float32)},
        )

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`; parts: `next_right`, the share of pairs told apart."""
        if not batch.size:
            return Loss.of(self.output.weight.sum() * 0.0, 0)
        return self.score(backbone(batch), batch)

    def score(self, features: Features, batch: TokenBatch) -> Loss:
        """Return the loss of the features of framed pairs; see `forward`."""
        real_B = batch.extra["real_B"]
        kinds_BT = batch.padded(batch.segment_ids_N, -1, features.mask_BT)
        one_BD, two_BD = (_mean(features.last_BTD, kinds_BT == kind) for kind in (0, 1))
        compared = torch.cat([one_BD * two_BD, (one_BD - two_BD).abs()], dim=-1)
        logit_B = self.output(torch.tanh(self.pooler(compared))).squeeze(-1).float()
        total = F.binary_cross_entropy_with_logits(logit_B, real_B, reduction="sum")
        right = ((logit_B > 0) == (real_B > 0.5)).float().mean()
        return Loss.of(total, real_B.numel(), {"next_right": right})


def _mean(states_BTD: Tensor, chosen_BT: Tensor) -> Tensor:
    """Return the mean state over the chosen tokens [B, D]."""
    weight_BT1 = chosen_BT.to(states_BTD.dtype)[:, :, None]
    return (states_BTD * weight_BT1).sum(1) / weight_BT1.sum(1).clamp_min(1.0)
