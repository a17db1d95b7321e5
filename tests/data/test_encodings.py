"""Texts of many encodings are recognised by their bytes, read at once, and told; noise is no text."""

from __future__ import annotations

import io

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.data import encodings
from headstart.data.encodings import Encoding, as_utf8, check_encoding_name, decodes, recognised, wide
from headstart.data.row import ByteStream

KOREAN = "번호,후기,평가\n1,이 영화 정말 재미있게 봤어요,긍정\n2,시간이 아까웠다... 최악,부정\n3,뷁쀍같은 영화,부정\n"
JAPANESE = "番号,感想\n1,この映画はとても面白かったです。\n2,あまり好きではありません。\n"
CHINESE = "这部电影非常好看，我很喜欢。\n第二行不太满意，故事很无聊。\n"
GERMAN = "Der Film war großartig, aber die Länge störte.\nSchön und überraschend, für alle.\n"
ENGLISH = "id,text\n1,It’s a “great” film – in a café\n2,plain\n"
RUSSIAN = "Этот фильм мне очень понравился.\nСкучный и длинный фильм.\n"
WRITTEN = [
    *((KOREAN, codec) for codec in ("utf-8", "utf-8-sig", "cp949", "utf-16", "utf-16-le", "utf-16-be", "utf-32")),
    *((KOREAN.replace("뷁쀍", "나쁜"), "euc-kr"), (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp")),
    *((CHINESE, "gb18030"), (CHINESE, "gbk"), (GERMAN, "cp1252"), (GERMAN, "latin-1"), (ENGLISH, "cp1252")),
    *((RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), ("plain ASCII\n", "ascii")),
]


def read(data: bytes, asked: str | None = None) -> str:
    stream, _ = as_utf8(ByteStream(io.BytesIO(data)), data[: 1 << 16], "rows.csv", asked)
    return stream.read().decode("utf-8")


@pytest.mark.parametrize(("text", "codec"), WRITTEN, ids=[f"{codec}-{text[:2]}" for text, codec in WRITTEN])
@pytest.mark.parametrize("times", [1, 400])
def test_a_text_is_read_whatever_its_encoding(text, codec, times):
    assert read((text * times).encode(codec)) == text * times
    assert read((text * times).encode(codec), codec) == text * times


def test_one_short_row_of_korean():
    assert read("후기,평가\n좋아요,1\n".encode("cp949")) == "후기,평가\n좋아요,1\n"


def test_the_confidence_is_told():
    found = recognised(KOREAN.encode("cp949"))
    assert (found.name, found.why) == ("CP949", "100% of the letters beyond ASCII are Hangul")


def test_characters_across_the_ends_of_portions():
    text = "가나다라마바사 " * 60_000
    for codec in ("cp949", "utf-16", "gb18030"):
        assert read(text.encode(codec), codec) == text


def test_a_few_broken_bytes_leave_the_other_rows():
    data = b"\n".join([f"후기 {number}".encode("cp949") for number in range(300)]) + b"\nx\xff\xffy\n"
    stream, found = as_utf8(ByteStream(io.BytesIO(data)), data[:2_000], "rows.csv")
    lines = stream.read().split(b"\n")
    assert found.codec == "cp949"
    assert lines[0].decode() == "후기 0"
    with pytest.raises(UnicodeDecodeError):
        lines[300].decode()


def test_utf8_with_a_few_broken_bytes_is_utf8():
    data = ("후기 하나\n" * 100).encode() + b"\xff\xfe\n"
    assert recognised(data).codec == "utf-8"


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_text(seed):
    noise = np.random.default_rng(seed).integers(128, 256, 4_000, np.uint8).tobytes()
    assert recognised(noise) is None
    assert recognised(b"# -*- coding: koi8-r -*-\n" + noise) is None


def test_what_is_asked_must_fit():
    with pytest.raises(HeadstartError, match="--encoding utf-8, but its bytes are no such text; it looks like CP949"):
        read(KOREAN.encode("cp949"), "utf-8")
    with pytest.raises(HeadstartError, match="unknown encoding 'cp9499'"):
        check_encoding_name("cp9499")
    assert check_encoding_name("EUC-KR") == check_encoding_name("cp949") == "cp949"


@pytest.mark.parametrize(
    ("text", "codec", "why"),
    [
        # Of what is beyond ASCII three fifths and more are syllables, and nine tenths letters of Korean.
        ("가", "cp949", "100% of the letters beyond ASCII are Hangul"),
        ("가나다라마바ㄹㄹㄹㄹ", "cp949", "60% of the letters beyond ASCII are Hangul"),
        ("가나다라마ㄹㄹㄹㄹㄹ", "cp949", None),
        ("가나다라마바사아자α", "cp949", "90% of the letters beyond ASCII are Hangul"),
        ("가나다라마바사아αβ", "cp949", None),
        # Four fifths and more are common letters.
        ("가나다라마바사아뷁쀍", "cp949", "100% of the letters beyond ASCII are Hangul"),
        ("가나다라마바사뷁쀍뿗", "cp949", None),
        # With Chinese letters: a fifth and more of the syllables are frequent ones.
        ("大韓民國憲法第條權利이큐퓨츄뮤", "cp949", "60% of the letters beyond ASCII are Hangul"),
        ("大韓民國憲法第條權利이큐퓨츄뮤뉴", "cp949", None),
        ("大韓民國憲法이다의α", "cp949", "60% of the letters beyond ASCII are Hangul"),
        ("大韓民國憲이다의αβ", "cp949", None),
        ("大韓民國憲", "cp949", None),
        # Chats, punctuation aside.
        ("ㅋ", "cp949", "its letters beyond ASCII are those of Korean chats"),
        ("ok ㅋㅋㅠㅎ … 。", "cp949", "its letters beyond ASCII are those of Korean chats"),
        ("ㅋㅎㅠㅜㅇㄷㅅㄹㄴㄱㅈㅂㅁㅉㄲㅡ", "cp949", "its letters beyond ASCII are those of Korean chats"),
        ("ㅋㄳ", "cp949", None),
        ("·", "cp949", None),
        # A fifth of Japanese is kana.
        ("ああ東京都庁日本語学", "cp932", "20% of the letters beyond ASCII are kana"),
        ("あ東京都庁日本語学校", "cp932", None),
        ("テレビを見た", "euc_jp", "83% of the letters beyond ASCII are kana"),
        # Nine tenths of Chinese are its letters, four fifths of these common ones.
        ("这部电影非常好看我α", "gb18030", "90% of the letters beyond ASCII are Han"),
        ("这部电影非常好看αβ", "gb18030", None),
        ("这部电影非常好看電會", "gb18030", "100% of the letters beyond ASCII are Han"),
        ("这部电影非常好電會國", "gb18030", None),
        ("這部電影非常好看我α", "big5", "90% of the letters beyond ASCII are Han"),
        ("這部電影非常好看αβ", "big5", None),
        ("。，", "gb18030", None),
    ],
)
def test_letters_of_two_bytes_are_told_by_their_shares(text, codec, why):
    found = encodings._two_bytes(text.encode(codec))
    assert (None if found is None or found.codec != codec else found) == (why and Encoding(codec, 0, why))


@pytest.mark.parametrize(
    ("head", "found"),
    [
        # No language: what charset-normalizer takes for letters that are not Latin, or else a guess.
        ("abcФильм xОчень yХороший zда".encode("cp1251"), ("mac_cyrillic", "found likely, 86%")),
        (b"\xba\xb1\xb0 box\x8a\xb9", ("cp864", "found likely, 100%")),
        ("Фильм ок".encode("cp1251"), ("cp1252", "a guess: its letters fit no language well; --encoding says it")),
        (
            b"\xe9t\xe9 \xc9T\xc9\xed\x8b",
            ("cp1250", "a guess: its letters fit no language well; --encoding says it"),
        ),
        (b"    \x9d\x8c\xe3", None),
        ("東京都庁 日本語".encode("cp932"), None),
        # A language by its letters side by side.
        (
            "créée et déçûe çà".encode("cp1252"),
            ("cp1252", "a guess by few characters: the 7 characters beyond ASCII are letters and marks of French"),
        ),
        (
            ("é " * 20).encode("cp1252"),
            ("cp1252", "the 20 characters beyond ASCII are letters and marks of French"),
        ),
        (
            ("é " * 19).encode("cp1252"),
            ("cp1252", "a guess by few characters: the 19 characters beyond ASCII are letters and marks of French"),
        ),
        (
            "Этот фильм мне очень понравился".encode("cp1251"),
            ("cp1251", "its letters are the frequent ones of Cyrillic texts"),
        ),
        ("a “great” film".encode("cp1252"), ("cp1252", None)),
        (b"plain", ("utf-8", "")),
        (b"", ("utf-8", "")),
    ],
)
def test_other_encodings_are_told_with_the_reason(head, found):
    told = recognised(head)
    assert (told and (told.codec, told.mark)) == (found and (found[0], 0))
    assert found is None or found[1] is None or told.why == found[1]


@pytest.mark.parametrize(
    ("text", "mark", "codec"),
    [
        ("가a", "utf-8-sig", "utf-8"),
        ("가a", "utf-16", "utf-16-le"),
        ("가a", "utf-32", "utf-32-le"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding(text, mark, codec):
    data = text.encode(mark)
    size = len(data) - len(text.encode(codec))
    assert wide(data) == Encoding(codec, size, "by its byte-order mark")
    assert read(data) == read(data, "cp949") == text
    stream, found = as_utf8(ByteStream(io.BytesIO(data)), data, "f", "utf-16")
    assert found == Encoding(codec, size, "as asked")
    assert stream.read().decode() == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a", True),
        ("가a힣", True),
        ("가" * 9 + "a", True),
        ("힣" * 9 + "a", True),
        ("a\r\n\tb", True),
        ("abcdefghij\x01", True),  # of eleven characters one may be no text, of ten none
        ("abcdefghi\x01", False),
        ("abcdefghijé", True),
        ("abcdefghié", False),
    ],
)
def test_utf_16_without_a_mark_is_told_by_nine_tenths_of_its_characters(text, told, codec):
    found = Encoding(codec, 0, "by its zero bytes") if told else None
    assert wide(text.encode(codec)) == found
    assert wide(text.encode(codec) + b"\x00") == found or len(text) == 1  # a character that is cut off


def test_bytes_without_zeros_or_marks_are_not_wide():
    assert wide("나다".encode("utf-16-le")) is None
    assert wide(b"") is None


@pytest.mark.parametrize(
    ("good", "bad", "told"), [(9, 1, True), (8, 1, False), (18, 2, True), (17, 2, False), (19, 1, True)]
)
def test_a_tenth_of_the_lines_of_utf8_may_be_broken(good, bad, told):
    head = b"\n".join(["좋아요 정말".encode()] * good + [b"x \xff y"] * bad)
    assert (recognised(head) == Encoding("utf-8")) is told
    assert not told or read_bytes(head) == head


@pytest.mark.parametrize(("good", "bad", "told"), [(2, 2, True), (1, 2, False), (3, 2, True)])
def test_utf8_is_what_holds_more_of_it_than_of_anything_else(good, bad, told):
    head = ("plain\n" * 20 + "é" * good).encode() + b"\xff\xfe"[:bad]
    assert (recognised(head).codec == "utf-8") is told


def test_the_last_character_may_be_cut_off():
    assert decodes("가나".encode()[:-1], "utf-8")
    assert not decodes(b"\xff\xff", "utf-8")
    assert not decodes(b"a\xe9b", "utf-8")


def broken(codec: str, data: bytes, start: int, end: int) -> tuple[str, int]:
    return encodings._as_bytes(UnicodeDecodeError(codec, data, start, end, "why"))


def test_broken_bytes_stay_and_of_wide_encodings_the_line_goes():
    assert broken("cp949", b"ab\xfe\x40\xffc", 2, 4) == ("\udcfe\udcc0", 4)
    line = "ab\ncd\n".encode("utf-16-le")
    assert broken("utf-16-le", line, 0, 2) == ("\udcff", 4)
    assert broken("utf-16-le", line, 4, 6) == ("\udcff", 10)
    assert broken("utf-16-be", "ab\ncd".encode("utf-16-be"), 6, 8) == ("\udcff", 10)
    assert broken("utf-16-be", "ab\ncd".encode("utf-16-be") + b"\x01", 6, 8) == ("\udcff", 10)
    # A line end in the middle of two characters is none.
    assert broken("utf-16-le", b"a\x00\x61\x0a\x00\x61\x0a\x00", 0, 2) == ("\udcff", 6)
    assert broken("utf-16-be", b"\x00a\x00b\x00c\x61\x00\x0a\x61\x00\x0a", 1, 3)[1] in (7, 9, 11)
    assert broken("utf-32-le", "a\nb".encode("utf-32-le"), 0, 4) == ("\udcff", 4)
    assert broken("utf-32-le", "abc\nb".encode("utf-32-le"), 0, 4) == ("\udcff", 12)
    assert broken("utf-32-le", "abc".encode("utf-32-le") + b"\x01\x00", 0, 4) == ("\udcff", 12)
    assert broken("utf-16-le", b"a\x00\x00\xd8", 2, 4) == ("\udcff", 4)
    with pytest.raises(UnicodeEncodeError):
        encodings._as_bytes(UnicodeEncodeError("ascii", "가", 0, 1, "why"))


@pytest.mark.parametrize(("codec", "size"), [("utf-16-le", 2), ("utf-16-be", 2), ("utf-32-le", 4), ("cp949", 1)])
def test_a_broken_line_is_named_and_the_others_read(codec, size):
    bad = "x".encode(codec) + (b"\xff" * 8 if size != 2 else "\udc00\udc00".encode(codec, "surrogatepass"))
    data = b"".join([part.encode(codec) if isinstance(part, str) else part for part in ("하나\n", bad, "\n둘\n셋")])
    raw = encodings._Recoded(ByteStream(io.BytesIO(data)), codec)
    whole = io.BufferedReader(raw, 3).read()
    lines = whole.split(b"\n")
    assert [line.decode() for line in (lines[0], *lines[2:])] == ["하나", "둘", "셋"]
    with pytest.raises(UnicodeDecodeError):
        lines[1].decode()


@pytest.mark.parametrize(
    ("name", "codec", "shown"),
    [
        (None, None, None),
        ("utf8", "utf-8", "UTF-8"),
        ("UTF-16LE", "utf-16-le", "UTF-16"),
        ("utf-32-be", "utf-32-be", "UTF-32"),
        ("EUC-KR", "cp949", "CP949"),
        ("shift-jis", "cp932", "Shift-JIS"),
        ("GBK", "gb18030", "GB18030"),
        ("latin-1", "latin_1", "Latin-1"),
        ("windows-1252", "cp1252", "Windows-1252"),
        ("iso-8859-2", "iso8859_2", "ISO8859_2"),
    ],
)
def test_names_of_encodings(name, codec, shown):
    assert check_encoding_name(name) == codec
    assert codec is None or Encoding(codec).name == shown


@pytest.mark.parametrize(("good", "refused"), [(9, False), (8, True)])
def test_what_is_asked_may_have_a_tenth_of_broken_lines(good, refused):
    data = ("후기\n" * good).encode("cp949") + b"x\xff\xffy\n"
    if not refused:
        assert read_bytes(data, "cp949").count("후기".encode()) == good
        return
    with pytest.raises(HeadstartError, match=r"rows\.csv: --encoding cp949, but its bytes are no such text"):
        read_bytes(data, "cp949")


def read_bytes(data: bytes, asked: str | None = None) -> bytes:
    stream, found = as_utf8(ByteStream(io.BytesIO(data)), data[: 1 << 16], "rows.csv", asked)
    assert asked is None or found.why == "as asked"
    return stream.read()


def test_what_is_asked_and_wrong_is_told_with_what_it_looks_like():
    for data, asked, hint in [
        (KOREAN.encode("cp949"), "utf-8", "; it looks like CP949"),
        (KOREAN.encode("utf-8"), "ascii", "; it looks like UTF-8"),
        ("東京都庁 日本語".encode("cp932"), "utf-8", ""),
    ]:
        with pytest.raises(HeadstartError) as caught:
            read_bytes(data, asked)
        assert str(caught.value) == f"rows.csv: --encoding {asked}, but its bytes are no such text{hint}"
    with pytest.raises(HeadstartError, match=r"rows\.csv: not UTF-8 and no encoding recognised"):
        read_bytes("東京都庁 日本語".encode("cp932"))


def test_utf8_is_not_written_anew():
    stream = ByteStream(io.BytesIO(b"\xef\xbb\xbfab"))
    assert as_utf8(stream, b"\xef\xbb\xbfab", "f")[0] is stream
    assert stream.read() == b"ab"
