"""What a network is given at once: `TokenBatch`, ragged token ids without padding, or `ImageBatch`, pixels.

Shape legend used everywhere: N tokens in the batch, B samples, T longest sample, D width, V vocabulary, C classes;
for images C channels, H height, W width.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

import torch
from torch import Tensor

from headstart.core.errors import HeadstartError


@dataclass(frozen=True, kw_only=True)
class Batch(ABC):
    """What every batch has, whatever its samples are.

    sample_B: int64 sample ids in the corpus (keys of corruption and augmentation). epoch: how often the corpus was
    seen. extra: what an objective's `corrupt` or a head's targets add, by name. unit: what speed is counted in.
    """

    sample_B: Tensor
    epoch: int = 0
    extra: dict[str, Tensor] = field(default_factory=dict)
    unit: ClassVar[str] = "samples"

    @property
    def size(self) -> int:
        """B, the number of samples."""
        return self.sample_B.numel()

    @property
    @abstractmethod
    def units(self) -> int:
        """How many units (tokens, images) the batch holds: what speed and the size of a corpus are counted in."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the tensors are."""

    @property
    def pictures(self) -> dict[str, Tensor]:
        """The samples as pictures for a reader, uint8 [B, C, H, W] by what they are called; {}: they are no images."""
        return {}

    def costs(self) -> Tensor:
        """Return what each sample costs a network, int64 [B]: its tokens; one where samples cost the same."""
        return torch.ones(self.size, dtype=torch.int64)

    def rows(self, row_R: Tensor) -> Self:
        """Return the batch of the samples at these places, int64 [R] in rising order, on the CPU.

        In `extra`, what is called `..._B` (or `_BK` and the like) has a row per sample, `..._N` one per token. Raises
        HeadstartError: something else is in it; this kind of batch cannot be shared out.
        """
        raise HeadstartError(f"several processes: a {type(self).__name__} cannot be shared out; let it define `rows`")

    def to(self, device: torch.device) -> Self:
        """Return the batch with every tensor on `device`."""
        return dataclasses.replace(
            self, **{f.name: _moved(getattr(self, f.name), device) for f in dataclasses.fields(self)}
        )


def _moved(value, device: torch.device):
    """Return a field of a batch with its tensors on `device`; copies from pinned memory do not wait."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Batch):
        return value.to(device)
    if isinstance(value, dict):
        return {name: _moved(item, device) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_moved(item, device) for item in value)
    return value


def _axis(name: str) -> str:
    """Return the first axis of a tensor of `extra` by its name. Raises HeadstartError: neither samples nor tokens."""
    axis = name.rpartition("_")[2][:1]
    if axis not in ("B", "N") or "_" not in name:
        raise HeadstartError(
            f"several processes: '{name}' of the objective's corrupted batch cannot be shared out; call it {name}_B "
            f"(a row per sample) or {name}_N (per token), or let the objective define `share`"
        )
    return axis


@dataclass(frozen=True, kw_only=True)
class TokenBatch(Batch):
    """Ragged samples of tokens, so that no backbone pays for another's padding.

    ids_N: int64 token ids of all samples, one after the other. lengths_B: int64 tokens of each sample (sum = N).
    document_B: int64 document that each sample is cut from, or None when every sample is a document of its own.
    segment_ids_N: int64 segment (0 or 1) of each token for pairs, or None.
    causal: tokens must not see those after them, also in a network that reads both ways. target: what a decoder writes
    for these samples, for encoder-decoders, or None. continues: the samples go on where those of the batch before ended
    (streams of text); carry: what the network remembers of the earlier parts, first axis B; () at a start.
    """

    ids_N: Tensor
    lengths_B: Tensor
    document_B: Tensor | None = None
    segment_ids_N: Tensor | None = None
    causal: bool = False
    target: TokenBatch | None = None
    continues: bool = False
    carry: tuple[Tensor, ...] = ()
    unit: ClassVar[str] = "tokens"

    @property
    def size(self) -> int:
        """B, the number of samples."""
        return self.lengths_B.numel()

    @property
    def units(self) -> int:
        """N, the number of tokens."""
        return self.ids_N.numel()

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.ids_N.device

    def costs(self) -> Tensor:
        """The tokens of each sample."""
        return self.lengths_B

    def rows(self, row_R: Tensor) -> Self:
        """See `Batch.rows`; what is remembered (`carry`) is left out."""
        chosen_B = torch.zeros(self.size, dtype=torch.bool)
        chosen_B[row_R] = True
        place_N = chosen_B.repeat_interleave(self.lengths_B).nonzero()[:, 0]
        places = {"B": row_R, "N": place_N}
        return dataclasses.replace(
            self,
            ids_N=self.ids_N[place_N],
            lengths_B=self.lengths_B[row_R],
            sample_B=self.sample_B[row_R],
            document_B=None if self.document_B is None else self.document_B[row_R],
            segment_ids_N=None if self.segment_ids_N is None else self.segment_ids_N[place_N],
            target=None if self.target is None else self.target.rows(row_R),
            extra={name: value[places[_axis(name)]] for name, value in self.extra.items()},
            carry=(),
        )

    def row_N(self) -> Tensor:
        """The sample (0..B-1) that each token belongs to, int64 [N]."""
        return torch.repeat_interleave(torch.arange(self.size, device=self.ids_N.device), self.lengths_B)

    def position_N(self) -> Tensor:
        """The position of each token within its sample, int64 [N]."""
        starts_B = self.lengths_B.cumsum(0) - self.lengths_B
        return torch.arange(self.units, device=self.ids_N.device) - starts_B.repeat_interleave(self.lengths_B)

    def mask_BT(self) -> Tensor:
        """True where a padded [B, T] view holds a token; `padded[mask_BT]` is in the order of `ids_N`."""
        longest = int(self.lengths_B.max()) if self.size else 0
        return torch.arange(longest, device=self.ids_N.device)[None, :] < self.lengths_B[:, None]

    def padded(self, values_N: Tensor, fill: int, mask_BT: Tensor) -> Tensor:
        """Lay ragged `values_N` [N] out as [B, T] with `fill` where there is no token."""
        out = values_N.new_full(mask_BT.shape, fill)
        out[mask_BT] = values_N
        return out

    def next_ids_N(self) -> Tensor:
        """Return the token that follows each token in its sample, int64 [N]; -1 where none does.

        In running text `extra["next_B"]` is the token that follows each sample.
        """
        target_N = self.ids_N.roll(-1)
        filled_B = self.lengths_B > 0
        last_B = self.lengths_B.cumsum(0)[filled_B] - 1  # flat position of the last token of each filled sample
        target_N[last_B] = self.extra["next_B"][filled_B] if "next_B" in self.extra else -1
        return target_N

    def previous_ids_N(self) -> Tensor:
        """Return the token that precedes each token in its sample, int64 [N]; -1 where none does."""
        target_N = self.ids_N.roll(1)
        first_B = (self.lengths_B.cumsum(0) - self.lengths_B)[self.lengths_B > 0]
        target_N[first_B] = -1
        return target_N


@dataclass(frozen=True, kw_only=True)
class PaddedBatch(TokenBatch):
    """Samples that lie padded, [B, T], for graphs with symbols in the place of sizes: no size depends on a value.

    mask_BT: True where there is a token, tokens first. ids_N: all B T ids, those of the padding too, in this order, as
    everything else that is called `_N`; lengths_B: tokens of each sample. filled: there is no padding at all.
    """

    real_BT: Tensor
    filled: bool = False

    @classmethod
    def of(cls, ids_BT: Tensor, real_BT: Tensor, segment_ids_BT: Tensor | None = None, *, filled: bool = False) -> Self:
        """Return the batch of int64 ids [B, T]; real_BT: bool [B, T], see `mask_BT`."""
        return cls(
            filled=filled,
            ids_N=ids_BT.flatten(),
            lengths_B=real_BT.sum(1),
            sample_B=torch.arange(ids_BT.shape[0], device=ids_BT.device),
            segment_ids_N=None if segment_ids_BT is None else segment_ids_BT.flatten(),
            real_BT=real_BT,
        )

    @property
    def size(self) -> int:
        """B, the number of samples."""
        return self.real_BT.shape[0]

    def row_N(self) -> Tensor:
        """See `TokenBatch.row_N`."""
        return torch.arange(self.size, device=self.device)[:, None].expand(self.real_BT.shape).flatten()

    def position_N(self) -> Tensor:
        """See `TokenBatch.position_N`."""
        return torch.arange(self.real_BT.shape[1], device=self.device)[None].expand(self.real_BT.shape).flatten()

    def mask_BT(self) -> Tensor:
        """True where there is a token."""
        return self.real_BT

    def padded(self, values_N: Tensor, fill: int, mask_BT: Tensor) -> Tensor:
        """Return `values_N` [N] as [B, T], `fill` in the place of padding."""
        return values_N.view(self.real_BT.shape).masked_fill(~self.real_BT, fill)


@dataclass(frozen=True, kw_only=True)
class ImageBatch(Batch):
    """Images of one size. pixels_BCHW: uint8, or float32 from 0 to 1 where an objective has changed them.

    extra["visible_BV"]: int64 numbers, row by row from 0, of the V patches that a network of patches is to read; where
    it is there, the others are not.
    Channel statistics are applied on the device, by the network (`nn/standardise.py`).
    """

    pixels_BCHW: Tensor
    unit: ClassVar[str] = "images"

    @property
    def units(self) -> int:
        """B, the number of images."""
        return self.pixels_BCHW.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.pixels_BCHW.device

    def rows(self, row_R: Tensor) -> Self:
        """See `Batch.rows`."""
        extra = {name: value[row_R] for name, value in self.extra.items() if _axis(name) == "B"}
        return dataclasses.replace(
            self, pixels_BCHW=self.pixels_BCHW[row_R], sample_B=self.sample_B[row_R], extra=extra
        )

    @property
    def pictures(self) -> dict[str, Tensor]:
        """The pixels as they are in the batch."""
        return {"image": eight_bits(self.pixels_BCHW)}


def eight_bits(pixels: Tensor) -> Tensor:
    """Return pixels as uint8; floating-point ones are from 0 to 1."""
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8) if pixels.is_floating_point() else pixels


def make_batch(documents: list, *, samples: list[int] | None = None, epoch: int = 0) -> TokenBatch:
    """Build a token batch from integer sequences, one per sample; sample ids count from 0 unless given."""
    tensors = [torch.as_tensor(document, dtype=torch.int64) for document in documents]
    return TokenBatch(
        ids_N=torch.cat(tensors) if tensors else torch.zeros(0, dtype=torch.int64),
        lengths_B=torch.tensor([len(t) for t in tensors], dtype=torch.int64),
        sample_B=torch.tensor(samples if samples is not None else range(len(tensors)), dtype=torch.int64),
        epoch=epoch,
    )
