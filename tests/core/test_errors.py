"""core/errors: a message is one line of readable length, whatever it quotes."""

from __future__ import annotations

import time

from headstart.core.errors import HeadstartError, one_line


def test_a_message_is_one_line_whatever_it_quotes():
    assert str(HeadstartError("column 'a\nb\x1b[31m\u2028c\ud800' is no text")) == (
        "column 'a\\nb\\x1b[31m\\u2028c\\ud800' is no text"
    )
    assert str(HeadstartError("영화 é\u00a0")) == "영화 é\u00a0"


def test_a_message_that_quotes_megabytes_is_short_and_quick():
    begun, name = time.process_time(), "a,\n" * 5_000_000
    told = str(HeadstartError(f"rows.csv: column '{name}' is empty"))
    assert time.process_time() - begun < 0.5
    assert told.startswith("rows.csv: column 'a,\\na")
    assert told.endswith("' is empty")
    assert len(told) < 8_000
    assert len(one_line("a" * 5_000)) == 4_005
