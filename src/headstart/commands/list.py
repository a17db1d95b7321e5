"""list: what can be chosen on every axis."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry


@dataclass(frozen=True)
class Choices:
    """axes: {axis: {name: one line}}."""

    axes: dict[str, dict[str, str]]

    def summary(self) -> str:
        """Return the listing as text."""
        wide = max(len(name) for choices in self.axes.values() for name in choices)
        blocks = []
        for axis, choices in self.axes.items():
            lines = [f"  {name.ljust(wide)}  {line}" for name, line in choices.items()]
            blocks.append("\n".join([axis, *lines]))
        return "\n\n".join(blocks)


def list_choices(axis: str | None = None, /) -> Choices:
    """List the choices of one axis, or of all.

    Parameters
    ----------
    axis
        processor, backbone, objective, optimizer, head, task, route, reader, metric, recipe, export or strategy
    """
    wanted = [axis] if axis else registry.axes()
    return Choices({a: {name: registry.describe(a, name) for name in registry.names(a)} for a in wanted})
