"""Prompt tuning: trained virtual words in front of every text of a frozen network (Lester et al. 2021, 2104.08691)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from headstart.base.contracts import Backbone
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import numpy_generator
from headstart.base.spec import RouteSpec
from headstart.routes.adapters import AdapterFit
from headstart.routes.checks import need_task
from headstart.routes.fitting import fit_network
from headstart.routes.network_model import NetworkModel
from headstart.routes.workspace import Workspace
from headstart.training.artefact import Artefact


class LastRows(nn.Module):
    """The last `count` rows of a table are trained, the others stay."""

    def __init__(self, table_VD: Tensor, *, count: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(table_VD[-count:].detach().clone())

    def forward(self, table_VD: Tensor) -> Tensor:
        """Return [V, D]."""
        return torch.cat([table_VD[: -len(self.rows)], self.rows])


@dataclass(frozen=True, kw_only=True)
class PromptTuning(AdapterFit, RouteSpec):
    """tokens: virtual words, behind the begin mark where there is one; they take room from the longest sample.

    They are new rows of the word matrix, so positions, segments, masks and pooling treat them as words; they start as
    copies of words of the training rows (the paper's "sampled vocabulary"). See `NetworkFit` for the other settings;
    `usual` is in units of the words' root mean square.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classify", "regress", "tag", "answer")
    usual: ClassVar[float] = 0.1
    weight_decay: float = 0.0
    tokens: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens < 1:
            raise HeadstartError(f"{self.label()}.tokens={self.tokens}: must be at least 1")

    @property
    def virtual(self) -> int:
        """See `NetworkFit`."""
        return self.tokens

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        if why := super().refuses(examples, workspace):
            return why
        name, backbone = workspace.base.backbone_spec.name, workspace.base.backbone
        if backbone.reads in ("document", "token") or _words(backbone) is None:
            return f"backbone {name} reads no sequence of word vectors, so a prompt has no place in front of it"
        if backbone.max_tokens is not None and self.tokens > backbone.max_tokens // 2:
            most = backbone.max_tokens // 2
            return f"tokens={self.tokens} leaves too little of the {backbone.max_tokens} that fit; at most {most}"
        return None

    def usual_rate(self, backbone: Backbone) -> float:
        """Return the peak rate in units of the word vectors' size, which differs by 50 times between networks."""
        return self.usual * float(_words(backbone).weight.detach().square().mean().sqrt())

    def adapt(self, backbone: Backbone) -> None:
        """Freeze the network but for its last words."""
        self.attach(backbone, [(_words(backbone), "weight")], LastRows, count=self.tokens)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> NetworkModel:
        """Train within `seconds` (None = all epochs). Raises HeadstartError: no base or rows, no place for a prompt."""
        need_task(self, examples)
        start = with_more_words(self.base(examples, workspace), self.tokens, examples, seed)
        return fit_network(start, examples, self, seed=seed, seconds=seconds)


def with_more_words(start: Artefact, count: int, examples: Examples, seed: int) -> Artefact:
    """Return a copy of the artefact with `count` more words, copies of random ones of the training rows."""
    had = start.backbone.vocabulary
    used = sorted({int(word) for ids in start.tokenizer.encode(examples.first) for word in ids}) or [0]
    copied = numpy_generator(seed, "prompt").choice(used, count, replace=len(used) < count)
    backbone = start.backbone_spec.build(had + count, start.tokenizer.pad_id)
    with torch.no_grad():
        old = start.backbone.state_dict()
        for name, tensor in backbone.state_dict().items():
            if tensor.shape == old[name].shape:
                tensor.copy_(old[name])
            else:
                tensor.copy_(torch.cat([old[name], old[name][copied]]))
    device = next(start.backbone.parameters()).device
    return replace(start, backbone=backbone.to(device), objective=None, objective_spec=None)


def _words(backbone: Backbone) -> nn.Module | None:
    """Return the table that turns ids into vectors, or None where there is none."""
    table = getattr(backbone, "words_VD", None)
    return next((m for m in backbone.modules() if isinstance(m, nn.Embedding) and m.weight is table), None)
