"""Bar C2: leaks planted in a test part (1 % of its rows of each kind, at least 100), recall, false alarms, time.

Command: python benchmarks/audit.py --data ../shared/data
A flagged row that was not planted is judged by an edit distance and a set of 5-grams of its own, written out here.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import time
import unicodedata
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from headstart.auditing.audit import run_audit
from headstart.auditing.copies import Copies
from headstart.core.examples import Examples
from headstart.text.folding import fold, fold_all

SHARE = 0.01


def edited(text: str, random: np.random.Generator, how: str) -> str:
    """Return `text` with one letter exchanged, put in or taken out."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()] or [0]
    place = int(random.choice(places))
    letter = str(random.choice(list("가나다라마바사아자차" if any("가" <= c <= "힣" for c in text) else "abcdefgh")))
    if how == "insert":
        return text[:place] + letter + text[place:]
    return text[:place] + (letter if how == "substitute" else "") + text[place + 1 :]


def spaced(text: str, random: np.random.Generator) -> str:
    """Return `text` with a blank put in and another one taken out."""
    place = int(random.integers(0, len(text) + 1))
    return f"{text[:place]} {text[place:].replace(' ', '', 1)}"


KINDS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "exact": lambda text, random: text,
    "substitute": lambda text, random: edited(text, random, "substitute"),
    "insert": lambda text, random: edited(text, random, "insert"),
    "delete": lambda text, random: edited(text, random, "delete"),
    "spacing": spaced,
    "case": lambda text, random: text.swapcase(),
    "nfd": lambda text, random: unicodedata.normalize("NFD", text),
}


def distance(one: str, other: str) -> int:
    """Return the edit distance of two texts."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        last, row[0] = row[0], number
        for place, beside in enumerate(other, 1):
            last, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, last + (letter != beside))
    return row[-1]


def truly_near(one: str, other: str) -> bool:
    """Return whether a finding is right: equal folds, one edit, or 80 % of the 5-grams of long texts."""
    one, other = fold(one), fold(other)
    if len(one) < 400 and distance(one, other) <= 1:
        return True
    first, second = ({text[at : at + 5] for at in range(len(text) - 4)} for text in (one, other))
    return min(len(one), len(other)) >= 100 and len(first & second) >= 0.8 * len(first | second)


def plant(train: list[str], test: list[str]) -> None:
    """Plant each kind, and print recall, false alarms and what a brute force over some rows finds."""
    random = np.random.default_rng(7)
    count = max(100, round(SHARE * len(test)))
    planted, kinds = list(test), [""] * len(test)
    for kind, change in KINDS.items():
        candidates = (train[row] for row in random.permutation(len(train)))
        able = (text for text in candidates if kind in ("exact", "nfd", "spacing") or change(text, random) != text)
        for text in islice(able, count):
            planted.append(change(text, random))
            kinds.append(kind)
    copies = Copies(planted, fold_all(planted))
    copies.add(train, fold_all(train))
    kind_N, at_N = copies.result()
    for kind in KINDS:
        rows = [row for row, name in enumerate(kinds) if name == kind]
        print(f"  {kind:10} {np.mean(kind_N[rows] > 0):6.1%} of {len(rows)} found")
    flagged = [row for row in range(len(test)) if kind_N[row]]
    wrong = sum(not truly_near(test[row], train[at_N[row]]) for row in flagged)
    print(f"  of {len(test):,} rows not planted {len(flagged)} flagged, {wrong} of them wrongly")


def timed(train: Examples, test: Examples) -> None:
    """Print how long a whole audit takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    run_audit(train, test, progress=lambda line: print(f"    {time.perf_counter() - wall:5.1f} s  {line}", flush=True))
    rows = len(train) + len(test)
    print(f"  {rows:,} rows: {time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} s of CPU")


def table(path: Path, text: str, label: str) -> tuple[list[str], list[str]]:
    """Return (texts, labels) of a .tsv.gz or .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        if ".jsonl" in path.name:
            rows = [json.loads(line) for line in lines]
            return [row[text] for row in rows], [str(row[label]) for row in rows]
        head = next(lines).rstrip("\n").split("\t")
        cells = [line.rstrip("\n").split("\t") for line in lines]
        return [row[head.index(text)] for row in cells], [row[head.index(label)] for row in cells]


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    columns = {"nsmc": ("document", "label"), "snips": ("text", "intent")}
    for name in ("nsmc", "banking77", "snips", "movie_reviews"):
        end = "tsv" if name == "nsmc" else "jsonl"
        chosen = columns.get(name, ("text", "label"))
        train, test = (table(data / name / f"{part}.{end}.gz", *chosen)[0] for part in ("train", "dev"))
        print(f"{name}: {len(train):,} training rows, {len(test):,} test rows")
        plant(train, test)
    texts, labels = table(data / "nsmc/train.tsv.gz", "document", "label")
    with lzma.open(data / "nsmc/unlabeled.txt.xz", "rt", encoding="utf-8") as lines:
        more = [line.rstrip("\n") for line in islice(lines, 200_000 - len(texts))]
    test, test_labels = table(data / "nsmc/dev.tsv.gz", "document", "label")
    print("time: NSMC train filled up to 200,000 rows, against dev")
    number_N = np.array([int(label) for label in labels] + [len(line) % 2 for line in more])
    timed(
        Examples(items=texts + more, labels=number_N, classes=("0", "1")),
        Examples(items=test, labels=np.array([int(label) for label in test_labels]), classes=("0", "1")),
    )
    print("time: 200,000 equal rows")
    equal = Examples(
        items=["같은 글이 이십만 번 들어 있는 파일"] * 200_000, labels=np.arange(200_000) % 2, classes=("0", "1")
    )
    timed(equal, equal.take(np.arange(100)))


if __name__ == "__main__":
    main()
