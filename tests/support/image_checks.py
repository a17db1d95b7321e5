"""What a fuzzed image, archive or table may come to: usable images or one line that says what is wrong; never a fault,
a hang or an unbounded memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzzed_images import Fuzzed, sound

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data.corpus import Corpus
from headstart.images import decode as decoding
from headstart.images.decode import MOST_PIXELS, UnusableImage

SECONDS, MEBIBYTES = 5.0, 1_200  # of the processor for one input; beside what the process had before
_PROCESS = Path("/proc/self")


def _memory(name: str) -> int:
    """Return what Linux calls VmRSS (now) or VmHWM (the most since it was set back), in MiB; 0 elsewhere."""
    if not _PROCESS.is_dir():
        return 0
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) >> 10


@contextmanager
def within(what: str, seconds: float = SECONDS, mebibytes: int = MEBIBYTES) -> Iterator[None]:
    """Fail when the block takes more seconds of the processor or more memory."""
    if _PROCESS.is_dir():
        (_PROCESS / "clear_refs").write_text("5")
    before, begun = _memory("VmRSS"), time.process_time()
    yield
    took, more = time.process_time() - begun, _memory("VmHWM") - before
    assert took <= seconds, f"{what}: {took:.1f} s"
    assert more <= mebibytes, f"{what}: {more} MiB"


def placed(fuzzed: Fuzzed, folder: Path) -> Path:
    """Write the input and, for tables, the image that they name; an image gets a folder of its own, which is read."""
    folder.mkdir(exist_ok=True)
    (folder / "sound.png").write_bytes(sound()[0][1])
    if fuzzed.name.endswith((".zip", ".npz", ".parquet", ".jsonl", ".json")):
        (folder / fuzzed.name).write_bytes(fuzzed.data)
        return folder / fuzzed.name
    alone = folder / fuzzed.name.partition(".")[0]
    alone.mkdir()
    (alone / fuzzed.name).write_bytes(fuzzed.data)
    return alone


def outcome(
    fuzzed: Fuzzed, path: Path, decode: Callable[[ImageRef], decoding.Decoded] = decoding.decode
) -> Counter[str]:
    """Return how many images were `used` and why others were not; `refused` for an input that cannot be read at all.

    Everything but HeadstartError goes through. Checks that every message is one line that names the input.
    """
    found: Counter[str] = Counter()
    with within(f"{fuzzed.name} ({fuzzed.kind})"):
        try:
            corpus = Corpus([str(path)])
            for item in corpus.documents():
                try:
                    if isinstance(item, ImageRef):
                        check_pixels(decode(item))
                    found["used"] += 1
                except UnusableImage as fault:
                    found[fault.reason] += 1
                    check_line(str(fault), item.path.name if item.path else item.digest[:12])
            found += corpus.ledger.skipped
            assert corpus.ledger.balanced
            for line in corpus.ledger.complaints:
                check_line(line, fuzzed.name)
        except HeadstartError as error:
            found["refused"] += 1
            check_line(str(error), path.name)
    return found


def check_pixels(found: decoding.Decoded) -> None:
    pixels = found.pixels
    assert pixels.dtype == "uint8"
    assert pixels.ndim == 3
    assert pixels.shape[2] in (1, 3)
    assert 0 < pixels.shape[0] * pixels.shape[1] <= MOST_PIXELS


def check_line(text: str, name: str) -> None:
    assert name in text
    assert text.isprintable() or not {"\n", "\r", "\x1b", "\0"} & set(text), repr(text)
    assert "Traceback" not in text
