"""Write docs/cli.md, the --help of every verb, and docs/settings.md, every setting, as the program prints them.

Run: python docs/make_help_pages.py
"""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from headstart.commands.app import VERBS, build
from headstart.core import registry
from headstart.core.setting_lines import setting_lines

PAGE = Path(__file__).with_name("cli.md")
SETTINGS = Path(__file__).with_name("settings.md")
_AXES = {
    "objective": "objective.",
    "backbone": "backbone.",
    "processor": "processor.",
    "optimizer": "training.optimizer.",
    "route": "NAME.",
    "head": "",
    "reader": "",
    "filter": "filter.NAME.",
    "metric": "",
    "strategy": "",
}  # how a setting is written in front
_WIDTH = 100
_HEAD = """# The command line

Written by `make help-pages` from the program itself; `headstart VERB --help` prints the same.
"""


def help_text(*tokens: str) -> str:
    """Return what `headstart TOKENS --help` prints on a terminal of 100 columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    build().help_print(list(tokens), console=console)
    return "\n".join(line.rstrip() for line in stream.getvalue().strip().splitlines())


def page() -> str:
    """Return the whole page."""
    parts = [f"## headstart\n\n```text\n{help_text()}\n```\n"]
    parts += [f"## headstart {verb}\n\n```text\n{help_text(verb)}\n```\n" for verb in VERBS]
    return "\n".join([_HEAD, *parts])


_SETTINGS_HEAD = """# Every setting

Written by `make help-pages` from the program itself; `headstart list AXIS NAME` prints the same. A setting is given as
`objective.mask_ratio=0.3` behind a command, `probe.layer=2` for a route, or from Python as
`settings={"objective.mask_ratio": 0.3}`. What is in front of the name may be left out where one part alone has the
setting, and of routes where all that have it are meant: `mask_ratio=0.3`, `layer=2`.
"""


def settings_page() -> str:
    """Return docs/settings.md: a table for each choice that has settings."""
    parts = [_SETTINGS_HEAD]
    for axis, front in _AXES.items():
        for name in registry.names(axis):
            lines = setting_lines(registry.load(axis, name))
            if not lines:
                continue
            written = front.replace("NAME", name)
            rows = [
                f"| `{written}{one.name}` | {_cell(one.takes)} | {_cell(one.default)} | {_cell(one.meaning)} |"
                for one in lines
            ]
            head = f"## {axis} {name}\n\n{registry.describe(axis, name)}\n\n| setting | takes | default | meaning |"
            parts.append("\n".join([head, "|---|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    SETTINGS.write_text(settings_page(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
