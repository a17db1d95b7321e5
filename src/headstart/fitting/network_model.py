"""The task model of the routes that train the network: backbone, processor and head in one folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from headstart.core import registry
from headstart.core.contracts import Backbone, Head, Pieces
from headstart.core.counted import count
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Adapter, Exportable
from headstart.core.processor import Processor
from headstart.core.spec import BackboneSpec, HeadSpec
from headstart.core.task_model import TaskModel
from headstart.data.encode_examples import encode_examples
from headstart.fitting.checks import check_kind
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import NetworkPartsFile
from headstart.fitting.supervised import encode_for_head, head_outputs
from headstart.images.averaged_views import Views, versions
from headstart.nn.outputs import linear_layer
from headstart.nn.vector_steps import SIGMOID, SOFTMAX, Affine
from headstart.training.pretrained_model import TASK_NETWORK, PretrainedModel
from headstart.vectors.transform import unit_rows

_LAST = {"classify": SOFTMAX, "multilabel": SIGMOID, "regress": "Identity"}  # step from the output to the answer


class NetworkModel(TaskModel):
    """pretrained: the trained network with its processor; head: on its features; pairs: whether examples hold two
    items; prompt: how many of the network's last words are put in front of every text; views: the versions of an image
    over which the head's outputs are averaged, see `images/averaged_views.py`; adapter: low-rank updates that training
    merged into the network, or None."""

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
        self.adapter: Adapter | None = None

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
        if self.task == "generate":
            raise HeadstartError(
                "this task model writes word after word, which is a loop and no single graph; export the run itself, "
                "and generate with the library that loads it"
            )
        steps = None
        if self.task in _LAST and (linear := linear_layer(self.head.plain_output())) is not None:
            weights = (None if one is None else one.detach().cpu() for one in (linear[0].weight, linear[0].bias))
            steps = [Affine(*weights), _LAST[self.task]]
        return dataclasses.replace(
            self.pretrained.exportable(),
            head=self.head,
            classes=self.classes,
            task=self.task,
            prompt=self.prompt,
            views=self.views,
            pairs=self.pairs and self.task != "retrieve",
            answer_steps=steps,
            adapter=self.adapter,
            ours=self._finished,
        )

    def _finished(self, rows: Examples) -> dict[str, list[np.ndarray]]:
        """Return what the head gives for each row, as another library hands it on; rows of one piece only."""
        if self.task == "retrieve":
            pooling = "mean" if self.head.spec.pooling == "auto" else self.head.spec.pooling
            network = dataclasses.replace(self.pretrained, sentence=None)
            return {"vectors": list(unit_rows(network.embed(rows.items, pooling=pooling)))}
        outputs, _ = self._outputs(rows)
        return {self.head.gives: [self.head.finish(torch.from_numpy(one)).numpy() for one in outputs]}

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; see `TaskModel`. Rows cut at the network's longest sample are counted
        (`counting`)."""
        if self.task != "classify":
            return super().predict_proba(examples)
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return softmax(np.stack(self._outputs(examples)[0]).astype(np.float64), axis=1)

    def predict(self, examples: Examples) -> list[Any]:
        """Return N answers; texts cut to the longest sample of the network are counted (`counting`)."""
        return self.head.decode(*self._outputs(examples), examples) if len(examples) else []

    def _outputs(self, examples: Examples) -> tuple[list[np.ndarray], Pieces]:
        check_kind(self.pairs, examples)
        pieces = encode_with_prompt(self.head.spec, self.pretrained, examples, self.prompt)
        count("rows_cut_in_last_prediction", pieces.cut)
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
        data |= {"task": self.task, "prompt": self.prompt, "views": self.views}
        arrays = {name: value.detach().cpu().numpy() for name, value in self.head.state_dict().items()}
        if self.adapter is not None:
            data["adapter"], updates = adapter_parts(self.adapter)
            arrays |= updates
        write_parts(folder, data, arrays)

    @classmethod
    def load(cls, folder: Path) -> NetworkModel:
        """Read what `save` wrote. Raises HeadstartError when the head's weights do not fit."""
        data, arrays = read_parts(folder, NetworkPartsFile)
        pretrained = PretrainedModel.open(folder / TASK_NETWORK)
        classes = tuple(data["classes"])
        head = registry.build_spec("head", data["head"]).build(pretrained.backbone, pretrained.processor, classes)
        try:
            head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items() if name[0] != "/"})
        except RuntimeError as error:
            raise HeadstartError(
                f"{folder}: the head's weights do not fit ({str(error).splitlines()[-1].strip()})"
            ) from None
        head.to(next(pretrained.backbone.parameters()).device)
        task, prompt, views = data.get("task", "classify"), data.get("prompt", 0), data.get("views", "one")
        model = cls(pretrained, head, classes, data["pairs"], data["notes"], task, prompt=prompt, views=views)
        model.adapter = adapter_of(data["adapter"], arrays) if "adapter" in data else None
        return model


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


_DOWN, _UP = "/down/", "/up/"  # no name of a head's weight begins so


def adapter_parts(adapter: Adapter) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return (JSON data, arrays) of an adapter, from which `adapter_of` makes the same."""
    scales = {name: scale for name, (_, _, scale) in adapter.updates.items()}
    arrays = {}
    for name, (down, up, _) in adapter.updates.items():
        arrays |= {_DOWN + name: down.detach().cpu().numpy(), _UP + name: up.detach().cpu().numpy()}
    return {"scales": scales, "base_sha256": adapter.base_sha256}, arrays


def adapter_of(data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Adapter:
    """Return the adapter that `adapter_parts` described."""
    parts = {
        name: (torch.from_numpy(arrays[_DOWN + name]), torch.from_numpy(arrays[_UP + name]), float(scale))
        for name, scale in data["scales"].items()
    }
    return Adapter(parts, data["base_sha256"])
