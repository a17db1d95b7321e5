"""Every reader, trainer, encoder and filter takes time in proportion to its input, and keeps to a limit of memory.

Each gets inputs on which careless code is slow, at a size and at four times the size, in a process of its own under
limits. `--full` runs every text by itself, and larger.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest
from awkward_inputs import FILES, LEARNED, TEXTS, image_files
from bounded_work import complaint
from small_parts import documents
from tiny_images import flat
from work_of_utilities import MORE_UTILITIES, UTILITIES

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.filtering import make_sieve
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows

SECONDS, MEGABYTES = 2.0, 700  # of the larger input here
FULL = {"seconds": 40.0, "megabytes": 3_000}
NEEDS = {"morpheme": "kiwipiepy"}
SLOW = ("morpheme",)  # which loads half a gigabyte
PROCESSORS = [
    name for name in registry.fitting("processor", takes="text") if importlib.util.find_spec(NEEDS.get(name, "json"))
]
READ = [(name, *case) for name, cases in FILES.items() for case in cases]
FOLDERS = [name for name in registry.names("reader") if registry.load("reader", name).folders]


def read_all(path: object) -> None:
    try:
        for _ in read_rows(str(path), Ledger()):
            pass
    except HeadstartError:
        pass


def trained(name: str, texts: list[str]) -> object:
    return registry.load("processor", name)().train(iter([*documents(60), *texts]))


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, object]:
    return {name: trained(name, []) for name in PROCESSORS if name not in SLOW}


def test_every_reader_has_an_awkward_file():
    assert {*FILES, *FOLDERS} == set(registry.names("reader"))


def reading(name, make, folder, size, **limits) -> str:
    (folder / "1.png").write_bytes(flat(9))

    def work(n: int) -> Callable[[], None]:
        (folder / name).write_bytes(make(n))
        return lambda: read_all(folder / name)

    return complaint(work, size, **limits)


@pytest.mark.parametrize(("reader", "what", "name", "size", "make"), READ, ids=[f"{one[0]} {one[1]}" for one in READ])
def test_reading(reader, what, name, size, make, tmp_path):
    assert reading(name, make, tmp_path, size, seconds=SECONDS, megabytes=MEGABYTES) == ""


@pytest.mark.full
@pytest.mark.parametrize(("reader", "what", "name", "size", "make"), READ, ids=[f"{one[0]} {one[1]}" for one in READ])
def test_reading_more(reader, what, name, size, make, tmp_path):
    assert reading(name, make, tmp_path, 8 * size, **FULL) == ""


@pytest.mark.parametrize("reader", FOLDERS)
def test_reading_folders(reader, tmp_path):
    places = {n: image_files(tmp_path / str(n), n) for n in (40, 160)}
    assert complaint(lambda n: lambda: read_all(places[n]), 40, seconds=SECONDS, megabytes=MEGABYTES) == ""


@pytest.mark.parametrize("kind", [name for name in PROCESSORS if name not in SLOW])
def test_training(kind):
    def work(n: int) -> Callable[[], None]:
        return lambda: trained(kind, [TEXTS[name](n) for name in LEARNED])

    size = 500 if kind == "unigram" else 12_000  # whose trainer is slow
    assert complaint(work, size, seconds=SECONDS, megabytes=MEGABYTES) == ""


@pytest.mark.full
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", PROCESSORS)
def test_training_more(kind, text):
    size = {"unigram": 10_000, "morpheme": 5_000}.get(kind, 60_000)
    assert complaint(lambda n: lambda: trained(kind, [TEXTS[text](n)]), size, **FULL) == ""


@pytest.mark.parametrize("kind", [name for name in PROCESSORS if name not in SLOW])
def test_encoding(kind, tokenizers):
    def work(n: int) -> Callable[[], None]:
        texts = [make(n) for make in TEXTS.values()]
        return lambda: tokenizers[kind].encode_flat(texts)

    assert complaint(work, 6_000, seconds=SECONDS, megabytes=MEGABYTES) == ""


@pytest.mark.full
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", PROCESSORS)
def test_encoding_more(kind, text):
    tokenizer = trained(kind, [])
    for encode in (tokenizer.encode_flat, tokenizer.encode_spans if kind != "ngram" else tokenizer.encode):
        size = 5_000 if kind == "morpheme" else 200_000
        assert complaint(lambda n, encode=encode: lambda: encode([TEXTS[text](n)]), size, **FULL) == ""


@pytest.mark.full
@pytest.mark.parametrize("name", registry.names("filter"))
def test_filters(name):
    def work(n: int) -> Callable[[], None]:
        texts = [*documents(30), *(make(n) for make in TEXTS.values())]
        sieve = {"name": name}
        return lambda: make_sieve([registry.load("filter", name)().to_dict() | sieve], lambda: iter(texts))

    work(100)()  # what is made once is made before the forks
    assert complaint(work, 10_000, seconds=SECONDS, megabytes=MEGABYTES) == ""


@pytest.mark.parametrize("what", UTILITIES)
def test_utilities(what):
    size, make = UTILITIES[what]
    make(100)()  # what is made once is made before the forks
    assert complaint(make, size, seconds=SECONDS, megabytes=MEGABYTES) == ""


@pytest.mark.full
@pytest.mark.parametrize("what", UTILITIES | MORE_UTILITIES)
def test_utilities_more(what):
    size, make = (UTILITIES | MORE_UTILITIES)[what]
    make(100)()
    assert complaint(make, 4 * size, **FULL) == ""


def quadratic(n: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(n):
            for _ in range(n):
                pass

    return work


def test_the_gate_catches_what_takes_the_square():
    assert complaint(quadratic, 2_500, seconds=SECONDS, megabytes=MEGABYTES).startswith(("grows", "stopped"))


def test_the_gate_catches_what_has_no_end_and_what_takes_all_memory():
    def endless(n: int) -> Callable[[], None]:
        def work() -> None:
            while True:
                pass

        return work

    assert complaint(endless, 1, seconds=0.2, megabytes=MEGABYTES).startswith("stopped")
    assert "MemoryError" in complaint(lambda n: lambda: bytearray(n << 20), 300, seconds=SECONDS, megabytes=MEGABYTES)


def test_the_gate_lets_pass_what_grows_with_its_input():
    assert complaint(lambda n: lambda: "a" * n, 100_000, seconds=SECONDS, megabytes=MEGABYTES) == ""
