"""In which encoding a text is written, by its first bytes, and its bytes as UTF-8.

Marks and zero bytes tell UTF-16 and UTF-32; what decodes as UTF-8 is UTF-8; Korean, Japanese and Chinese are told by
their common letters, the rest by charset-normalizer (which took EUC-JP for CP949 and German for Windows-1250).
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass

from headstart.core.errors import HeadstartError, unknown
from headstart.data.row import ByteStream, ChangedStream
from headstart.data.single_bytes import CODECS, lonely, other_letters, western

_KEPT = "headstart_kept"  # the name of `_as_bytes` as a handler of errors
_MARKS = (
    *((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
    *((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
)
_BROKEN = 0.1  # of the lines of UTF-8, at most, hold broken bytes
_COMMON = 0.8  # of the letters beyond ASCII, at least, are common ones of the script
_BEYOND = re.compile(r"[^\x00-\x7f\s]")
_PUNCTUATION = re.compile(r"[\u2010-\u2027\u3000-\u303f\uff00-\uff60]")
# (codec, name, codec of its common letters, letters that there must be and their share, letters that there may be
# besides, the script); all of these letters together are _LETTERS of what is beyond ASCII, punctuation aside.
_OF_TWO_BYTES = (
    ("cp949", "CP949", "euc_kr", "가-힣ㅋㅎㅠㅜ", 0.6, "ㄱ-ㆎ", "Hangul"),
    ("euc_jp", "EUC-JP", "euc_jp", "ぁ-ヿ", 0.2, "一-鿿々", "kana"),
    ("cp932", "Shift-JIS", "shift_jis", "ぁ-ヿ", 0.2, "一-鿿々", "kana"),
    ("gb18030", "GB18030", "gb2312", "一-鿿", 0.9, "", "Han"),
    ("big5", "Big5", "big5", "一-鿿", 0.9, "", "Han"),
)
_LETTERS = 0.9
_SYLLABLES = frozenset("이다는의을가에고하은로지한도어리사기자인시대를정아수일나서들만있보해그라부과제것")
_SYLLABLES_SHARE = 0.2  # of the Hangul of a Korean text with Chinese letters, at least; of garbled Chinese about .03
_CHAT = frozenset("ㅋㅎㅠㅜㅇㄷㅅㄹㄴㄱㅈㅂㅁㅉㄲㅡ")
_REFUSED = (
    *("cp949", "euc_kr", "johab", "iso2022_kr", "cp932", "shift_jis", "shift_jis_2004", "shift_jisx0213", "euc_jp"),
    *("euc_jis_2004", "euc_jisx0213", "gb2312", "gbk", "gb18030", "hz", "big5", "big5hkscs", "cp950"),
)
# What charset-normalizer is asked for: letters that are not Latin.
_OTHER_LETTERS = (
    *("cp1251", "koi8_r", "koi8_u", "koi8_t", "cp866", "iso8859_5", "mac_cyrillic", "kz1048", "ptcp154"),
    *("cp1253", "iso8859_7", "mac_greek", "cp737", "cp869", "cp1255", "iso8859_8", "cp856", "cp862", "cp1256"),
    *("iso8859_6", "cp864", "cp720", "cp874", "tis_620", "iso8859_11", "cp1258"),
)
_FEW = 20  # characters beyond ASCII
_NAMES = {codec: name for codec, name, *_ in _OF_TWO_BYTES} | {"cp1252": "Windows-1252", "latin_1": "Latin-1"}
_ALSO = {"euc_kr": "cp949", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "iso8859_1": "latin_1"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """codec: as Python calls it. mark: bytes of a byte-order mark before the text. why: by what it was recognised."""

    codec: str
    mark: int = 0
    why: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return _NAMES.get(self.codec, self.codec.upper().removesuffix("-LE").removesuffix("-BE"))


def check_encoding_name(name: str | None) -> str | None:
    """Return the codec of an encoding that was asked for. Raises HeadstartError: nobody knows it."""
    if name is None:
        return None
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        raise unknown("encoding", name, ["utf-8", "utf-16", *_NAMES.values()]) from None
    codec = codec.replace("-", "_") if not codec.startswith("utf") else codec
    return _ALSO.get(codec, codec)


def recognised(head: bytes) -> Encoding | None:
    """Return the encoding of a text from its first bytes; None where no encoding that is known makes sense of them."""
    if (found := wide(head)) is not None:
        return found
    if decodes(head, "utf-8") or (_broken(head, "utf-8") <= _BROKEN and _mostly_utf8(head)):
        return Encoding("utf-8")
    if lonely(head) and (found := western(head)) is not None:
        return Encoding(found[0], why=_told(head, found[1]))
    if (found := other_letters(head)) is not None:
        return Encoding(found[0], why=f"its letters are the frequent ones of {found[1]} texts")
    return _two_bytes(head) or _one_byte(head)


def decodes(head: bytes, codec: str) -> bool:
    """Whether the bytes are text in that encoding; the last character may be cut off."""
    try:
        codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _two_bytes(head: bytes) -> Encoding | None:
    """Return the encoding of Korean, Japanese or Chinese whose common letters these are, None where there is none.

    All of them make letters of nearly any bytes; those of a wrong one are rare letters, or of the wrong script.
    """
    for codec, _, common, letters, least, others, script in _OF_TWO_BYTES:
        if not decodes(head, codec):
            continue
        beyond = _BEYOND.findall(codecs.getincrementaldecoder(codec)().decode(head))
        words = "".join(one for one in beyond if not _PUNCTUATION.match(one))
        if codec == "cp949" and words and set(words) <= _CHAT:
            return Encoding(codec, why="its letters beyond ASCII are those of Korean chats")
        share = len(re.findall(f"[{letters}]", words)) / max(len(words), 1)
        fitting = len(re.findall(f"[{letters}{others}]", words)) >= _LETTERS * len(words)
        if codec == "cp949" and not fitting:
            fitting, share = _with_hanja(words), max(share, least)
        if share >= least and fitting and _common(words, common) >= _COMMON * len(words):
            return Encoding(codec, why=f"{share:.0%} of the letters beyond ASCII are {script}")
    return None


def _with_hanja(words: str) -> bool:
    """Whether these are Korean letters with Chinese ones among them.

    Chinese texts make Hangul too when they are read as CP949, but seldom the syllables that are common in Korean.
    """
    hangul = re.findall("[가-힣]", words)
    if len(re.findall("[가-힣ㄱ-ㆎ一-鿿豈-﫿]", words)) < _LETTERS * len(words):
        return False
    return sum(one in _SYLLABLES for one in hangul) >= _SYLLABLES_SHARE * len(hangul) > 0


def _common(words: str, codec: str) -> int:
    """Return how many letters an encoding has in two bytes."""
    return sum(len(letter.encode(codec, "ignore")) == 2 for letter in words)


def _one_byte(head: bytes) -> Encoding | None:
    """Return the encoding that charset-normalizer finds likeliest, or the best of those of Latin letters.

    Of small and exotic encodings of Latin letters it is seldom right, so that these are not taken.
    """
    from charset_normalizer import from_bytes

    found = from_bytes(head, cp_exclusion=list(_REFUSED), enable_fallback=False).best()
    if found is None:
        return None
    if found.encoding in _OTHER_LETTERS:
        return Encoding(found.encoding, why=f"found likely, {1 - found.chaos:.0%}")
    if (fitting := western(head)) is not None:
        return Encoding(fitting[0], why=_told(head, fitting[1]))
    codec = found.encoding if found.encoding in CODECS else "cp1252"
    return (
        Encoding(codec, why="a guess: its letters fit no language well; --encoding says it")
        if decodes(head, codec)
        else None
    )


def _told(head: bytes, language: str) -> str:
    count = len(re.findall(rb"[\x80-\xff]", head))
    guess = "a guess by few characters: " if count < _FEW else ""
    return f"{guess}the {count:,} characters beyond ASCII are letters and marks of {language}"


def wide(head: bytes) -> Encoding | None:
    """Return the encoding where a byte-order mark, or zero bytes of UTF-16, tell it; else None."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, len(mark), "by its byte-order mark")
    for codec in ("utf-16-le", "utf-16-be") if b"\x00" in head else ():
        text = head.decode(codec, "ignore")
        readable = sum((c.isascii() and (c.isprintable() or c in "\r\n\t")) or "가" <= c <= "힣" for c in text)
        if readable > 0.9 * len(text):
            return Encoding(codec, why="by its zero bytes")
    return None


def _mostly_utf8(head: bytes) -> bool:
    """Whether there is at least as much beyond ASCII that decodes as UTF-8 as does not."""
    mended = head.decode("utf-8", "replace")
    return sum(not c.isascii() for c in mended) >= 2 * mended.count("\ufffd")


def _as_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are no text to what encodes as no UTF-8, so that their row is named.

    `surrogateescape` fails at bytes below 128, of which UTF-16 and UTF-32 consist; of these the rest of the line goes
    with the first one that is broken, since a call for each takes long.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    width = {"utf-16": 2, "utf-32": 4}.get(error.encoding[:6], 1)
    if width == 1:
        return "".join(chr(0xDC00 | byte | 0x80) for byte in error.object[error.start : error.end]), error.end
    data, end = error.object, re.escape("\n".encode(error.encoding))
    line = re.compile(b"(?:%b)*?(?=%b)" % (b"." * width, end), re.DOTALL).match(data, error.end)
    return "\udcff", line.end() if line else max(error.end, len(data) - len(data) % width)


class _Recoded(io.RawIOBase):
    """The bytes of a text as UTF-8; bytes that are no text stay as they are, so that their rows are named."""

    def __init__(self, inner: ByteStream, codec: str):
        codecs.register_error(_KEPT, _as_bytes)
        self.inner, self.decoder, self.rest = inner, codecs.getincrementaldecoder(codec)(_KEPT), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        while not self.rest:
            data = self.inner.read1(len(buffer))
            self.rest = self.decoder.decode(data, final=not data).encode("utf-8", "surrogateescape")
            if not data:
                break
        taken, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def as_utf8(stream: ByteStream, head: bytes, source: str, asked: str | None = None) -> tuple[ByteStream, Encoding]:
    """Return the stream as UTF-8 after any byte-order mark, and what it was written in.

    head: its first bytes, which are not taken. asked: the encoding that the user names. Raises HeadstartError: it is in
    no encoding that is known, or not in the one that is named.
    """
    if (codec := check_encoding_name(asked)) is not None:
        marked = (Encoding(own, len(mark), "as asked") for mark, own in _MARKS if head.startswith(mark))
        found = next(marked, Encoding(codec, why="as asked"))
        if not decodes(head, found.codec) and _broken(head, found.codec) > _BROKEN:
            other = recognised(head)
            hint = f"; it looks like {other.name}" if other and other.codec != codec else ""
            raise HeadstartError(f"{source}: --encoding {asked}, but its bytes are no such text{hint}")
    elif (found := recognised(head)) is None:
        raise HeadstartError(
            f"{source}: not UTF-8 and no encoding recognised; find it with `file -i {source}` and say --encoding NAME"
        )
    stream.read(found.mark)
    return (stream if found.codec == "utf-8" else ChangedStream(_Recoded(stream, found.codec), stream)), found


def _broken(head: bytes, codec: str) -> float:
    """Return the share of lines with bytes that are no such text."""
    found = ["\ufffd" in line for line in head.decode(codec, "replace").splitlines()]
    return sum(found) / len(found)
