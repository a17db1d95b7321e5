"""The settings of a choice: what each takes, its default, and what it means, from the docstrings of its classes."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, NamedTuple

from headstart.core.kinds import described
from headstart.core.spec_base import hints_of

# `epochs: over the rows. batch, least_steps: ...`: names with a colon at a beginning of a sentence or of a part of it.
_NAMES = re.compile(r"(?:^|(?<=[.;:)]\s)|(?<=,\s))([a-z][a-z0-9_]*(?:(?:, | and )[a-z][a-z0-9_]*)*):\s")
# What the same name means wherever a docstring does not say more.
_COMMON = {
    "width": "numbers in the state of a token, or channels of the first stage",
    "depth": "layers",
    "decoder_depth": "layers of the decoder; none: as many as the encoder has",
    "heads": "heads of attention in a layer; they share the width",
    "head_width": "numbers of a head; none: the width divided by the heads",
    "mlp_width": "numbers between the two products of a layer's feed-forward part",
    "max_tokens": "longest sample in tokens",
    "types": "kinds of segments that have an embedding, such as first and second text",
    "act": "activation of the feed-forward part",
    "head_act": "activation of the output over the vocabulary",
    "eps": "added to the variance in a norm",
    "dropout": "share of numbers set to 0 in training",
    "input_drop": "share of the embedding's numbers set to 0 in training",
    "hidden_drop": "share of numbers set to 0 between layers in training",
    "output_drop": "share of the last layer's numbers set to 0 in training",
    "weight_drop": "share of the recurrent weights set to 0 in training",
    "word_drop": "share of words whose embedding is 0 in training",
    "weight_decay": "factor by which matrices shrink per step, times the learning rate (AdamW)",
    "learning_rate": "at its peak",
    "batch": "rows of a step",
    "passes": "times over the rows",
    "least_steps": "steps at least, however few rows there are",
    "mask_share": "of the tokens to predict, the share that the mask token replaces",
    "random_share": "of the tokens to predict, the share that a random token replaces; the rest stays",
    "patch": "pixels of a side of a patch; none: by the size of the images",
    "stride": "pixels between two patches",
    "cells": "parts of a side over which answers are summed",
}


class SettingLine(NamedTuple):
    """One setting: its name, what it takes, its default as a user writes it, its meaning; '' where none is told."""

    name: str
    takes: str
    default: str
    meaning: str


def setting_lines(kind: type) -> list[SettingLine]:
    """Return the settings of a `Spec` in their order; a setting that is a spec of its own brings its settings along."""
    hints = hints_of(kind)
    told = _meanings(kind)
    out = []
    for field in dataclasses.fields(kind):
        default = field.default if field.default is not dataclasses.MISSING else None
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        inner = type(default) if dataclasses.is_dataclass(default) else None
        if inner is None:
            out.append(
                SettingLine(
                    field.name,
                    described(hints[field.name]),
                    _written(default),
                    told.get(field.name) or _COMMON.get(field.name, ""),
                )
            )
            continue
        out += [line._replace(name=f"{field.name}.{line.name}") for line in setting_lines(inner)]
    return out


def changed_settings(spec: Any, usual: Any = None) -> list[str]:
    """Return those settings of a spec that are not the usual ones, as a user writes them: `layer=2`, `parts=a,b`.

    usual: the spec that it is held against, None = that of the same choice without settings.
    """
    usual, out = type(spec)() if usual is None else usual, []
    for name in (field.name for field in dataclasses.fields(spec)):
        value, before = getattr(spec, name), getattr(usual, name)
        if dataclasses.is_dataclass(value):
            same = type(value) is type(before)
            inner = changed_settings(value, before if same else None)
            out += [*([] if same else [f"{name}={value.name}"]), *(f"{name}.{one}" for one in inner)]
        elif value != before:
            out.append(f"{name}={_written(value)}")
    return out


def _written(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _meanings(kind: type) -> dict[str, str]:
    """Return what docstrings say of names; a class nearer to `kind` says it before one further away."""
    out: dict[str, str] = {}
    for one in kind.__mro__:
        text = " ".join(inspect.cleandoc(one.__dict__.get("__doc__") or "").split())
        found = list(_NAMES.finditer(text))
        for place, match in enumerate(found):
            end = found[place + 1].start() if place + 1 < len(found) else len(text)
            meaning = text[match.end() : end].strip().rstrip(".;,")
            for name in re.split(r", | and ", match.group(1)):
                out.setdefault(name, meaning)
    return out
