"""What items are called in messages and reports, in every language that reports are written in."""

from __future__ import annotations

# One, several. Korean has one form; the words are chosen so that phrases need no particle that depends on their sound.
_NOUNS = {
    "text": {"en": ("text", "texts"), "ko": ("글", "글")},
    "image": {"en": ("image", "images"), "ko": ("이미지", "이미지")},
}


def one_item(takes: str, language: str = "en") -> str:
    """Return what one item is called; takes: `text` or `image`."""
    return _NOUNS[takes][language][0]


def some_items(takes: str, language: str = "en") -> str:
    """Return what several items are called; takes: `text` or `image`."""
    return _NOUNS[takes][language][1]
