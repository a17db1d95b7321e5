"""A text on one line, cut where it is long: how reports and audits quote it."""

from __future__ import annotations

LONGEST = 160  # characters


def excerpt(text: str) -> str:
    """Return the text with white space as single spaces, at most `LONGEST` characters; half characters become `?`."""
    text = " ".join(text.split()).encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
