"""Bar T5: the most memory that `pretrain` takes for a gigabyte of text, and `compare` for 200,000 labelled rows.

    python benchmarks/memory.py DATA WORK [--mebibytes 1024] [--rows 200000] [--only lines,line,compare]

DATA: a folder of shared data (`gutenberg_en`). WORK: a folder for the texts that are made; they are removed at the end.
The text repeats the novels; every copy changes some words, so that no two are the same. `lines`: short lines. `line`:
all of it as one line. `compare`: rows of a line and the novel that it is from. What counts is the peak resident memory
(RSS) of the whole process, torch included, of the process tree the largest one; few steps are trained. Prints a table.
"""

from __future__ import annotations

import argparse
import gzip
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PRETRAIN = ("--steps", "5", "training.save_steps=5")
OBJECTIVES = {"halves": (), "mlm": ("--objective", "mlm", "backbone.width=64", "backbone.depth=2", "backbone.heads=2")}


def novels(data: Path) -> list[tuple[str, list[str]]]:
    """Return (name, lines that are not empty) of each novel."""
    found = []
    for path in sorted((data / "gutenberg_en").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found.append((path.name.partition(".")[0], [line.strip() for line in file if line.strip()]))
    return found


def varied(books: list[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    """Yield (novel, line) without end; every copy of the novels has words of its own in every tenth line."""
    source, copy = random.Random(0), 0
    while True:
        for name, lines in books:
            for line in lines:
                yield name, f"{line} {source.choice(line.split())}{copy}" if source.random() < 0.1 else line
        copy += 1


def write_text(path: Path, books: list[tuple[str, list[str]]], size: int, end: str) -> None:
    """Write a text of `size` bytes, each line followed by `end`."""
    written = 0
    with open(path, "w", encoding="utf-8") as file:
        for _, line in varied(books):
            file.write(line + end)
            written += len(line.encode()) + 1
            if written >= size:
                return


def write_rows(path: Path, books: list[tuple[str, list[str]]], rows: int) -> None:
    """Write a table of so many lines, in turns of the novels, and the novel of each."""
    every = [(line, name) for name, lines in books for line in lines]
    random.Random(0).shuffle(every)
    with open(path, "w", encoding="utf-8") as file:
        file.write("text\tlabel\n")
        file.writelines(
            f"{line.replace(chr(9), ' ')} {row // len(every) or ''}\t{name}\n".replace(" \t", "\t")
            for row, (line, name) in zip(range(rows), every * (rows // len(every) + 1))
        )


def measured(*command: object) -> tuple[float, float]:
    """Return (peak in MiB of the largest process of the tree, seconds). Raises RuntimeError: the command failed."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "headstart", *map(str, command)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    peaks: dict[int, int] = {}
    watch = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watch.start()
    _, said = process.communicate()
    watch.join()
    if process.returncode:
        raise RuntimeError(said[-2000:])
    return max(peaks.values()) / 1024, time.monotonic() - begun


def _watch(process: subprocess.Popen[str], peaks: dict[int, int]) -> None:
    while process.poll() is None:
        for number in [process.pid, *_children(process.pid)]:
            peaks[number] = max(peaks.get(number, 0), _peak(number))
        time.sleep(0.1)


def _children(number: int) -> list[int]:
    try:
        own = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except OSError:
        return []
    return [one for child in map(int, own) for one in (child, *_children(child))]


def _peak(number: int) -> int:
    """Return the most that a process had resident, in KiB."""
    try:
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def main() -> None:
    """Make the texts, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--only", default="lines,line,compare")
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    books, text, table = novels(given.data), given.work / "text.txt", given.work / "rows.tsv"
    print("| what | peak, MiB | seconds |\n|---|---|---|")
    try:
        for kind, end in (("lines", "\n"), ("line", " ")):
            if kind not in given.only.split(","):
                continue
            write_text(text, books, given.mebibytes << 20, end)
            for name in given.objectives.split(","):
                out = given.work / f"run-{kind}-{name}"
                peak, seconds = measured("pretrain", text, "--out", out, *PRETRAIN, *OBJECTIVES[name])
                print(f"| pretrain, {given.mebibytes} MiB, {kind}, {name} | {peak:,.0f} | {seconds:,.0f} |", flush=True)
        if "compare" in given.only.split(","):
            write_text(text, books, 4 << 20, "\n")
            write_rows(table, books, given.rows)
            base = given.work / "base"
            measured("pretrain", text, "--out", base, *PRETRAIN)
            how = ("--minutes", "2", "--labels", "16,256", "--out", given.work / "report")
            peak, seconds = measured("compare", base, "--data", table, *how)
            print(f"| compare, {given.rows:,} rows | {peak:,.0f} | {seconds:,.0f} |", flush=True)
    finally:
        text.unlink(missing_ok=True)
        table.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
