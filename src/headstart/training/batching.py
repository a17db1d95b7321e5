"""How the tokens of a corpus become batches: the settings, and the two ways (documents apart, running text)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headstart.base.batch import Batch
from headstart.base.contracts import Objective, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.spec import ObjectiveSpec, Spec
from headstart.data.batches import ShardBatches, Source, held_out_batches, make_samples
from headstart.data.continuous import ContinuousBatches
from headstart.data.shards import Shards


@dataclass(frozen=True, kw_only=True)
class BatchSpec(Spec):
    """tokens: per batch; window: longest sample in tokens; bucket: like lengths together; framed: with specials.

    epochs: most passes over the corpus, None = as many as the budget allows. continuous: the documents are running text
    and every batch goes on where the one before ended, in tokens / window streams; for networks that carry a state.
    """

    tokens: int = 4096
    window: int = 126
    bucket: bool = True
    framed: bool = True
    epochs: float | None = None
    continuous: bool = False

    def __post_init__(self) -> None:
        for name in ("tokens", "window"):
            if getattr(self, name) < 1:
                raise HeadstartError(f"batches.{name}={getattr(self, name)}: expected at least 1")
        if self.epochs is not None and not self.epochs > 0:
            raise HeadstartError(f"batches.epochs={self.epochs}: must be larger than 0")

    @classmethod
    def label(cls) -> str:
        """Return what the command line calls it."""
        return "batches"


def make_batches(
    wanted: BatchSpec,
    tokenizer: Tokenizer,
    shards: Shards,
    split: tuple[np.ndarray, np.ndarray],
    seed: int,
    note: Callable[[str], None],
) -> tuple[Source, list[Batch]]:
    """Return (training batches, held-out batches) of the two sides of `split`. Raises HeadstartError: no text."""
    train, held_out = split

    def source(documents: np.ndarray) -> Source:
        if wanted.continuous:
            # In running text the marks are tokens of the window like all others.
            marks = (int(tokenizer.cls_id >= 0) + int(tokenizer.sep_id >= 0)) * wanted.framed
            sizes = {"window": wanted.window + marks, "streams": max(1, wanted.tokens // (wanted.window + marks))}
            return ContinuousBatches(
                shards.ids, shards.offsets, documents, tokenizer, **sizes, seed=seed, framed=wanted.framed
            )
        samples = make_samples(shards.offsets, documents, wanted.window)
        kind = {"bucket": wanted.bucket, "framed": wanted.framed}
        return ShardBatches(shards.ids, samples, tokenizer, tokens=wanted.tokens, seed=seed, **kind)

    if not len(train):
        raise HeadstartError("the corpus has no document with a single token; nothing to train on")
    batches = source(train)
    longer = 0 if wanted.continuous else int((np.diff(shards.offsets)[train] > wanted.window).sum())
    cut = f"; {longer:,} documents longer than {wanted.window} tokens are cut into windows, none is lost"
    sizes = f"{len(train):,} documents, {batches.tokens_per_epoch:,} tokens an epoch, {len(held_out):,} held out"
    note(f"data: {sizes}{cut if longer else ''}")
    return batches, held_out_batches(source(held_out)) if len(held_out) else []


def check_usable(spec: ObjectiveSpec, objective: Objective, batches: Source) -> None:
    """Raise HeadstartError when the objective finds nothing to learn in any sample; looks no further than needed."""
    found, total = 0, 0
    for number in range(batches.per_epoch):
        batch = batches.at(number)
        found, total = found + objective.usable(batch), total + batch.size
        if found >= objective.fewest:
            return
    raise HeadstartError(
        f"nothing to learn: objective {spec.name} can use {found:,} of {total:,} documents; {objective.needs}"
    )
