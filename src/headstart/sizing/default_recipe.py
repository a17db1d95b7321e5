"""Which recipe fits an objective or, when none is asked for, the budget; with the reason in words."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.item_nouns import some_items
from headstart.core.spec import RecipeSpec
from headstart.sizing.facts import Facts
from headstart.training.run_spec import RunSpec

_HALVES_UP_TO_MINUTES = 60


def choose_recipe(objective: str | None, facts: Facts, recipe: str | None = None) -> tuple[RecipeSpec, str]:
    """Return (recipe, reason). Raises HeadstartError: unknown names, or an objective that no recipe serves."""
    if recipe is not None:
        return registry.load("recipe", recipe)(), f"recipe {recipe}: as asked"
    kinds = {name: registry.load("recipe", name) for name in registry.names("recipe")}
    recipes = {name: kind for name, kind in kinds.items() if kind.takes == facts.takes}
    if objective is None and facts.takes != "text":
        return _first_choice(recipes, facts.takes)
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
    wanted = registry.load("objective", objective)
    default = sorted(
        (name for name in recipes if recipes[name].default), key=lambda name: name != recipes[name].objective
    )
    own = [name for name in default if recipes[name].objective == objective]
    # Else the parts of a recipe whose batches and backbone are of the kind that this objective usually trains on.
    usual = {name: registry.load("objective", recipes[name].objective) for name in default}
    like = [name for name in default if usual[name].reads[0] == wanted.reads[0] and usual[name].batch == wanted.batch]
    for name in own + like:
        return recipes[name](), f"objective {objective}: as asked, with the parts of recipe {name}"
    raise HeadstartError(
        f"no recipe for {some_items(facts.takes)} has the parts that objective '{objective}' needs; "
        "name one with --recipe"
    )


def resolved(recipe: RecipeSpec, objective: str | None, facts: Facts) -> RunSpec:
    """Return the recipe's run by an objective; its own keeps the settings that the recipe gives it."""
    own = objective is None or objective == recipe.objective
    return recipe.resolve(facts, None if own else registry.load("objective", objective)())


def _first_choice(recipes: Mapping[str, type[RecipeSpec]], takes: str) -> tuple[RecipeSpec, str]:
    """Return the recipe that is chosen first for this kind of items, and why. Raises HeadstartError: there is none."""
    for kind in recipes.values():
        if kind.first_choice:
            return kind(), f"objective {kind.objective}: the first choice for {some_items(takes)}"
    named = ", ".join(recipes) or "none"
    raise HeadstartError(f"no recipe trains on {some_items(takes)}; name one with --recipe ({named})")
