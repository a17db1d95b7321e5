"""Which parts of a run fit together: by tokens or pixels, and by what a token output has read (`Backbone.reads`)."""

from __future__ import annotations

from headstart.core import registry
from headstart.core.contracts import Backbone, Objective
from headstart.core.errors import HeadstartError
from headstart.core.item_nouns import some_items
from headstart.core.processor import Processor
from headstart.core.reason import Reason
from headstart.core.spec import BackboneSpec, ObjectiveSpec, ProcessorSpec

_SAID = {
    "bidirectional": "whose token outputs see the whole sample (modernbert, bert ...)",
    "causal": "that reads from left to right (gpt2, llama, lstm ...)",
    "two_causal": "that reads in each direction apart (elmo)",
    "encoder_decoder": "that encodes and decodes (t5, transformer ...)",
    "token": "of static word vectors (word_vectors)",
    "document": "of document vectors (ngram_bag)",
}


def need_items(processor: ProcessorSpec, held: str, source: str) -> None:
    """Raise HeadstartError when a corpus holds texts (`held`) and the processor takes images, or the other way round.

    source: what the corpus is called.
    """
    if held != processor.takes:
        able = ", ".join(registry.fitting("processor", takes=held)) or "none"
        raise HeadstartError(
            f"{source}: it holds {some_items(held)}, and processor {processor.name} takes "
            f"{some_items(processor.takes)}; processors that take {some_items(held)}: {able}"
        )


def need_batch(processor: ProcessorSpec, backbone: BackboneSpec, objective: ObjectiveSpec) -> None:
    """Raise HeadstartError, with what would fit, when network or objective read no batches of the processor's kind."""
    kind = processor.gives
    for axis, part, reads in (("backbone", backbone, (backbone.batch,)), ("objective", objective, objective.batch)):
        if kind not in reads:
            able = ", ".join(registry.fitting(axis, batch=kind)) or "none"
            raise HeadstartError(
                f"{axis} {part.name} reads {' or '.join(reads)}, and processor {processor.name} gives {kind}; "
                f"{axis}s that read {kind}: {able}"
            )


def need_reads(spec: ObjectiveSpec, backbone: Backbone) -> None:
    """Raise HeadstartError, with what would fit, when `backbone` is not of a kind that `spec` can train."""
    if backbone.reads not in spec.reads:
        raise HeadstartError(
            Reason(
                "objective_reads",
                "objective {objective} needs a backbone {wanted:or one}; this is one {this}",
                objective=spec.name,
                wanted=tuple(_SAID[kind] for kind in spec.reads),
                this=_SAID[backbone.reads],
                reads=tuple(spec.reads),
                given=backbone.reads,
            )
        )


def build_objective(spec: ObjectiveSpec, backbone: Backbone, processor: Processor) -> Objective:
    """Return the objective of `spec`, which need not look at how `backbone` reads. Raises HeadstartError, as above."""
    need_reads(spec, backbone)
    return spec.build(backbone, processor)
