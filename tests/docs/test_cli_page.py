"""docs/cli.md and docs/settings.md are what the program prints today; every setting has a meaning."""

from __future__ import annotations

import runpy
from pathlib import Path

from headstart.core import registry
from headstart.core.setting_lines import setting_lines

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_up_to_date():
    made = runpy.run_path(str(DOCS / "make_help_pages.py"))["page"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == made, "run `make help-pages`"
    assert "--minutes FLOAT" in made


def test_every_setting_is_told():
    made = runpy.run_path(str(DOCS / "make_help_pages.py"))["settings_page"]()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == made, "run `make help-pages`"
    for axis in registry.axes():
        for name in registry.names(axis):
            for line in setting_lines(registry.load(axis, name)):
                assert line.meaning, f"{axis} {name}: {line.name} has no meaning in a docstring"
                assert line.takes
