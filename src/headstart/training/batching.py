"""The training and held-out batches of a run, and whether there is anything to learn in them."""

from __future__ import annotations

from collections.abc import Callable

from headstart.core.batch import Batch
from headstart.core.contracts import Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.spec import ObjectiveSpec
from headstart.data.batch_settings import BatchSpec
from headstart.data.batches import EpochBatches
from headstart.data.store import HeldOutSplit, Store

_SCORED = 32  # held-out batches, at most: about the time of ten steps; a held-out novel alone may have a thousand


def make_batches(
    wanted: BatchSpec, processor: Processor, store: Store, split: HeldOutSplit, seed: int, note: Callable[[str], None]
) -> tuple[EpochBatches, list[Batch]]:
    """Return (training batches, the held-out batches that are scored) of the two sides of `split`.

    Raises HeadstartError: no data.
    """
    if not len(split.train):
        raise HeadstartError("the corpus has no document with a single token; nothing to train on")
    batches = store.batches(split.train, processor, wanted, seed)
    sizes = f"{len(split.train):,} documents, {batches.units_per_epoch:,} {batches.unit} an epoch"
    note(f"data: {sizes}, {len(split.held_out):,} held out{store.remark(split.train, wanted)}")
    if not len(split.held_out):
        return batches, []
    held_out = store.batches(split.held_out, processor, wanted, seed)
    if held_out.per_epoch > _SCORED:
        note(f"held-out data: {_SCORED} of {held_out.per_epoch:,} batches are scored, the same at every evaluation")
    return batches, held_out.epoch(_SCORED)


def check_usable(spec: ObjectiveSpec, objective: Objective, batches: EpochBatches) -> None:
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
