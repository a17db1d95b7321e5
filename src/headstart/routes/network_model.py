"""The task model of the routes that train the network: backbone, tokenizer and head in one folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from headstart.base import registry
from headstart.base.contracts import Backbone, Head, TaskModel, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import BackboneSpec
from headstart.routes.checks import check_kind
from headstart.routes.task_io import read_parts, write_parts
from headstart.training.artefact import Artefact

_FOLDER = "network"
_TOKENS = 8_192  # padded tokens of a batch in prediction


class NetworkModel(TaskModel):
    """artefact: the trained network with its tokenizer; head: on its features; pairs: whether rows hold two texts."""

    def __init__(self, artefact: Artefact, head: Head, classes: tuple[str, ...], pairs: bool, notes: dict[str, object]):
        self.artefact = dataclasses.replace(artefact, objective=None, objective_spec=None, corpus=None)
        self.head, self.classes, self.pairs, self.notes = head, classes, pairs, notes

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

    @torch.no_grad()
    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]. Rows cut at the network's longest sample are counted in `notes`."""
        check_kind(self.pairs, examples)
        self.backbone.eval()
        self.head.eval()
        device = next(self.backbone.parameters()).device
        out_NC = np.zeros((len(examples), len(self.classes)))
        cut_rows = 0
        for rows, batch, cut in self.artefact.batches(examples, _TOKENS) if len(examples) else ():
            logits_BC = self.head(self.backbone(batch.to(device)))
            out_NC[rows] = torch.softmax(logits_BC.double(), dim=-1).cpu().numpy()
            cut_rows += cut
        self.notes["rows_cut_in_last_prediction"] = cut_rows
        return out_NC

    def save(self, folder: Path) -> None:
        """Write network, tokenizer and head into `folder`."""
        self.artefact.save(folder / _FOLDER)
        data = {"head": self.head.spec.to_dict(), "classes": self.classes, "pairs": self.pairs, "notes": self.notes}
        write_parts(
            folder, data, {name: value.detach().cpu().numpy() for name, value in self.head.state_dict().items()}
        )

    @classmethod
    def load(cls, folder: Path) -> NetworkModel:
        """Read what `save` wrote. Raises HeadstartError when the head's weights do not fit."""
        data, arrays = read_parts(folder)
        artefact = Artefact.open(folder / _FOLDER)
        head = registry.build_spec("head", data["head"]).build(artefact.backbone, len(data["classes"]))
        try:
            head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise HeadstartError(
                f"{folder}: the head's weights do not fit ({str(error).splitlines()[-1].strip()})"
            ) from None
        head.to(next(artefact.backbone.parameters()).device)
        return cls(artefact, head, tuple(data["classes"]), data["pairs"], data["notes"])
