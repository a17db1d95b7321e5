"""Letters of one byte: the language whose letters fit, their places, and the encoding in which letters are frequent."""

from __future__ import annotations

import pytest

from headstart.data.single_bytes import _fit, lonely, other_letters, western

RUSSIAN = "это был очень хороший фильм"


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        # Of encodings and languages that fit alike the first.
        ("é", "cp1252", ("cp1252", "French")),
        ("ä", "cp1252", ("cp1252", "German")),
        ("ø å", "cp1252", ("cp1252", "Danish or Norwegian")),
        ("çok güzel ş ğ ı", "cp1254", ("cp1254", "Turkish")),
        ("łódź ęąś", "cp1250", ("cp1250", "Polish")),
        ("ą ś ź ł", "iso8859_2", ("iso8859_2", "Polish")),
        ("ģ ķ ļ ņ ā ē", "cp1257", ("cp1257", "Latvian")),
        ("€ ž š ä", "iso8859_15", ("iso8859_15", "Swedish or Finnish")),
        ("für schön größer", "mac_roman", ("mac_roman", "German")),
        ("für schön größer", "cp850", ("cp850", "German")),
        # Nine tenths of what is beyond ASCII must fit.
        ("é è ê ë à â ç ô û ¬", "cp1252", ("cp1252", "French")),
        ("é è ê ë à â ç ô ¬", "cp1252", None),
        ("plain", "cp1252", ("cp1252", "German")),
    ],
)
def test_a_text_of_latin_letters(text, codec, found):
    assert western(text.encode(codec)) == found


@pytest.mark.parametrize("codec", ["cp1251", "koi8_r", "cp866", "iso8859_5"])
def test_a_text_of_cyrillic_letters(codec):
    assert other_letters(RUSSIAN.encode(codec)) == (codec, "Cyrillic")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("ЭТО БЫЛ ОЧЕНЬ ХОРОШИЙ ФИЛЬМ, МНЕ ПОНРАВИЛОСЬ", "cp1251"),
        ("ЭТО БЫЛ ОЧЕНЬ ХОРОШИЙ ФИЛЬМ, МНЕ ПОНРАВИЛОСЬ", "cp866"),
        ("ДЕНЬ ОЧЕНЬ", "koi8_r"),
        ("ЭТО КНИГА", "cp1251"),
        ("скучный небо", "cp1251"),
        ("хорошо сюжет потеря", "koi8_r"),
        ("Этот Фильм Мне Очень Понравился", "cp1251"),
        ("Этот Фильм Мне Очень Понравился", "koi8_r"),
        ("Скучный фильм", "cp1251"),
    ],
)
def test_capitals_are_letters_too(text, codec):
    assert other_letters(text.encode(codec)) == (codec, "Cyrillic")


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        ("ήταν μια πολύ καλή", "cp1253", ("cp1253", "Greek")),
        ("זה היה סרט טוב מאוד ואני אהבתי אותו", "cp1255", ("cp1255", "Hebrew")),
        ("كان فيلما جيدا", "cp1256", ("cp1256", "Arabic")),
        ("หนังเรื่องนี้", "cp874", ("cp874", "Thai")),
        # Eight letters and more, marks aside.
        ("онитеслк", "cp1251", ("cp1251", "Cyrillic")),
        ("онитесл", "cp1251", None),
        # Three fifths of them, and more, are frequent ones.
        ("онитес" + "ЩЩЩЩ", "cp1251", ("cp1251", "Cyrillic")),
        ("онитес" + "ЩЩЩЩЩ", "cp1251", None),
        # A less usual encoding is taken where it is ahead by a twenty-fifth.
        ("Скучный город время", "cp1251", ("cp1251", "Cyrillic")),
        ("хороший фильм", "cp866", ("cp866", "Cyrillic")),
        ("plain", "ascii", None),
        ("", "ascii", None),
        # At most a fifth of the runs touch a letter of ASCII.
        ("слова " * 8 + "xслово слово", "cp1251", ("cp1251", "Cyrillic")),
        ("слова " * 4 + "xслово", "cp1251", ("cp1251", "Cyrillic")),
        ("слова " * 3 + "xслово", "cp1251", None),
        ("слова " * 3 + "словоz", "cp1251", None),
    ],
)
def test_a_text_of_other_letters(text, codec, found):
    assert other_letters(text.encode(codec)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aéb" * 7 + "éé " * 3, False),
        ("aéb" * 8 + "éé " * 3, True),
        ("é", True),
        ("éé", False),
        ("plain", False),
    ],
)
def test_seven_tenths_of_the_bytes_beyond_ascii_stand_alone(text, found):
    assert lonely(text.encode("latin-1")) is found


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 1.0),
        ("plain", 1.0),
        ("é", 1.0),
        ("ô", 0.0),
        ("éô", 0.5),
        ("ôéé ô", 0.5),
        # A capital after a small letter is none.
        ("Éa", 1.0),
        ("AÉ", 1.0),
        ("É aÉ", 0.5),
        ("aÉa", 0.0),
        (" É", 1.0),
        # Marks between letters are none, but for apostrophes and dashes; what opens stands before letters.
        ("a’b‘c·d\u00ade–f—g", 0.8333),
        ("a”b", 0.0),
        ("a” b", 1.0),
        ("a “b", 1.0),
        ("a“ b", 0.0),
        ("“", 1.0),
        ("1”b", 1.0),
        ("a”1", 1.0),
        ("1‘b", 1.0),
        ("a‘1", 0.0),
        ("€20", 1.0),
        ("a€b c€", 0.5),
        ("ж", 0.0),
    ],
)
def test_letters_and_marks_fit_by_their_places(text, share):
    assert _fit(text, {"é"}) == pytest.approx(share, abs=1e-4)


def test_the_turkish_capital_i_has_a_dot():
    assert _fit("İi", {"ı"}) == 1.0
    assert _fit("İi", {"é"}) == 0.0
    assert _fit("é", {"ı"}) == 0.0
