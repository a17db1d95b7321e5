"""What readers and processors are made of, at work on awkward inputs of any size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from awkward_inputs import TEXTS

from headstart.core.errors import nearest
from headstart.core.normal_form import normal_form
from headstart.core.word_grams import GramRule, KnownGrams, count_grams, split_words
from headstart.data.columns import columns_of, guess_text, written_out
from headstart.data.dialect import column_names
from headstart.data.label_sets import label_sets, read_cell
from headstart.data.labels import by_key, fold, list_of
from headstart.data.ledger import Ledger
from headstart.data.span_cells import FoundSpan, placed
from headstart.data.span_offsets import Offsets
from headstart.data.tag_units import cut, seen_around
from headstart.data.task_files import Unusable
from headstart.text import folding
from headstart.text.alignment import compose
from headstart.text.shingles import partners, similarity

Work = Callable[[int], Callable[[], object]]


def on_texts(run: Callable[[str], object]) -> Work:
    """Return work on every awkward text."""

    def make(n: int) -> Callable[[], object]:
        texts = [text(n) for text in TEXTS.values()]
        return lambda: [run(text) for text in texts]

    return make


def on(make_input: Callable[[int], object], run: Callable[[object], object]) -> Work:
    """Return work on one input."""

    def make(n: int) -> Callable[[], object]:
        given = make_input(n)
        return lambda: run(given)

    return make


def spans_in(n: int) -> tuple[list[FoundSpan], str]:
    """Return n spans that count code units of UTF-16, and their text."""
    return [FoundSpan(4 * at + 2, 4 * at + 3, "x", "b") for at in range(n)], "\U0001f600b " * n


def misplaced(spans_text: tuple[list[FoundSpan], str]) -> None:
    spans, text = spans_text
    with contextlib.suppress(Unusable):
        placed([span._replace(start=span.start + 7, end=span.end + 7) for span in spans], text, Offsets())


def known_grams(text: str) -> object:
    words = split_words(text) * 30
    counts = count_grams(dict.fromkeys(words, 2), GramRule(2, 4))
    return KnownGrams(counts.strings(1000), GramRule(2, 4)).of(words)


def many_letters(n: int) -> str:
    return "".join(chr(0xAC00 + number * number % 1009) for number in range(n))


def noted(names: list[str]) -> None:
    ledger = Ledger()
    for name in names:
        ledger.note("one for all", name)


def near(n: int) -> list[str]:
    """Return n different texts that are nearly equal."""
    return [f"{'a text of very many words that come again, ' * 4}{number}" for number in range(n)]


def sets_of(names: list[str]) -> object:
    return label_sets([read_cell(names, "l"), read_cell(names[:1], "l")], None, False)


# By what they do: (the smaller size, work by size).
UTILITIES: dict[str, tuple[int, Work]] = {
    "normal form": (20_000, on_texts(normal_form)),
    "alignment": (4_000, on_texts(compose)),
    "lists": (20_000, on_texts(list_of)),
    "lists without an end": (20_000, on(lambda n: "(" + "'" * n + "x", list_of)),
    "column names": (2_000, on(lambda n: ["a"] * n, column_names)),
    "the text of many columns": (
        1_500,
        on(lambda n: [{f"c{k}": f"w {k}" for k in range(n)}] * 3, lambda rows: guess_text(rows, "f")),
    ),
    "classes by key": (2_000, on(lambda n: [f"c{number}" for number in range(n)], by_key)),
    "notes on files": (4_000, on(lambda n: [f"f{number}" for number in range(n)], noted)),
    "spans": (4_000, on(spans_in, lambda given: placed(*given, Offsets()))),
    "spans elsewhere": (2_000, on(spans_in, misplaced)),
    "features of characters": (250, on_texts(lambda text: seen_around(cut(text, "character"), "character"))),
}
# Those that were never slow, or are made of those above.
MORE_UTILITIES: dict[str, tuple[int, Work]] = {
    "fold": (8_000, on_texts(folding.fold)),
    "similarity": (10_000, on_texts(lambda text: similarity(text, text))),
    "n-grams": (600, on_texts(known_grams)),
    "lists of quotes": (20_000, on(lambda n: "(" + "'" * n + "x)", list_of)),
    "arrays": (20_000, on(lambda n: "[" + "1 " * n + "x]", list_of)),
    "written-out values": (4_000, on(lambda n: "[" + "1, " * n + "]", written_out)),
    "written-out brackets": (10_000, on(lambda n: "[{" * n, written_out)),
    "many columns": (2_000, on(lambda n: [{f"{row} {k}": 1 for k in range(n // 9)} for row in range(9)], columns_of)),
    "nearest name": (2_000, on(many_letters, lambda text: nearest(text, [text[::-1]]))),
    "spellings": (2_000, on(lambda n: {f"c{number}": 1 for number in range(n)}, fold)),
    "sets of labels": (2_000, on(lambda n: [f"c{number}" for number in range(n)], sets_of)),
    "features of words": (200, on_texts(lambda text: seen_around(cut(text, "word"), "word"))),
    "near copies": (300, on(near, partners)),
}
