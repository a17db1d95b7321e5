"""Tiny language models that have read a planted corpus: what is said of a thing agrees with `it was good` or `bad`."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from small_parts import TextBatches
from tiny_bases import BAD, GOOD, NOUNS, rows

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.shapes import TokenShape
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel

TEMPLATE = "{text} it was {label} ."
TWO_LONG = "bad:so bad;good:so very good"


def planted(count: int = 640, seed: int = 0) -> list[str]:
    """Return documents such as `lovely film actor it was good .`; one in four says `so very good` or `so bad`."""
    random = np.random.default_rng(seed)
    verdicts = (("bad", "so bad"), ("good", "so very good"))
    return [
        f"{random.choice((BAD, GOOD)[n % 2])} {random.choice(NOUNS)} {random.choice(NOUNS)} it was "
        f"{verdicts[n % 2][random.random() < 0.25]} ."
        for n in range(count)
    ]


def unsaid() -> list[str]:
    """Return unlabelled texts without a verdict, as those that are asked about."""
    return list(rows(200, seed=2).items)


@cache
def prompted_base(objective: str) -> PretrainedModel:
    """Return a Transformer that was really trained on `planted` for some seconds."""
    tokenizer = registry.load("processor", "wordpiece")().train(iter(planted()))
    name = "gpt2" if objective == "causal" else "modernbert"
    spec = registry.build_spec(
        "backbone", {"name": name, "width": 32, "depth": 2, "heads": 2, "mlp_width": 64, "max_tokens": 64}
    )
    what = registry.build_spec("objective", {"name": objective, **({"mask_ratio": 0.4} if objective == "mlm" else {})})
    torch.manual_seed(0)
    backbone = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    built = what.build(backbone, tokenizer)
    plan = TrainPlan(steps=250 if objective == "causal" else 400, learning_rate=6e-3, warmup=0.1, dtype="fp32")
    fit(start_state(built, backbone, plan), TextBatches(tokenizer, planted(), 32), plan)
    receipt = {"objective": objective}
    return PretrainedModel(tokenizer, spec, backbone.eval(), built.eval(), what, receipt=receipt)


def numbered(count: int, seed: int = 1) -> Examples:
    """Return rows of `tiny_bases.rows` with class names that are no words."""
    plain = rows(count, seed=seed)
    return Examples(plain.items, None, plain.labels, ("0", "1"))
