"""Which recipe fits an objective or, when none is asked for, the budget; with the reason in words."""

from __future__ import annotations

from headstart.base import registry
from headstart.base.errors import HeadstartError
from headstart.base.spec import RecipeSpec
from headstart.recipes.facts import Facts

_HALVES_UP_TO_MINUTES = 60


def choose_recipe(objective: str | None, facts: Facts) -> tuple[RecipeSpec, str]:
    """Return (recipe, reason). Raises HeadstartError: unknown objective, or one that no recipe serves."""
    if objective is None:
        minutes = facts.seconds / 60 if facts.seconds else None
        if facts.cuda or (minutes is not None and minutes > _HALVES_UP_TO_MINUTES):
            where = "a GPU" if facts.cuda else f"{minutes:.0f} CPU minutes"
            return registry.load("recipe", "mlm")(), f"objective mlm: {where} can train a Transformer"
        length = f"{minutes:g} CPU minutes" if minutes else "a CPU run of this length"
        reason = (
            f"objective halves: in {length} it gives better document vectors than a Transformer (docs/decisions.md)"
        )
        return registry.load("recipe", "halves")(), reason
    if objective in registry.names("recipe"):
        return registry.load("recipe", objective)(), f"objective {objective}: as asked"
    wants = registry.load("objective", objective).token_outputs
    for name in registry.names("recipe"):
        if registry.load("recipe", name).token_outputs == wants:
            return registry.load("recipe", name)(), f"objective {objective}: as asked, with the parts of recipe {name}"
    raise HeadstartError(f"no recipe has the parts that objective '{objective}' needs")
