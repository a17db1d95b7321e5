"""Texts of many encodings are recognised by their bytes, read at once, and told; noise is no text."""

from __future__ import annotations

import io

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.data.encodings import as_utf8, check_encoding_name, recognised
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
    assert recognised(np.random.default_rng(seed).integers(128, 256, 4_000, np.uint8).tobytes()) is None


def test_what_is_asked_must_fit():
    with pytest.raises(HeadstartError, match="--encoding utf-8, but its bytes are no such text; it looks like CP949"):
        read(KOREAN.encode("cp949"), "utf-8")
    with pytest.raises(HeadstartError, match="unknown encoding 'cp9499'"):
        check_encoding_name("cp9499")
    assert check_encoding_name("EUC-KR") == check_encoding_name("cp949") == "cp949"
