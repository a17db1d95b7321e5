"""Small parts of every kind and a built-in text, for suites that run over the registry."""

from __future__ import annotations

import dataclasses
import random
import typing
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_pixels import SmallPixels

from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.compatibility import build_objective
from headstart.core.contracts import Backbone, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor, Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.nn.pooling import pool
from headstart.training.pretrained_model import PretrainedModel

SMALL = {
    "width": 32,
    "depth": 2,
    "heads": 2,
    "mlp_width": 48,
    "max_tokens": 64,
    "window": 16,
    "least": 2,
    "embedding_width": None,
    "dimensions": 16,
    "projection": 16,
    "epochs": 1,
    "least_steps": 4,
    "head_steps": 2,
    "choose_learning_rate": False,
    "longest": 8,
    "beams": 2,
    "count": 2,
    "width_multiplier": 0.125,
    "growth": 8,
    "dense": 32,
    "grid": 2,
}
TOPICS = (
    ("film", "actor", "scene", "plot", "영화", "배우", "연기", "결말"),
    ("bread", "soup", "salt", "dinner", "음식", "요리", "식당", "저녁"),
    ("level", "player", "score", "boss", "게임", "점수", "보스", "무기"),
)


def documents(count: int = 300, seed: int = 5) -> list[str]:
    """Return Korean and English documents of two sentences, each document about one of three topics."""
    source = random.Random(seed)
    tails = ("the", "and", "정말", "좋았다", "아쉽다")

    def sentence(topic: int) -> str:
        return " ".join([*source.choices(TOPICS[topic], k=source.randint(3, 6)), source.choice(tails), "."])

    return [f"{sentence(i % 3)} {sentence(i % 3)}" for i in range(count)]


def small(axis: str, name: str, **settings: Any):
    """Return the choice with the sizes above where it has such settings."""
    if (axis, name) == ("backbone", "hf"):
        pytest.importorskip("transformers")
    spec = registry.load(axis, name)()
    if (axis, name) == ("backbone", "hf"):
        sizes = {"embedding_size": 32, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
        sizes["num_hidden_layers"] = settings.get("depth", SMALL["depth"])
        return dataclasses.replace(spec, config=spec.config | sizes)
    if (axis, name) == ("route", "seeds"):
        settings = {"member": "finetune:epochs=1:least_steps=4:head_steps=2:choose_learning_rate=false"} | settings
    kinds = typing.get_type_hints(type(spec))
    known = {field.name: kinds[field.name] for field in dataclasses.fields(spec)}
    fitting = {k: v for k, v in SMALL.items() if k in known and _allowed(v, known[k])}
    return dataclasses.replace(spec, **fitting | {k: v for k, v in settings.items() if k in known})


def _allowed(value: Any, kind: Any) -> bool:
    """Return whether a field takes the value; some depths are a choice of a few (resnet)."""
    return typing.get_origin(kind) is not typing.Literal or value in typing.get_args(kind)


@cache
def small_tokenizer(reads: str) -> Tokenizer:
    """Return a tokenizer as the recipes pair it: n-grams for bags, sentinels for what writes, pieces with a mask."""
    if reads == "document":
        return registry.load("processor", "ngram")().train(iter(documents()))
    settings = {"sentinels": 20} if reads == "encoder_decoder" else {}
    return registry.load("processor", "wordpiece")(**settings).train(iter(documents()))


def processor_for(spec: BackboneSpec) -> Processor:
    """Return the processor that a small network goes with; its `shape` is what the network is built for."""
    if spec.batch == "pixels":
        return SmallPixels()
    return small_tokenizer(spec.build(TokenShape(32, 0)).reads)


def pair(objective: str, backbone: str) -> SimpleNamespace:
    """Return spec, network, objective and processor of a pairing, or with `refusal` set where they do not fit."""
    spec, what = small("backbone", backbone), small("objective", objective)
    processor = processor_for(spec)
    torch.manual_seed(2)
    teacher = small("backbone", "small_resnet").build(processor.shape) if what.teacher == "any" else None
    what = what if teacher is None else dataclasses.replace(what, vector=teacher.width)
    torch.manual_seed(1)
    network: Backbone = spec.build(processor.shape)
    try:
        built: Objective | None = build_objective(what, network, processor)
        refusal = ""
    except HeadstartError as error:
        built, refusal = None, str(error)
    if built is not None and teacher is not None:  # a `twin` may be missing; then its other losses are left
        built.learn_from(teacher, None, processor)
    return SimpleNamespace(
        spec=spec, backbone=network, objective_spec=what, objective=built, processor=processor, refusal=refusal
    )


def taught(objective: str, backbone: str) -> SimpleNamespace:
    """Return a pairing as `pair` does; what learns from a model of its own kind has one as its teacher."""
    parts = pair(objective, backbone)
    if parts.objective_spec.teacher == "twin" and parts.objective is not None:
        teacher = pair("mlm", backbone)
        teacher.objective.load_state_dict({name: 1.1 * t for name, t in teacher.objective.state_dict().items()})
        parts.objective.learn_from(teacher.backbone, teacher.objective, teacher.processor)
    return parts


def batch_of(tokenizer: Tokenizer, texts: list[str], samples: list[int], epoch: int = 0) -> TokenBatch:
    """Return encoded texts as a batch with these sample ids."""
    return _batch([tokenizer.add_special_tokens(ids)[0] for ids in tokenizer.encode(texts)], samples, epoch)


def _batch(encoded: list[np.ndarray], samples: list[int], epoch: int) -> TokenBatch:
    return TokenBatch(
        ids_N=torch.from_numpy(np.concatenate(encoded)),
        lengths_B=torch.tensor([len(ids) for ids in encoded]),
        sample_B=torch.tensor(samples),
        epoch=epoch,
    )


@torch.no_grad()
def outputs(pretrained: PretrainedModel) -> torch.Tensor:
    """Return the loss and the document vectors of a few texts."""
    pretrained.backbone.eval(), pretrained.objective.eval()
    batch = batch_of(pretrained.processor, documents(16, seed=3), list(range(16)))
    loss = pretrained.objective(pretrained.backbone, pretrained.objective.corrupt(batch, KeyedRandom(5)))
    pooled = pool(pretrained.backbone(batch), "mean")
    return torch.cat([loss.mean().reshape(1).float(), torch.tensor([float(loss.count)]), pooled.flatten()])


class TextBatches:
    """Batches of 32 built-in documents, a function of the number, for the training loop; a text is encoded once."""

    def __init__(self, tokenizer: Tokenizer, texts: list[str], size: int = 32):
        self.processor, self.texts, self.size = tokenizer, texts, size
        self.per_epoch = len(texts) // size
        self._rows: dict[int, list[np.ndarray]] = {}  # by place in the epoch

    def at(self, number: int) -> TokenBatch:
        """Return batch `number`."""
        epoch, place = divmod(number, self.per_epoch)
        rows = list(range(place * self.size, (place + 1) * self.size))
        if place not in self._rows:
            encoded = self.processor.encode([self.texts[row] for row in rows])
            self._rows[place] = [self.processor.add_special_tokens(ids)[0] for ids in encoded]
        return _batch(self._rows[place], rows, epoch)
