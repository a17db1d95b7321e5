"""Columns are guessed by usual names; a heading is the text only where nothing longer is there."""

from __future__ import annotations

import pytest

from headstart.data.columns import guess_text

LONG = "a long text of many words, " * 5


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"title": "a title", "abstract": LONG}, "abstract"),
        ({"title": "a title", "plot": LONG}, "plot"),
        ({"title": "a title of some words", "year": "1999"}, "title"),
        ({"제목": "짧은 제목", "줄거리": "아주 긴 줄거리입니다. " * 9}, "줄거리"),
        ({"text": "short", "notes": LONG}, "text"),
        ({"label": "a", "body": "short", "title": LONG}, "body"),
    ],
)
def test_the_text_of_a_table(row, column):
    assert guess_text([row] * 3, "rows.csv")[0] == column
