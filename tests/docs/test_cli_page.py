"""docs/cli.md is what the program prints today."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_up_to_date():
    made = runpy.run_path(str(DOCS / "make_help_pages.py"))["page"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == made, "run `make help-pages`"
    assert "--minutes FLOAT" in made
