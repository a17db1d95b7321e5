"""Lines of progress: a notebook shows the latest one with a bar, everything else prints them."""

from __future__ import annotations

import html
import sys
import unicodedata
from typing import Any

from headstart.core.spoken import spoken


class ProgressLine(str):
    """A line that takes the place of the one before it where lines can be rewritten. share: what is done, 0 to 1."""

    share: float

    def __new__(cls, text: str, share: float) -> ProgressLine:
        line = super().__new__(cls, text)
        line.share = min(max(share, 0.0), 1.0)
        return line


def columns(text: str) -> int:
    """Return how many columns a text takes on a terminal, where Korean, Chinese and Japanese letters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


class _Bar:
    """The bar below a cell; a new one for every piece of work."""

    handle: Any = None
    share = 1.0

    def show(self, line: ProgressLine) -> None:
        from IPython.display import HTML, display

        bar = f'<progress max="1" value="{line.share:.4f}" style="width:12em;vertical-align:middle"></progress>'
        shown = HTML(f'<div style="font-family:monospace;white-space:pre-wrap">{bar} {html.escape(spoken(line))}</div>')
        if self.handle is None or line.share < self.share:
            self.handle = display(shown, display_id=True)
        else:
            self.handle.update(shown)
        self.share = line.share


_BAR = _Bar()


def in_notebook() -> bool:
    """Whether the program runs in a notebook, where output can be rewritten; imports nothing."""
    if "IPython" not in sys.modules:
        return False
    return type(sys.modules["IPython"].get_ipython()).__name__ == "ZMQInteractiveShell"


def shown_in_notebook(line: ProgressLine) -> bool:
    """Show the line in the notebook, if there is one; return whether there is."""
    if not in_notebook():
        return False
    _BAR.show(line)
    return True
