"""Where a run starts from: random weights, another model on new text, or a teacher; what became of every tensor."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from headstart.core.contracts import Backbone, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor, Tokenizer
from headstart.core.spec import BackboneSpec
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.vocabulary_advice import advise
from headstart.training.vocabulary_extension import extend

_ADVICE_FROM = 2_000  # documents that the vocabulary is judged on
_EXTEND_FROM = 100_000  # documents that new tokens are taken from
_LAYER = re.compile(r"^(.*?\.)(\d+)(\..*)$")


@dataclass(frozen=True)
class Receipt:
    """What became of the tensors of a base: restored (taken over), grown (taken over, with rows for new tokens), fresh
    (ours, random), dropped (the base's, without a place here)."""

    restored: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return one line for people."""
        parts = [f"{len(names)} {kind}" for kind, names in vars(self).items() if names]
        shown = [f"{kind}: {', '.join(vars(self)[kind][:3])}" for kind in ("fresh", "dropped") if vars(self)[kind]]
        return f"tensors: {', '.join(parts)}" + (f" ({'; '.join(shown)})" if shown else "")


def start_processor(
    base: PretrainedModel, documents: Callable[[], Iterable[Any]], new: int, note: Callable[[str], None]
) -> tuple[Processor, dict[int, list[int]]]:
    """Return the base's processor, with `new` more tokens of the new text, and the pieces each of those was before.

    Raises HeadstartError: new tokens for a processor of images.
    """
    if base.processor.takes != "text":
        if new:
            raise HeadstartError(f"extend={new}: processor {base.processor.kind} has no tokens of text to add to")
        return base.processor, {}
    note(f"tokenizer of {base.name}: {_fit(base.processor, documents)}")
    if not new:
        return base.processor, {}
    found = extend(base.processor, islice(documents(), _EXTEND_FROM), new)
    note(f"with {len(found.pieces):,} new tokens: {_fit(found.tokenizer, documents)}")
    return found.tokenizer, found.pieces


def _fit(tokenizer: Tokenizer, documents: Callable[[], Iterable[str]]) -> str:
    """Return in one line how well the tokenizer fits the documents."""
    try:
        found = advise(tokenizer, islice(documents(), _ADVICE_FROM))
    except HeadstartError as error:
        return f"not judged ({error})"
    again = "" if found.ratio is None else f" ({found.ratio:.2f} times those of a tokenizer trained on this text)"
    doing = {"keep": "keep it", "extend": "extend=2000 would add tokens", "new": "a new one would serve better"}
    return (
        f"{found.fertility:.2f} tokens per word{again}, {found.unknown_words:.1%} of words with an unknown piece; "
        f"advice: {doing[found.verdict]}"
    )


def take_over(
    base: PretrainedModel, backbone: Backbone, objective: Objective, name: str, pieces: Mapping[int, list[int]]
) -> Receipt:
    """Give `backbone` and `objective` (the choice `name`) the weights of `base` and return what became of each.

    A tensor with a row per token grows: a new token starts as the mean of the pieces it was written with before. The
    objective's weights are taken over when the base was trained by the same one, or by one with the same tensors.
    """
    rows = base.backbone.vocabulary
    receipt = _fill("backbone", backbone, base.backbone.state_dict(), pieces, rows)
    theirs = {} if base.objective is None else base.objective.state_dict()
    like = base.objective is not None and set(theirs) == set(objective.state_dict())
    if base.objective_spec is None or (base.objective_spec.name != name and not like):
        lost = [f"objective.{key}" for key in theirs]
        fresh = [f"objective.{key}" for key in objective.state_dict()]
        return dataclasses.replace(receipt, fresh=receipt.fresh + fresh, dropped=receipt.dropped + lost)
    other = _fill("objective", objective, theirs, pieces, rows)
    return Receipt(*(getattr(receipt, f.name) + getattr(other, f.name) for f in dataclasses.fields(Receipt)))


def default_objective(base: PretrainedModel) -> str:
    """Return what a run from `base` trains by unless it is told: what the base was trained by, or what is usual for it.

    Raises HeadstartError when nothing fits its network.
    """
    if base.objective_spec is not None and not base.objective_spec.teacher:
        return base.objective_spec.name
    if base.processor.gives == "pixels":
        return "views"
    if base.pooling:  # a sentence encoder: its vectors are what it is for
        return "halves"
    default = {
        "bidirectional": "mlm",
        "causal": "causal",
        "two_causal": "bilm",
        "encoder_decoder": "span",
        "token": "skipgram",
        "document": "halves",
    }
    return default[base.backbone.reads]


def student_spec(teacher: PretrainedModel) -> BackboneSpec:
    """Return the teacher's wiring with half of its layers (DistilBERT, Sanh et al. 2019, section 3)."""
    depth = teacher.backbone_spec.to_dict().get("depth", 0)
    if depth < 2:
        raise HeadstartError(f"{teacher.name}: a teacher needs at least 2 layers, this one has {depth}")
    return dataclasses.replace(teacher.backbone_spec, depth=depth // 2)


def take_layers(teacher: PretrainedModel, student: Backbone) -> Receipt:
    """Start the student from every other layer of its teacher, the first included, and from all that is no layer."""
    theirs = teacher.backbone.state_dict()
    step = teacher.backbone.depth // student.depth
    chosen = {}
    for name in student.state_dict():
        layer = _LAYER.match(name)
        source = f"{layer[1]}{int(layer[2]) * step}{layer[3]}" if layer else name
        if source in theirs:
            chosen[name] = theirs[source]
    return _fill("backbone", student, chosen, {}, teacher.backbone.vocabulary)


def _fill(
    part: str, module: nn.Module, theirs: Mapping[str, Tensor], pieces: Mapping[int, list[int]], rows: int
) -> Receipt:
    """Copy what fits. rows: of the base's word matrix, of which there may be more than its tokenizer has ids."""
    own = module.state_dict()
    receipt = Receipt(dropped=[f"{part}.{name}" for name in theirs if name not in own])
    for name, tensor in own.items():
        label, source = f"{part}.{name}", theirs.get(name)
        if source is not None and source.shape != tensor.shape and source.ndim and len(source) == rows:
            source = source[: len(tensor) - len(pieces)]  # rows beyond the tokenizer's ids were never used
        if source is None:
            receipt.fresh.append(label)
        elif source.shape == tensor.shape:
            tensor.copy_(source)
            receipt.restored.append(label)
        elif pieces and source.shape[1:] == tensor.shape[1:] and len(source) + len(pieces) == len(tensor):
            tensor.copy_(_grown(source, pieces))
            receipt.grown.append(label)
        else:
            receipt.fresh.append(label)
            receipt.dropped.append(label)
    return receipt


def _grown(rows_V: Tensor, pieces: Mapping[int, list[int]]) -> Tensor:
    """Return the rows with one more for each new token, the mean of its pieces'."""
    if not rows_V.is_floating_point():  # counts of tokens: a new one was never seen
        return torch.cat([rows_V, rows_V.new_zeros(len(pieces), *rows_V.shape[1:])])
    new = [rows_V[torch.tensor(pieces[number], device=rows_V.device)].mean(0) for number in sorted(pieces)]
    return torch.cat([rows_V, torch.stack(new)])
