"""Normal forms are those of Unicode, also of texts that pile up marks."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.core import normal_form as module
from headstart.core.normal_form import normal_form

MARKS = "\u0301\u0316\u0f73\u0344\uff9e\u3099\u0327\u0345"


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@settings(max_examples=15)
@given(before=st.text(max_size=20), marks=st.text(MARKS, min_size=80, max_size=300), after=st.text(max_size=20))
def test_piled_marks_are_normalised_as_unicodedata_does(form, before, marks, after):
    text = (before + "e" + marks + after) * 3 + "a" * module._LONG
    assert normal_form(text, form) == unicodedata.normalize(form, text)


@pytest.mark.full
def test_all_marks_are_known():
    """What begins with a mark once it is taken apart lies in the range that is looked through."""
    for spread in ("NFD", "NFKD"):
        outside = [*range(module._FIRST), *range(module._LAST, sys.maxunicode + 1)]
        apart = (unicodedata.normalize(spread, chr(code)) for code in outside)
        assert not any(unicodedata.combining(one[0]) for one in apart)
