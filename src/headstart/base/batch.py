"""The one batch type of text: ragged token ids, so that no backbone pays for another's padding.

Shape legend used everywhere: N tokens in the batch, B samples, T longest sample, D width, V vocabulary, C classes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """A ragged batch.

    ids_N: int64 token ids of all samples, one after the other. lengths_B: int64 tokens of each sample (sum = N).
    sample_B: int64 sample ids in the corpus (keys of the corruption randomness). epoch: how often the corpus was seen.
    document_B: int64 document that each sample is cut from, or None when every sample is a document of its own.
    types_N: int64 segment (0 or 1) of each token for pairs, or None. extra: what an objective's `corrupt` adds.
    causal: tokens must not see those after them, also in a network that reads both ways. target: what a decoder writes
    for these samples, for encoder-decoders, or None. continues: the samples go on where those of the batch before ended
    (streams of text); carry: what the network remembers of the earlier parts, first axis B; () at a start.
    """

    ids_N: Tensor
    lengths_B: Tensor
    sample_B: Tensor
    epoch: int = 0
    document_B: Tensor | None = None
    types_N: Tensor | None = None
    extra: dict[str, Tensor] = field(default_factory=dict)
    causal: bool = False
    target: Batch | None = None
    continues: bool = False
    carry: tuple[Tensor, ...] = ()

    @property
    def size(self) -> int:
        """B, the number of samples."""
        return self.lengths_B.numel()

    @property
    def tokens(self) -> int:
        """N, the number of tokens."""
        return self.ids_N.numel()

    def row_N(self) -> Tensor:
        """The sample (0..B-1) that each token belongs to, int64 [N]."""
        return torch.repeat_interleave(torch.arange(self.size, device=self.ids_N.device), self.lengths_B)

    def position_N(self) -> Tensor:
        """The position of each token within its sample, int64 [N]."""
        starts_B = self.lengths_B.cumsum(0) - self.lengths_B
        return torch.arange(self.tokens, device=self.ids_N.device) - starts_B.repeat_interleave(self.lengths_B)

    def mask_BT(self) -> Tensor:
        """True where a padded [B, T] view holds a token; `padded[mask_BT]` is in the order of `ids_N`."""
        longest = int(self.lengths_B.max()) if self.size else 0
        return torch.arange(longest, device=self.ids_N.device)[None, :] < self.lengths_B[:, None]

    def padded(self, values_N: Tensor, fill: int, mask_BT: Tensor) -> Tensor:
        """Lay ragged `values_N` [N] out as [B, T] with `fill` where there is no token."""
        out = values_N.new_full(mask_BT.shape, fill)
        out[mask_BT] = values_N
        return out

    def to(self, device: torch.device) -> Batch:
        """Return the batch with every tensor on `device`."""
        moved = {
            f.name: value.to(device)
            for f in dataclasses.fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        moved["extra"] = {k: v.to(device) for k, v in self.extra.items()}
        moved["target"] = None if self.target is None else self.target.to(device)
        moved["carry"] = tuple(tensor.to(device) for tensor in self.carry)
        return dataclasses.replace(self, **moved)


def make_batch(documents: list, *, samples: list[int] | None = None, epoch: int = 0) -> Batch:
    """Build a batch from integer sequences, one per sample; sample ids count from 0 unless given."""
    tensors = [torch.as_tensor(document, dtype=torch.int64) for document in documents]
    return Batch(
        ids_N=torch.cat(tensors) if tensors else torch.zeros(0, dtype=torch.int64),
        lengths_B=torch.tensor([len(t) for t in tensors], dtype=torch.int64),
        sample_B=torch.tensor(samples if samples is not None else range(len(tensors)), dtype=torch.int64),
        epoch=epoch,
    )
