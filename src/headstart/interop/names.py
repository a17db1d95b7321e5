"""Two-way names: a declarative table says which of our tensors is which of theirs; nothing ever half-loads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from headstart.core.errors import HeadstartError
from headstart.interop.preprocessor import Preprocessor

_ONE_PIXEL = (1, 1)
BATCH_COUNTS = r".*\.num_batches_tracked"  # files that are older than torch 0.4 have none


@dataclass(frozen=True)
class Rule:
    """One of our tensors and where it comes from. `{i}` in a name stands for the layer number.

    copy: the same tensor. concat: ours is theirs stacked along the first axis, in this order and in equal parts.
    transpose: ours is theirs with its two axes swapped. flatten: after the first axis, theirs has the axes `shape`
    where ours, a matrix, has one or, a vector, has none. own: theirs has none; it is not written, and a new network's
    is kept. optional: some of our models do not have this tensor.
    """

    ours: str
    theirs: tuple[str, ...]
    how: Literal["copy", "concat", "transpose", "flatten", "own"] = "copy"
    optional: bool = False
    shape: tuple[int, ...] = ()

    def at(self, layer: int) -> Rule:
        """Return the rule of one layer."""
        theirs = tuple(name.replace("{i}", str(layer)) for name in self.theirs)
        return replace(self, ours=self.ours.replace("{i}", str(layer)), theirs=theirs)

    def read(self, parts: Sequence[Tensor]) -> Tensor:
        """Return our tensor from theirs."""
        if self.how == "concat":
            return torch.cat(list(parts))
        if self.how == "flatten":
            return parts[0].flatten(0 if self.shape == _ONE_PIXEL else 1)
        return parts[0].t().contiguous() if self.how == "transpose" else parts[0]

    def write(self, tensor: Tensor) -> list[Tensor]:
        """Return their tensors from ours; the exact inverse of `read`."""
        if self.how == "own":
            return []
        if self.how == "concat":
            return [part.contiguous() for part in tensor.chunk(len(self.theirs))]
        if self.how == "flatten":
            return [tensor.reshape(-1, *self.shape)]
        return [(tensor.t() if self.how == "transpose" else tensor).contiguous()]


def copy(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Rules for one tensor of the same shape."""
    return (Rule(ours, (theirs,)),)


def affine(ours: str, *theirs: str) -> tuple[Rule, ...]:
    """Rules for the `.weight` and `.bias` of a linear or norm; several of theirs are stacked into one of ours."""
    how = "concat" if len(theirs) > 1 else "copy"
    return tuple(Rule(f"{ours}.{leaf}", tuple(f"{t}.{leaf}" for t in theirs), how) for leaf in ("weight", "bias"))


def transpose(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Rules for a matrix that they store as [in, out]."""
    return (Rule(ours, (theirs,), "transpose"),)


def flatten(ours: str, theirs: str, shape: tuple[int, ...]) -> tuple[Rule, ...]:
    """Rules for a linear layer that they store as a convolution; shape: input channels, height, width."""
    return (
        Rule(f"{ours}.weight", (f"{theirs}.weight",), "flatten", shape=shape),
        *copy(f"{ours}.bias", f"{theirs}.bias"),
    )


def scale(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Rules for a vector that they hold as an image of one pixel."""
    return (Rule(ours, (theirs,), "flatten", shape=_ONE_PIXEL),)


def batch_norm(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Rules for a batch norm whose files may lack the count of batches (see `BATCH_COUNTS`), which computes nothing."""
    running = (Rule(f"{ours}.{leaf}", (f"{theirs}.{leaf}",)) for leaf in ("running_mean", "running_var"))
    return (*affine(ours, theirs), *running, *own(f"{ours}.num_batches_tracked"))


def own(*ours: str) -> tuple[Rule, ...]:
    """Rules for tensors that their files do not have, such as channel statistics, which their processors hold."""
    return tuple(Rule(name, (), "own") for name in ours)


def optional(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules, marked as allowed to have no tensor of ours."""
    return tuple(replace(rule, optional=True) for rule in rules)


def fit_rules(rules: Iterable[Rule], ours: Collection[str]) -> list[Rule]:
    """Return the rules of the model whose tensors are called `ours`, one per tensor, layers spelled out.

    Raises HeadstartError when a tensor has no rule, or a rule that is not optional no tensor.
    """
    layers = {int(number) for name in ours for number in re.findall(r"\.(\d+)\.", name)}
    out: list[Rule] = []
    for rule in rules:
        found = [r for r in ([rule.at(i) for i in sorted(layers)] if "{i}" in rule.ours else [rule]) if r.ours in ours]
        # Layers may differ (ModernBERT's first has no norm), but a rule that fits none of them is a mistake.
        if not found and not rule.optional:
            raise HeadstartError(f"the name table does not fit the model: it has no '{rule.ours}'")
        out.extend(found)
    if lost := sorted(set(ours) - {rule.ours for rule in out}):
        raise HeadstartError(f"the name table does not fit the model: no rule for {_some(lost)}")
    return out


@dataclass(frozen=True)
class NameTable:
    """Everything about the names of one family of checkpoints.

    prefix: what precedes the backbone's names when a head lies beside it (`bert.`). backbone: rules of the backbone.
    heads: by head (`mlm`, `classify`), the rules of its module and the architecture that transformers calls it.
    inputs: what their models take from a tokenizer. tied: their copies of another of their tensors: checked to be
    equal, not stored. ignorable: regular expressions (whole name) of buffers that carry nothing. foreign: those of
    heads headstart has no use for, beside a backbone with its prefix; they are reported. pixels: what their networks of
    images were trained to read; None: as nearly all of ImageNet.
    """

    prefix: str
    backbone: tuple[Rule, ...]
    architecture: str
    heads: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    architectures: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    tied: Mapping[str, str] = field(default_factory=dict)
    ignorable: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    pixels: Preprocessor | None = None


@dataclass(frozen=True)
class Receipt:
    """What loading did with every tensor: restored (our names), fresh (ours, newly made), extra (theirs, kept aside for
    a head), dropped (theirs, of no use here). note: what else there is to say, in one line."""

    restored: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    note: str = ""

    def keys(self) -> tuple[str, ...]:
        """Return the names of what there is, so that `{**receipt}` is plain JSON data."""
        return ("restored", "fresh", "extra", "dropped", *(["note"] if self.note else []))

    def __getitem__(self, key: str) -> list[str] | str:
        value = getattr(self, key)
        return value if key == "note" else list(value)

    def summary(self) -> str:
        """Return one line for people, see `receipt_line`."""
        return receipt_line({**self})


def receipt_line(receipt: Mapping[str, Any]) -> str:
    """Return `restored 39 tensors, 2 fresh (head), 1 dropped (...)`, from a receipt as it is written into files.

    receipt: as of `Receipt`; `head`, if there, is the receipt of the head's own tensors.
    """
    head = receipt.get("head", {})
    restored = len(receipt.get("restored", ())) + len(head.get("restored", ()))
    fresh = [*receipt.get("fresh", ()), *(f"head.{name}" for name in head.get("fresh", ()))]
    dropped = [*receipt.get("dropped", ()), *head.get("dropped", ())]
    extra = [] if head else receipt.get("extra", ())
    kinds = (("fresh", fresh), ("kept for a head", extra), ("dropped", dropped))
    parts = [f"restored {restored} tensor{'s' * (restored != 1)}"]
    parts += [f"{len(names)} {what} ({_places(names)})" for what, names in kinds if names]
    return ", ".join(parts) + (f"; {receipt['note']}" if receipt.get("note") else "")


def _places(names: Sequence[str]) -> str:
    """Return which modules the tensors are of; all of a new head are just `head`."""
    modules = ("head" if name.startswith("head.") else name.rpartition(".")[0] or name for name in names)
    places = list(dict.fromkeys(modules))
    return ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")


@dataclass(frozen=True)
class Sorted:
    """Their tensors, told apart: backbone (names without the prefix), extra (of known heads), dropped (names)."""

    backbone: dict[str, Tensor]
    extra: dict[str, Tensor]
    dropped: tuple[str, ...]


def sort_tensors(table: NameTable, tensors: Mapping[str, Tensor], where: str) -> Sorted:
    """Tell backbone, heads and leftovers apart. Raises HeadstartError on a tensor that belongs to nothing known."""
    names = {_modern(name): tensor for name, tensor in tensors.items()}
    prefix = table.prefix if any(name.startswith(table.prefix) for name in names) else ""
    head_names = {theirs for rules in table.heads.values() for rule in rules for theirs in rule.theirs}
    ignorable = _any_of(table.ignorable)
    foreign = _any_of(table.foreign if prefix else ())
    backbone, extra, dropped, unplaced = {}, {}, [], []
    for name, tensor in names.items():
        if name in table.tied:
            _check_tied(name, tensor, names.get(table.tied[name]), where, table.tied[name])
            dropped.append(name)
        elif ignorable.fullmatch(name.removeprefix(prefix)) or foreign.fullmatch(name):
            dropped.append(name)
        elif name.startswith(prefix) and (table.prefix or name not in head_names):
            backbone[name.removeprefix(prefix)] = tensor
        elif name in head_names:
            extra[name] = tensor
        else:
            unplaced.append(name)
    if unplaced:
        raise _unplaced(where, sorted(unplaced))
    return Sorted(backbone, extra, tuple(sorted(dropped)))


def read_state(rules: Sequence[Rule], tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return our tensors. Raises HeadstartError that names every missing or extra tensor."""
    wanted = {theirs for rule in rules for theirs in rule.theirs}
    if missing := sorted(wanted - set(tensors)):
        raise HeadstartError(f"{where}: {_some(missing)} missing; refused, because a half-loaded model looks whole")
    if extra := sorted(set(tensors) - wanted):
        raise _unplaced(where, extra)
    try:
        return {rule.ours: rule.read([tensors[name] for name in rule.theirs]) for rule in rules if rule.how != "own"}
    except RuntimeError as error:
        raise HeadstartError(f"{where}: tensors do not fit together ({str(error).splitlines()[0]})") from None


def write_state(rules: Sequence[Rule], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return their tensors; `rules` come from `fit_rules`."""
    return {
        theirs: part for rule in rules for theirs, part in zip(rule.theirs, rule.write(state[rule.ours]), strict=True)
    }


def check_shapes(expected: Mapping[str, Tensor], given: Mapping[str, Tensor], where: str) -> None:
    """Raise HeadstartError when names or shapes of `given` are not those of the model's own state."""
    if set(expected) != set(given):
        raise HeadstartError(f"{where}: {_some(sorted(set(expected) ^ set(given)))} without partner in the model")
    for name, tensor in given.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{list(tensor.shape)}, expected is {list(expected[name].shape)}"
            raise HeadstartError(f"{where}: '{name}' has shape {shapes}")


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)")


def _modern(name: str) -> str:
    """Return the name with the TensorFlow leaf names that old BERT files have (gamma, beta) as torch calls them."""
    return re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name))


def _check_tied(name: str, tensor: Tensor, source: Tensor | None, where: str, source_name: str) -> None:
    if source is None or not torch.equal(tensor, source):
        raise HeadstartError(f"{where}: '{name}' differs from '{source_name}'; headstart only knows them tied")


def _unplaced(where: str, names: list[str]) -> HeadstartError:
    return HeadstartError(f"{where}: {_some(names)} has no place in the model; refused, nothing is dropped silently")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
