"""list: what can be chosen on every axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.core import registry

if TYPE_CHECKING:
    from headstart.core.setting_lines import SettingLine


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


@dataclass(frozen=True)
class Settings:
    """choice: `objective mlm`; about: its first line; lines: its settings, see `SettingLine`."""

    choice: str
    about: str
    lines: list[SettingLine]

    def summary(self) -> str:
        """Return a line for each setting: name and default, what it takes, what it means."""
        head = f"{self.choice}: {self.about}"
        if not self.lines:
            return f"{head}\nno settings"
        wide = max(len(f"{line.name}={line.default}") for line in self.lines)
        told = [f"  {f'{line.name}={line.default}':{wide}}  {line.meaning} ({line.takes})" for line in self.lines]
        return "\n".join([head, *told])


def list_choices(axis: str | None = None, name: str | None = None, /) -> Choices | Settings:
    """List the choices of one axis, or of all; with a name the settings of that choice.

    Parameters
    ----------
    axis
        processor, backbone, objective, optimizer, head, task, route, reader, metric, recipe, export, strategy or logger
    name
        a choice, such as mlm or ./mine.py: every setting with its default and what it means
    """
    if axis is not None and name is not None:
        from headstart.core.setting_lines import setting_lines

        name = registry.named(axis, name)
        kind = registry.load(axis, name)
        return Settings(f"{axis} {name}", registry.describe(axis, name), setting_lines(kind))
    wanted = [axis] if axis else registry.axes()
    return Choices({a: {name: registry.describe(a, name) for name in registry.names(a)} for a in wanted})
