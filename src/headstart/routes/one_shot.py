"""One-shot prompting: one labelled row is shown before the text; see few_shot (GPT-3, Brown et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.spec import RouteSpec
from headstart.routes.few_shot import FewShot


@dataclass(frozen=True, kw_only=True)
class OneShot(FewShot, RouteSpec):
    """The settings of few_shot with one demonstration."""

    shots: int = 1
