"""In which encoding of one byte a text is written: where its letters are those of a language, and in their places.

A statistical detector is seldom sure of a few bytes beyond ASCII (it took `it’s` for CP775, `€20` for Latvian, KOI8-R
for Windows-1251); what letters a language has is known. Fitting are letters of the language, capitals where capitals
may be, and typographic marks where these may be; the first encoding with the best fit is taken, the usual ones first.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from itertools import islice
from operator import itemgetter

# Letters beyond ASCII of the languages that are written in an encoding, small ones.
_WEST = {
    "German": "äöüß",
    "French": "àâæçéèêëîïôœùûüÿ",
    "Spanish": "áéíñóúü",
    "Portuguese": "ãõáàâçéêíóôúü",
    "Italian": "àèéìíîòóùú",
    "Dutch": "áàâäçèéêëíïóöúü",
    "Swedish or Finnish": "åäöéšžüàá",
    "Danish or Norwegian": "åæøäöéèêóòâôü",
    "Icelandic": "áðéíóúýþæö",
    "Estonian": "äõöüšž",
    "Catalan": "àçèéíïòóúü",
    "Irish": "áéíóú",
    "English": "",
}
_CENTRAL = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Romanian": "ăâîşţșț",
    "Croatian or Slovene": "čćđšž",
}
_BALTIC = {"Lithuanian": "ąčęėįšųūž", "Latvian": "āčēģīķļņšūž", "Estonian": "äõöüšž"}
_TURKISH = {"Turkish": "çğıöşüâîû"}
# In the order in which they are taken where they fit alike.
_TRIED: tuple[tuple[str, dict[str, str]], ...] = (
    *(("cp1252", _WEST), ("cp1254", _TURKISH), ("cp1250", _CENTRAL), ("iso8859_2", _CENTRAL), ("cp1257", _BALTIC)),
    *(("iso8859_15", _WEST), ("mac_roman", _WEST), ("cp850", _WEST), ("cp852", _CENTRAL), ("cp437", _WEST)),
)
CODECS = tuple(codec for codec, _ in _TRIED)
_BEYOND = re.compile(r"[^\x00-\x7f]")
_WITH_NEXT = re.compile(r"([^\x00-\x7f])(?=([^\x00-\x7f]?))")
_MARKS = set("€£¥©®™°«»‹›“”‘’–—…·•§½¼¾²³¹ªº¿¡\u00a0\u00ad×±µ†‰")
_OPENING = set("«‹“‘¿¡")
# The letters that make two thirds and more of a text, small ones where there are capitals.
_CYRILLIC, _GREEK = frozenset("оеаинтсрвлкмдпуяыьі"), frozenset("αοιετσνηυρπκμλςάίόέή")
_HEBREW, _ARABIC, _THAI = frozenset("ויהלארתבמשנ"), frozenset("اليمونترب"), frozenset("ารนกอเงมยลวดท่้ีัคสบ")
_FREQUENT = (
    *(("cp1251", "Cyrillic", _CYRILLIC), ("koi8_r", "Cyrillic", _CYRILLIC), ("cp866", "Cyrillic", _CYRILLIC)),
    *(("iso8859_5", "Cyrillic", _CYRILLIC), ("mac_cyrillic", "Cyrillic", _CYRILLIC)),
    *(("cp1253", "Greek", _GREEK), ("iso8859_7", "Greek", _GREEK), ("cp1255", "Hebrew", _HEBREW)),
    *(("cp1256", "Arabic", _ARABIC), ("iso8859_6", "Arabic", _ARABIC), ("cp874", "Thai", _THAI)),
)
_LOOKED_AT = 4_000  # characters beyond ASCII, at most, by which languages of Latin letters are told
_FEWEST = 8  # letters
_OFTEN = 0.6  # of them, at least, are frequent ones
_CAPITALS = 0.1  # by which a text of capitals alone must have more of them: they may be small letters of another one
_CLEAR = 0.04  # by which a less usual encoding must be ahead
_MIXED = 0.2  # of the runs of other letters, at most, touch a letter of ASCII
_FIT = 0.9  # of what is beyond ASCII, at least


def western(head: bytes) -> tuple[str, str] | None:
    """Return (codec, the language whose letters fit best), or None where no language fits well."""
    found: list[tuple[float, str, str]] = []
    for codec, languages in _TRIED:
        with suppress(UnicodeDecodeError):
            text = head.decode(codec)
            found += [(_fit(text, set(letters)), codec, language) for language, letters in languages.items()]
    share, codec, language = max(found, key=itemgetter(0))
    return (codec, language) if share >= _FIT else None


def other_letters(head: bytes) -> tuple[str, str] | None:
    """Return (codec, script) of a text in Cyrillic, Greek, Hebrew, Arabic or Thai letters, or None: it is none.

    The letters that are frequent in the right encoding are rare ones, or capitals within words, in the others.
    """
    mixed = len(re.findall(rb"[a-zA-Z][\x80-\xff]|[\x80-\xff][a-zA-Z]", head))
    if mixed > _MIXED * len(re.findall(rb"[\x80-\xff]+", head)):
        return None  # words of ASCII letters and others: Latin letters with accents
    found, most = None, 0.0
    for codec, script, frequent in _FREQUENT:
        pairs = Counter(_WITH_NEXT.findall(head.decode(codec, "replace")))
        beyond = [(one, after, count) for (one, after), count in pairs.items() if one not in _MARKS]
        letters, capitals = sum(count for *_, count in beyond), "".join(one for one, *_ in beyond).isupper()
        small = [(one.lower() if capitals or after.islower() else one, count) for one, after, count in beyond]
        often = sum(count for one, count in small if one in frequent) - capitals * _CAPITALS * letters
        if letters >= _FEWEST and often >= max(_OFTEN, most + _CLEAR) * letters:
            found, most = (codec, script), often / letters
    return found


def lonely(head: bytes) -> bool:
    """Whether most bytes beyond ASCII stand alone between letters of ASCII, as in languages of Latin letters."""
    runs = re.findall(rb"[\x80-\xff]+", head)
    return sum(len(run) == 1 for run in runs) > 0.7 * len(runs)


def _fit(text: str, letters: set[str]) -> float:
    """Return the share of characters beyond ASCII that fit, by their places too."""
    fitting = total = 0
    for match in islice(_BEYOND.finditer(text), _LOOKED_AT):
        at, one = match.start(), match.group()
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        total += 1
        if one.lower() in letters or (one == "İ" and "ı" in letters):
            # A capital after a small letter, as in `itÕs`, is none.
            fitting += not (one.isupper() and before.islower())
        elif one in _MARKS:
            inside = before.isalpha() and after.isalpha()
            fitting += not ((one in _OPENING and before.isalpha()) or (inside and one not in "’‘·\u00ad–—"))
    return fitting / total if total else 1.0
