"""Supervised training as an objective and a source of batches, so that the one training loop fits task models too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core.batch import Batch, ImageBatch
from headstart.core.contracts import Backbone, Head, Loss, Objective, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor, Tokenizer
from headstart.core.reason import Reason
from headstart.core.seeds import KeyedRandom, numpy_generator
from headstart.core.spec import HeadSpec
from headstart.data.batches import EpochBatches, by_length, sort_within_pools
from headstart.data.encode_examples import encode_examples
from headstart.fitting.mixup import cut_in, draw_cuts, draw_partners, mix, mixed_loss
from headstart.fitting.regularisation import Regularisation
from headstart.images.policy import apply_changes, draw_changes
from headstart.training.pretrained_model import PretrainedModel

_POOL = 16  # batches whose pieces are sorted by length together
_TOKENS = 8_192  # padded tokens of a batch in prediction
_PLAIN = Regularisation()


def encode_for_head(spec: HeadSpec, pretrained: PretrainedModel, examples: Examples) -> Pieces:
    """Return the examples as encoded pieces that fit the network of the pretrained model, as the head wants them."""
    return encode_examples(
        pretrained.processor, examples, longest=pretrained.backbone.max_tokens, spans=spec.spans, overlap=spec.overlap
    )


def weights_of(examples: Examples, pieces: Pieces, chosen: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Return how much each piece counts, `weight_B` (see `by_weight`), mean 1 over the chosen rows; {}: all alike."""
    if examples.weights is None:
        return {}
    weight_P = (examples.weight_N / examples.weight_N[chosen].mean())[pieces.owner_P].astype(np.float32)
    return {"weight_B": np.split(weight_P, len(weight_P))}


@torch.no_grad()
def head_outputs(pretrained: PretrainedModel, head: Head, pieces: Pieces) -> list[np.ndarray]:
    """Return the head's raw outputs for each of the P pieces."""
    pretrained.backbone.eval()
    head.eval()
    device = next(pretrained.backbone.parameters()).device
    unlabelled = LabelledPieces(pieces, {}, pretrained.processor)
    outputs: list[np.ndarray] = [np.zeros(0)] * len(pieces.inputs)
    for places in by_length(unlabelled.cost_P, _TOKENS):
        batch = unlabelled.batch(places).to(device)
        for place, output in zip(places, head.outputs(pretrained.backbone, batch)):
            outputs[place] = output
    return outputs


class Supervised(Objective):
    """The loss of a head, with `regularisation`; processor: needed for word dropout."""

    def __init__(self, head: Head, regularisation: Regularisation = _PLAIN, processor: Processor | None = None):
        super().__init__()
        self.head, self.regularisation = head, regularisation
        self.compares_samples = head.compares_samples or bool(regularisation.mixup or regularisation.augment.cutmix)
        self._noise_id, self._kept_ids = -1, []
        if regularisation.word_dropout:
            self._noise_id, self._kept_ids = _noise_id(processor), sorted(processor.special_ids)
        if regularisation.label_smoothing and head.smoothing is None:
            raise HeadstartError(
                Reason(
                    "smooths_no_class",
                    "label_smoothing={value}: head {head} chooses no class",
                    value=regularisation.label_smoothing,
                    head=head.spec.name,
                )
            )
        if self._on_top and type(head).score is not Head.score:
            raise HeadstartError(
                Reason(
                    "no_top_layer",
                    "dropout, mixup, cutmix: head {head} has no one layer on top of the network",
                    head=head.spec.name,
                )
            )
        if head.smoothing is not None:
            head.smoothing = regularisation.label_smoothing

    @property
    def _on_top(self) -> bool:
        """Whether something is done to the input of the last layer, or to targets."""
        return bool(self.regularisation.dropout or self.regularisation.mixup or self.regularisation.augment.cutmix)

    def corrupt(self, batch: Batch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True) -> Batch:
        """Return the batch unchanged, or in training with hidden tokens (word dropout), partners (mixup), and what is
        drawn for the changes of images (`augment`)."""
        if not training:
            return batch
        if self.regularisation.word_dropout:
            sample_N = batch.sample_B[batch.row_N()].numpy()
            hit_N = (
                random.uniform("word dropout", sample_N, batch.position_N().numpy()) < self.regularisation.word_dropout
            )
            hit_N &= ~np.isin(batch.ids_N.numpy(), self._kept_ids)
            batch = replace(batch, ids_N=batch.ids_N.masked_fill(torch.from_numpy(hit_N), self._noise_id))
        if self.regularisation.mixup and batch.size:
            if loose := [name for name in batch.extra if not name.endswith("_B")]:
                raise HeadstartError(
                    Reason(
                        "mixes_samples",
                        "mixup={value}: mixes whole samples, and head {head} has targets for tokens ({targets})",
                        value=self.regularisation.mixup,
                        head=self.head.spec.name,
                        targets=loose[0],
                    )
                )
            batch = draw_partners(batch, random, self.regularisation.mixup)
        if isinstance(batch, ImageBatch) and batch.size:
            batch = draw_changes(self.regularisation.augment, random, batch)
            batch = draw_cuts(batch, random, self.regularisation.augment.cutmix)
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Return the loss of the head; for mixed samples the weighted mean of the losses for both targets."""
        if self.training:
            _keep_statistics(backbone)
        if self.training and isinstance(batch, ImageBatch):
            batch = cut_in(apply_changes(self.regularisation.augment, batch))
        if not self.training or not self._on_top:
            return self.head.score(backbone, batch)
        layer = [module for module in self.head.modules() if isinstance(module, nn.Linear)][-1]
        hook = layer.register_forward_pre_hook(lambda _, given: (self._changed(given[0], batch),))
        try:
            output = self.head(backbone(batch))
        finally:
            hook.remove()
        return mixed_loss(lambda given: self.head.loss(output, given), batch)

    def _changed(self, given: Tensor, batch: Batch) -> Tensor:
        """Return the input of the last layer after mixup and dropout."""
        return F.dropout(mix(given, batch), self.regularisation.dropout)


def _keep_statistics(backbone: Backbone) -> None:
    """Let batch norms of frozen layers compute with the statistics that they have, and keep these."""
    for module in backbone.modules():
        if isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad:
            module.eval()


def _noise_id(tokenizer: Processor | None) -> int:
    """Return the id that replaces a hidden token: mask, unknown, or padding (which a bag of n-grams ignores).

    Raises HeadstartError: there is no such token, or there are no tokens.
    """
    if not isinstance(tokenizer, Tokenizer):
        raise HeadstartError(
            Reason(
                "hides_no_pixels", "word_dropout: it hides tokens, and this network reads pixels; set word_dropout=0"
            )
        )
    for token_id in (tokenizer.mask_id, tokenizer.unk_id, tokenizer.pad_id):
        if token_id >= 0:
            return token_id
    raise HeadstartError(
        Reason(
            "no_hiding_token",
            "word_dropout: tokenizer {tokenizer} has no token that could stand for a hidden one",
            tokenizer=tokenizer.kind,
        )
    )


class LabelledPieces:
    """Batches of encoded pieces with their targets. targets: from `Head.targets`; cost_P: see `Processor.cost`."""

    def __init__(self, pieces: Pieces, targets: dict[str, list[np.ndarray]], processor: Processor):
        self.pieces, self.targets, self.processor = pieces, targets, processor
        self.cost_P = np.array([processor.cost(piece) for piece in pieces.inputs], dtype=np.int64)

    def batch(self, places: np.ndarray, epoch: int = 0) -> Batch:
        """Return the batch of the pieces at these positions, with their targets in `extra`."""

        def joined(parts: list[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.concatenate([parts[place] for place in places]))

        batch = self.processor.collate([self.pieces.inputs[place] for place in places], samples=places, epoch=epoch)
        more: dict[str, Any] = {"extra": {name: joined(parts) for name, parts in self.targets.items()}}
        if self.pieces.segment_ids is not None:
            more["segment_ids_N"] = joined(self.pieces.segment_ids)
        return replace(batch, **more)

    def batches(self, places: np.ndarray) -> list[Batch]:
        """Return the pieces at these positions as batches that suit an evaluation."""
        return [self.batch(places[some]) for some in by_length(self.cost_P[places], _TOKENS)]


class LabelledBatches(EpochBatches):
    """Batches of about `size` pieces of similar length; every epoch holds every piece once.

    The composition of the batches is a function of (seed, epoch). Pieces are sorted within pools of 16 batches only, so
    that batches stay random.
    """

    def __init__(self, labelled: LabelledPieces, chosen: np.ndarray, *, size: int, seed: int):
        super().__init__(seed)
        self.labelled, self.chosen = labelled, chosen
        self.per_epoch = max(1, -(-len(chosen) // size))
        self.units_per_epoch = int(labelled.cost_P[chosen].sum())

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Return the pieces of each batch."""
        random = numpy_generator(self.seed, "rows", epoch)
        order = self.chosen[random.permutation(len(self.chosen))]
        order = sort_within_pools(order, self.labelled.cost_P, self.per_epoch // _POOL)
        batches = np.array_split(order, self.per_epoch)
        return [batches[index] for index in random.permutation(self.per_epoch)]

    def batch(self, plan: list[np.ndarray], index: int, epoch: int) -> Batch:
        """See `EpochBatches.batch`."""
        return self.labelled.batch(plan[index], epoch)
