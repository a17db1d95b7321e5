"""`--help` in the language of the user: what our options say, and what the parser itself adds to them."""

from __future__ import annotations

from typing import Any

from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel, InlineText
from rich.console import Console, ConsoleOptions
from rich.text import Text

from headstart.core.spoken import spoken


class SpokenHelp(DefaultFormatter):
    """The parser's own layout, with every text in the language that was chosen."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """See `DefaultFormatter`."""
        told = panel.copy(title=spoken(str(panel.title)), entries=[_told(entry) for entry in panel.entries])
        super().__call__(console, options, told)

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        """See `DefaultFormatter`."""
        console.print(Text(f"{spoken('Usage:')} {usage}".rstrip("\n") + "\n", style="bold"))


def _told(entry: HelpEntry) -> HelpEntry:
    """Return an entry whose description holds in words what the parser would add in English."""
    parts = [spoken(_plain(entry.description))]
    parts += [f"[{spoken('choices:')} {', '.join(entry.choices)}]"] if entry.choices else []
    parts += [f"[{spoken('default:')} {entry.default}]"] if entry.default is not None else []
    parts += [f"[{spoken('required')}]"] if entry.required else []
    # The mark of what is required stands in a column of its own, which the layout makes where anything is required.
    return entry.copy(description=Text(" ".join(filter(None, parts))), choices=None, default=None, required=False)


def _plain(description: Any) -> str:
    return str(description.primary_renderable) if isinstance(description, InlineText) else str(description or "")
