"""Labelled training as an objective and a batch source, so that the one training loop fits task models too."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Head, Loss, Objective, Rows, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import KeyedRandom, numpy_generator
from headstart.base.spec import HeadSpec
from headstart.data.framing import frame_rows
from headstart.routes.craft import Craft
from headstart.training.artefact import Artefact, by_length

_POOL = 16  # batches whose rows are sorted by length together
_TOKENS = 8_192  # padded tokens of a batch in prediction
_PLAIN = Craft()


def frame_for(spec: HeadSpec, artefact: Artefact, examples: Examples) -> Rows:
    """Return the examples as framed pieces that fit the artefact's network, as the head wants them."""
    return frame_rows(
        artefact.tokenizer, examples, longest=artefact.backbone.max_tokens, spans=spec.spans, overlap=spec.overlap
    )


@torch.no_grad()
def predict(artefact: Artefact, head: Head, rows: Rows) -> list[np.ndarray]:
    """Return the head's raw outputs for each of the R pieces."""
    artefact.backbone.eval()
    head.eval()
    device = next(artefact.backbone.parameters()).device
    framed = LabelledRows(rows, {})
    outputs: list[np.ndarray] = [np.zeros(0)] * len(rows.ids)
    for pieces in by_length(framed.lengths_R, _TOKENS):
        for piece, output in zip(pieces, head.outputs(artefact.backbone, framed.batch(pieces).to(device))):
            outputs[piece] = output
    return outputs


class Supervised(Objective):
    """Learn what `head` asks, by plain loss or with some craft; tokenizer: needed to hide tokens."""

    def __init__(self, head: Head, craft: Craft = _PLAIN, tokenizer: Tokenizer | None = None):
        super().__init__()
        self.head, self.craft = head, craft
        self._noise_id = _noise_id(tokenizer) if craft.word_dropout else -1
        self._kept_ids = sorted(tokenizer.special_ids) if craft.word_dropout else []
        if craft.label_smoothing and head.smoothing is None:
            raise HeadstartError(f"label_smoothing={craft.label_smoothing}: head {head.spec.name} chooses no class")
        if (craft.dropout or craft.mixup) and type(head).score is not Head.score:
            raise HeadstartError(f"dropout, mixup: head {head.spec.name} has no one layer on top of the network")
        if head.smoothing is not None:
            head.smoothing = craft.label_smoothing

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch as it is, or in training with hidden tokens and who is mixed with whom.

        extra gets `partner_B`, the row that each one is mixed with, and `share_1`, what it keeps of itself.
        """
        if not self.training:
            return batch
        if self.craft.word_dropout:
            sample_N = batch.sample_B[batch.row_N()].numpy()
            hit_N = random.uniform("word dropout", sample_N, batch.position_N().numpy()) < self.craft.word_dropout
            hit_N &= ~np.isin(batch.ids_N.numpy(), self._kept_ids)
            batch = replace(batch, ids_N=batch.ids_N.masked_fill(torch.from_numpy(hit_N), self._noise_id))
        if self.craft.mixup and batch.size:
            if loose := [name for name in batch.extra if not name.endswith("_B")]:
                raise HeadstartError(
                    f"mixup={self.craft.mixup}: mixes whole rows, and head {self.head.spec.name} has targets for "
                    f"tokens ({loose[0]})"
                )
            sample_B = batch.sample_B.numpy()
            partner_B = np.argsort(random.uniform("partner", sample_B), kind="stable")
            share_1 = betaincinv(self.craft.mixup, self.craft.mixup, random.uniform("share", sample_B[:1]))
            mix = {"partner_B": torch.from_numpy(partner_B), "share_1": torch.from_numpy(share_1)}
            batch = replace(batch, extra=batch.extra | mix)
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Return the head's loss; of mixed rows the mean of that for either target, by its share."""
        if not self.training or not (self.craft.dropout or self.craft.mixup):
            return self.head.score(backbone, batch)
        layer = [module for module in self.head.modules() if isinstance(module, nn.Linear)][-1]
        hook = layer.register_forward_pre_hook(lambda _, given: (self._changed(given[0], batch),))
        try:
            output = self.head(backbone(batch))
        finally:
            hook.remove()
        loss = self.head.loss(output, batch)
        if "partner_B" not in batch.extra:
            return loss
        partner_B, share = batch.extra["partner_B"], float(batch.extra["share_1"])
        swapped = {name: value[partner_B] for name, value in batch.extra.items() if name.endswith("_B")}
        other = self.head.loss(output, replace(batch, extra=swapped))
        return Loss(share * loss.total + (1 - share) * other.total, loss.count, loss.parts)

    def _changed(self, given: Tensor, batch: Batch) -> Tensor:
        """Return the last layer's input, mixed by rows, with zeros."""
        if "partner_B" in batch.extra:
            share = float(batch.extra["share_1"])
            given = share * given + (1 - share) * given[batch.extra["partner_B"]]
        return F.dropout(given, self.craft.dropout)


def _noise_id(tokenizer: Tokenizer) -> int:
    """Return what stands for a hidden token: mask, unknown, or padding, which a bag of n-grams leaves out."""
    for token_id in (tokenizer.mask_id, tokenizer.unk_id, tokenizer.pad_id):
        if token_id >= 0:
            return token_id
    raise HeadstartError(f"word_dropout: tokenizer {tokenizer.kind} has no token that could stand for a hidden one")


class LabelledRows:
    """Framed pieces with what a head learns from them, as batches. targets: of `Head.targets`."""

    def __init__(self, rows: Rows, targets: dict[str, list[np.ndarray]]):
        self.rows, self.targets = rows, targets
        self.lengths_R = np.array([len(ids) for ids in rows.ids], dtype=np.int64)

    def batch(self, pieces: np.ndarray, epoch: int = 0) -> Batch:
        """Return the batch of the pieces at these positions, with their targets in `extra`."""

        def joined(parts: list[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.concatenate([parts[piece] for piece in pieces]))

        return Batch(
            ids_N=joined(self.rows.ids),
            lengths_B=torch.from_numpy(self.lengths_R[pieces]),
            sample_B=torch.from_numpy(np.asarray(pieces, dtype=np.int64)),
            epoch=epoch,
            types_N=None if self.rows.types is None else joined(self.rows.types),
            extra={name: joined(parts) for name, parts in self.targets.items()},
        )

    def batches(self, pieces: np.ndarray) -> list[Batch]:
        """Return these pieces as batches that suit an evaluation."""
        return [self.batch(pieces[some]) for some in by_length(self.lengths_R[pieces], _TOKENS)]


class LabelledBatches:
    """`at(number)`: batches of about `size` pieces, every epoch every piece once; those of like length go together.

    Which pieces meet is a function of (seed, epoch); sorting is within pools of 16 batches, so that it stays random.
    """

    def __init__(self, rows: LabelledRows, chosen: np.ndarray, *, size: int, seed: int):
        self.rows, self.chosen, self.seed = rows, chosen, seed
        self.per_epoch = max(1, -(-len(chosen) // size))
        self._plan = lru_cache(maxsize=2)(self._make_plan)

    def _make_plan(self, epoch: int) -> list[np.ndarray]:
        random = numpy_generator(self.seed, "rows", epoch)
        order = self.chosen[random.permutation(len(self.chosen))]
        pools = np.array_split(order, max(1, self.per_epoch // _POOL))
        order = np.concatenate([pool[np.argsort(self.rows.lengths_R[pool], kind="stable")] for pool in pools])
        batches = np.array_split(order, self.per_epoch)
        return [batches[index] for index in random.permutation(self.per_epoch)]

    def at(self, number: int) -> Batch:
        """Return batch `number`, counted over all epochs."""
        epoch, index = divmod(number, self.per_epoch)
        return self.rows.batch(self._plan(epoch)[index], epoch)
