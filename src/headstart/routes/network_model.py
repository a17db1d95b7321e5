"""The task model of the routes that train the network: backbone, tokenizer and head in one folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from headstart.base import registry
from headstart.base.contracts import Backbone, Head, Rows, TaskModel, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import BackboneSpec, HeadSpec
from headstart.data.framing import frame_rows
from headstart.routes.checks import check_kind
from headstart.routes.supervised import frame_for, predict
from headstart.routes.task_io import read_parts, write_parts
from headstart.training.artefact import Artefact

_FOLDER = "network"


class NetworkModel(TaskModel):
    """artefact: the trained network with its tokenizer; head: on its features; pairs: whether rows hold two texts;
    prompt: how many of the network's last words are put in front of every text."""

    def __init__(
        self,
        artefact: Artefact,
        head: Head,
        classes: tuple[str, ...],
        pairs: bool,
        notes: dict[str, object],
        task: str = "classify",
        *,
        prompt: int = 0,
    ):
        self.artefact = dataclasses.replace(artefact, objective=None, objective_spec=None, corpus=None)
        self.head, self.classes, self.pairs, self.notes, self.task = head, classes, pairs, notes, task
        self.prompt = prompt

    @property
    def backbone(self) -> Backbone:
        """The trained network."""
        return self.artefact.backbone

    @property
    def backbone_spec(self) -> BackboneSpec:
        """What builds the network."""
        return self.artefact.backbone_spec

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that travels with the network."""
        return self.artefact.tokenizer

    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; see `TaskModel`. Rows cut at the network's longest sample are in `notes`."""
        if self.task != "classify":
            return super().scores(examples)
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return softmax(np.stack(self._outputs(examples)[0]).astype(np.float64), axis=1)

    def answers(self, examples: Examples) -> list[Any]:
        """Return N answers. Rows cut at the network's longest sample are counted in `notes`."""
        return self.head.answers(*self._outputs(examples), examples) if len(examples) else []

    def _outputs(self, examples: Examples) -> tuple[list[np.ndarray], Rows]:
        check_kind(self.pairs, examples)
        rows = frame(self.head.spec, self.artefact, examples, self.prompt)
        self.notes["rows_cut_in_last_prediction"] = rows.cut
        return predict(self.artefact, self.head, rows), rows

    def save(self, folder: Path) -> None:
        """Write network, tokenizer and head into `folder`."""
        self.artefact.save(folder / _FOLDER)
        data = {"head": self.head.spec.to_dict(), "classes": self.classes, "pairs": self.pairs, "notes": self.notes}
        write_parts(
            folder,
            data | {"task": self.task, "prompt": self.prompt},
            {name: value.detach().cpu().numpy() for name, value in self.head.state_dict().items()},
        )

    @classmethod
    def load(cls, folder: Path) -> NetworkModel:
        """Read what `save` wrote. Raises HeadstartError when the head's weights do not fit."""
        data, arrays = read_parts(folder)
        artefact = Artefact.open(folder / _FOLDER)
        classes = tuple(data["classes"])
        head = registry.build_spec("head", data["head"]).build(artefact.backbone, artefact.tokenizer, classes)
        try:
            head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise HeadstartError(
                f"{folder}: the head's weights do not fit ({str(error).splitlines()[-1].strip()})"
            ) from None
        head.to(next(artefact.backbone.parameters()).device)
        task, prompt = data.get("task", "classify"), data.get("prompt", 0)
        return cls(artefact, head, classes, data["pairs"], data["notes"], task, prompt=prompt)


def frame(spec: HeadSpec, artefact: Artefact, examples: Examples, prompt: int = 0) -> Rows:
    """Return the examples as framed pieces that fit the network, with its last `prompt` words in front of the text.

    They stand behind the begin mark where there is one, so that the first token stays what it was.
    """
    if not prompt:
        return frame_for(spec, artefact, examples)
    most, words = artefact.backbone.max_tokens, artefact.backbone.vocabulary
    longest = None if most is None else most - prompt
    rows = frame_rows(artefact.tokenizer, examples, longest=longest, spans=spec.spans, overlap=spec.overlap)
    place = int(artefact.tokenizer.cls_id >= 0)

    def inserted(parts: list[np.ndarray] | None, values: np.ndarray) -> list[np.ndarray] | None:
        return parts and [np.concatenate([part[:place], values, part[place:]]) for part in parts]

    return dataclasses.replace(
        rows,
        ids=inserted(rows.ids, np.arange(words - prompt, words)),
        types=inserted(rows.types, np.zeros(prompt, np.int64)),
        spans=inserted(rows.spans, np.full((prompt, 2), -1, np.int64)),
    )
