"""What a fuzzed text or table may come to in every way of reading: rows, or one line that says what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fuzzed_images import Fuzzed
from image_checks import check_line, within

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.memory_files import as_files
from headstart.data.open import read_rows
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_items
from headstart.data.task_guess import guess_task

SECONDS, MEBIBYTES = 5.0, 1_000  # of the processor for one input in one way of reading; beside what was there before


def corpus_of(path: Path) -> Ledger:
    """Read a file as a corpus."""
    corpus = Corpus([str(path)])
    for _ in corpus.documents():
        pass
    assert corpus.ledger.balanced
    return corpus.ledger


def task_of(path: Path) -> Ledger:
    """Read a file as labelled rows of the task that it looks like."""
    request = ReadRequest(paths=[str(path)])
    name, _ = guess_task(request)
    _, ledger = registry.load("task", name)().read_examples(ReadRequest(paths=[str(path)], task=name))
    return ledger


def items_of(path: Path) -> Ledger:
    """Read a file as rows to be answered."""
    return read_items(ReadRequest(paths=[str(path)]))[1]


def reader_of(number: int) -> Callable[[Path], Ledger]:
    """Return what reads a file by one of the registered readers, whatever it is."""
    files = [name for name in registry.names("reader") if not registry.load("reader", name).folders]
    name = files[number % len(files)]

    def read(path: Path) -> Ledger:
        ledger = Ledger()
        for _ in read_rows(str(path), ledger, reader=registry.load("reader", name)()):
            pass
        return ledger

    return read


def outcome(fuzzed: Fuzzed, path: Path, ways: list[Callable[[Path], Ledger]]) -> Counter[str]:
    """Return how many ways of reading came to `rows` and how many were `refused`; everything else goes through."""
    found: Counter[str] = Counter()
    for way in ways:
        with within(f"{fuzzed.name} ({fuzzed.kind}, {way.__name__})", SECONDS, MEBIBYTES):
            try:
                ledger = way(path)
            except HeadstartError as error:
                found["refused"] += 1
                check_line(str(error), path.name if path.suffix != ".zip" else "")
            else:
                found["rows"] += 1
                for line in [*ledger.complaints, *ledger.notes]:
                    check_line(line, "")
    return found


def memory_outcome(given: object, folder: Path) -> str:
    """Return `rows` or `refused` of what is in memory; everything else goes through."""
    try:
        (path, *_) = as_files(given, lambda: folder)
        if not Path(path).is_relative_to(folder):  # a name of a file that is not there
            return "refused"
        task_of(Path(path))
    except HeadstartError as error:
        check_line(str(error), "")
        return "refused"
    return "rows"
