"""The task model of the routes that train the network: backbone, processor and head in one folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from headstart.core import registry
from headstart.core.contracts import Backbone, Exportable, Head, Pieces, TaskModel
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.core.spec import BackboneSpec, HeadSpec
from headstart.data.encode_examples import encode_examples
from headstart.fitting.checks import check_kind
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.supervised import encode_for_head, head_outputs
from headstart.images.averaged_views import Views, versions
from headstart.training.pretrained_model import TASK_NETWORK, PretrainedModel


class NetworkModel(TaskModel):
    """pretrained: the trained network with its processor; head: on its features; pairs: whether examples hold two
    items; prompt: how many of the network's last words are put in front of every text; views: the versions of an image
    over which the head's outputs are averaged, see `images/averaged_views.py`."""

    def __init__(
        self,
        pretrained: PretrainedModel,
        head: Head,
        classes: tuple[str, ...],
        pairs: bool,
        notes: dict[str, object],
        task: str = "classify",
        *,
        prompt: int = 0,
        views: Views = "one",
    ):
        self.pretrained = dataclasses.replace(pretrained, objective=None, objective_spec=None, corpus=None)
        self.head, self.classes, self.pairs, self.notes, self.task = head, classes, pairs, notes, task
        self.prompt, self.views = prompt, views

    @property
    def backbone(self) -> Backbone:
        """The trained network."""
        return self.pretrained.backbone

    @property
    def backbone_spec(self) -> BackboneSpec:
        """What builds the network."""
        return self.pretrained.backbone_spec

    @property
    def processor(self) -> Processor:
        """The processor that travels with the network."""
        return self.pretrained.processor

    def exportable(self) -> Exportable:
        """See `TaskModel.exportable`."""
        parts = {"head": self.head, "classes": self.classes, "prompt": self.prompt}
        return dataclasses.replace(self.pretrained.exportable(), **parts)

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; see `TaskModel`. Rows cut at the network's longest sample are in `notes`."""
        if self.task != "classify":
            return super().predict_proba(examples)
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return softmax(np.stack(self._outputs(examples)[0]).astype(np.float64), axis=1)

    def predict(self, examples: Examples) -> list[Any]:
        """Return N answers; texts cut to the longest sample of the network are counted in `notes`."""
        return self.head.decode(*self._outputs(examples), examples) if len(examples) else []

    def _outputs(self, examples: Examples) -> tuple[list[np.ndarray], Pieces]:
        check_kind(self.pairs, examples)
        pieces = encode_with_prompt(self.head.spec, self.pretrained, examples, self.prompt)
        self.notes["rows_cut_in_last_prediction"] = pieces.cut
        if self.views == "one":
            return head_outputs(self.pretrained, self.head, pieces), pieces
        turns = zip(*(versions(pixels, self.views) for pixels in pieces.inputs))
        each = [
            head_outputs(self.pretrained, self.head, dataclasses.replace(pieces, inputs=list(turn))) for turn in turns
        ]
        return list(np.mean(each, axis=0)), pieces

    def save(self, folder: Path) -> None:
        """Write network, processor and head into `folder`."""
        self.pretrained.save(folder / TASK_NETWORK)
        data = {"head": self.head.spec.to_dict(), "classes": self.classes, "pairs": self.pairs, "notes": self.notes}
        write_parts(
            folder,
            data | {"task": self.task, "prompt": self.prompt, "views": self.views},
            {name: value.detach().cpu().numpy() for name, value in self.head.state_dict().items()},
        )

    @classmethod
    def load(cls, folder: Path) -> NetworkModel:
        """Read what `save` wrote. Raises HeadstartError when the head's weights do not fit."""
        data, arrays = read_parts(folder)
        pretrained = PretrainedModel.open(folder / TASK_NETWORK)
        classes = tuple(data["classes"])
        head = registry.build_spec("head", data["head"]).build(pretrained.backbone, pretrained.processor, classes)
        try:
            head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise HeadstartError(
                f"{folder}: the head's weights do not fit ({str(error).splitlines()[-1].strip()})"
            ) from None
        head.to(next(pretrained.backbone.parameters()).device)
        task, prompt, views = data.get("task", "classify"), data.get("prompt", 0), data.get("views", "one")
        return cls(pretrained, head, classes, data["pairs"], data["notes"], task, prompt=prompt, views=views)


def encode_with_prompt(spec: HeadSpec, pretrained: PretrainedModel, examples: Examples, prompt: int = 0) -> Pieces:
    """Return the examples as encoded pieces that fit the network, the last `prompt` words of its vocabulary first.

    The words stand behind the begin mark, if there is one, so that the first token stays the same.
    """
    if not prompt:
        return encode_for_head(spec, pretrained, examples)
    most, words = pretrained.backbone.max_tokens, pretrained.backbone.vocabulary
    longest = None if most is None else most - prompt
    pieces = encode_examples(pretrained.processor, examples, longest=longest, spans=spec.spans, overlap=spec.overlap)
    place = int(pretrained.processor.cls_id >= 0)

    def inserted(parts: list[np.ndarray] | None, values: np.ndarray) -> list[np.ndarray] | None:
        return parts and [np.concatenate([part[:place], values, part[place:]]) for part in parts]

    return dataclasses.replace(
        pieces,
        inputs=inserted(pieces.inputs, np.arange(words - prompt, words)),
        segment_ids=inserted(pieces.segment_ids, np.zeros(prompt, np.int64)),
        spans=inserted(pieces.spans, np.full((prompt, 2), -1, np.int64)),
    )
