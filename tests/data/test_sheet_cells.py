"""Guarded cells come back as they were, and no guarded cell starts a formula."""

from __future__ import annotations

import itertools

from headstart.data.sheet_cells import guarded, is_sheet, unguarded


def test_every_short_text_comes_back():
    for length in range(5):
        for letters in itertools.product("=+-@'a ", repeat=length):
            text = "".join(letters)
            assert unguarded(guarded(text)) == text
            assert not guarded(text).startswith(("=", "+", "-", "@"))


def test_other_tables_keep_their_apostrophes():
    assert not is_sheet(["text", "label"])
    assert is_sheet(["document", "label", "from_file", "from_line"])
