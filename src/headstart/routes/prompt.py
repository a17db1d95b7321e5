"""Prompt tuning: trained virtual words in front of every text, network frozen (Lester et al. 2021, 2104.08691)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from headstart.core.contracts import Backbone
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.reason import Reason
from headstart.core.seeds import numpy_generator
from headstart.core.shapes import TokenShape
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.adapters import AdapterFit
from headstart.fitting.checks import need_task
from headstart.fitting.network_fit import fit_network
from headstart.fitting.network_model import NetworkModel
from headstart.training.pretrained_model import PretrainedModel


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
    """tokens: number of virtual words, placed after the begin mark if there is one; they shorten the longest text.

    Virtual words are new rows of the word matrix: positions, segments, masks and pooling treat them as words. They
    start as copies of words of the training rows (the "sampled vocabulary" of the paper). See `NetworkFit` for the
    other settings; `learning_rate_scale` is in units of the root mean square of the word vectors.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classify", "regress", "tag", "answer")
    learning_rate_scale: ClassVar[float] = 0.1
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

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if why := super().refuses(examples, workspace):
            return why
        name, backbone = workspace.base.backbone_spec.name, workspace.base.backbone
        if backbone.reads in ("document", "token") or _words(backbone) is None:
            return Reason(
                "no_place",
                "backbone {backbone} reads no sequence of word vectors, so a prompt has no place in front of it",
                backbone=name,
            )
        if backbone.max_tokens is not None and self.tokens > backbone.max_tokens // 2:
            most = backbone.max_tokens // 2
            return Reason(
                "prompt_tokens",
                "tokens={tokens} leaves too little of the {fit} that fit; at most {most}",
                tokens=self.tokens,
                fit=backbone.max_tokens,
                most=most,
            )
        return None

    def default_learning_rate(self, backbone: Backbone) -> float:
        """Return the peak learning rate in units of the size of word vectors, which varies 50-fold between networks."""
        return self.learning_rate_scale * float(_words(backbone).weight.detach().square().mean().sqrt())

    def adapt(self, backbone: Backbone) -> None:
        """Freeze the network except its last words."""
        self.attach(backbone, [(_words(backbone), "weight")], LastRows, count=self.tokens)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Train within `seconds` (None = all epochs). Raises HeadstartError: no base or rows, no place for a prompt."""
        need_task(self, examples)
        start = with_more_words(self.base(examples, workspace), self.tokens, examples, seed)
        return fit_network(start, examples, self, seed=seed, seconds=seconds)


def with_more_words(start: PretrainedModel, count: int, examples: Examples, seed: int) -> PretrainedModel:
    """Return a copy of the pretrained model with `count` more words, copied from random words of the training rows."""
    had = start.backbone.vocabulary
    used = sorted({int(word) for ids in start.processor.encode(examples.items) for word in ids}) or [0]
    copied = numpy_generator(seed, "prompt").choice(used, count, replace=len(used) < count)
    backbone = start.backbone_spec.build(TokenShape(had + count, start.processor.pad_id))
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
    table = backbone.words_VD
    return next((m for m in backbone.modules() if isinstance(m, nn.Embedding) and m.weight is table), None)
