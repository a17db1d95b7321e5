"""Pages of commands: every command exists; `tests/full/test_page_commands.py` runs them."""

from __future__ import annotations

import pages
import pytest

PAGES = ["docs/comparing.md", "docs/tasks.md", "docs/bases.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page):
    shown = pages.of_page(page)
    assert len(shown) > 4
    for command in shown:
        pages.check(command)


def test_a_command_that_fails_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=r"nothing\.txt"):
        pages.run(["headstart pretrain nothing.txt --out RUN --minutes 3"])
