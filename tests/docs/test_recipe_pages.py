"""Every recipe has a page: its commands exist, its links lead somewhere, it says what was measured."""

from __future__ import annotations

import pytest
from test_readme import ROOT, check, commands, lost

from headstart.core import registry


@pytest.mark.parametrize("name", registry.names("recipe"))
def test_every_recipe_has_a_page(name):
    page = f"docs/recipes/{name}.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = commands(text)
    assert any(command.startswith("headstart pretrain ") for command in shown)
    for command in shown:
        check(command)
    assert lost(page, text) == []
    assert "**Measured**\n\n- " in text


def test_no_page_is_left_over():
    assert {path.stem for path in (ROOT / "docs" / "recipes").glob("*.md")} == set(registry.names("recipe"))
