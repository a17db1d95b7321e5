"""Several workers: the same cells with the same numbers as one process, and how much sooner.

    python benchmarks/workers.py --data ../shared/data --work WORK [--workers 2] [--objective halves] [--screened]

Pre-trains a masked language model on 100,000 unlabelled reviews of NSMC for a minute (once; WORK/base), then runs
`headstart compare` on 20,000 labelled and 2,000 test rows, as a program of its own each time, in one process and with
every number of workers: the same draws, one thread each (OMP_NUM_THREADS=1), no cache between commands, and so many
minutes that the clock decides nothing. Prints a Markdown table of seconds, processor seconds and the largest memory
(every 2 s), and compares every cell with that of one process: score, and the SHA-256 of answers and probabilities.
--screened: the whole command with screening instead of --deep. The exit code is 1 where anything differs. About 10
minutes.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import lzma
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from headstart.comparing.cells import CellStore

ROUTES = "probe,knn,finetune,scratch,tfidf_logreg,tfidf_svm,ppmi_logreg,majority"
ROWS = {"train.tsv": 20_000, "test.tsv": 2_000, "unlabelled.txt": 100_000}  # how many are taken of each file
LOOK = 2.0  # seconds between two looks at the memory


@dataclass
class Measured:
    """One comparison. seconds: of the clock; processor: of all of its processes; memory: MB, the most of all together,
    shared pages counted once. command, worker: processor seconds of the command itself and of its busiest worker.

    load: of the machine before it began and when it ended.
    """

    name: str
    report: Path
    seconds: float
    processor: float
    memory: float
    command: float
    worker: float
    load: tuple[float, float]


def program(*arguments: object) -> list[str]:
    """Return the command that runs headstart."""
    return [sys.executable, "-m", "headstart", *map(str, arguments)]


def told_of(path: Path) -> bytes:
    """Return what the system says of a process in this file, nothing where the process has ended or is another's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def watched(first: int, used: dict[int, float]) -> float:
    """Return the memory, in MB, of a process and its children (Linux); used: their processor seconds so far."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        told = told_of(folder / "stat").rpartition(b")")[2].split()
        if told and first in (int(folder.name), int(told[1])):
            used[int(folder.name)] = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
            lines = told_of(folder / "smaps_rollup").splitlines()
            found += sum(int(line.split()[1]) for line in lines if line.startswith(b"Pss:"))
    return found / 1024


def measured(name: str, report: Path, command: list[str]) -> Measured:
    """Run a comparison. Raises CalledProcessError when it fails."""
    shutil.rmtree(report, ignore_errors=True)
    load, before, begun, most = os.getloadavg()[0], os.times(), time.monotonic(), [0.0]
    used: dict[int, float] = {}
    with open(report.with_suffix(".log"), "w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LOOK):
                most[0] = max(most[0], watched(running.pid, used))

        thread = threading.Thread(target=watch)
        thread.start()
        code = running.wait()
        ended.set()
        thread.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    after, seconds = os.times(), time.monotonic() - begun
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    command_used = used.pop(running.pid, 0.0)
    busiest = max(used.values(), default=0.0)
    loads = load, os.getloadavg()[0]
    return Measured(name, report, seconds, processor, most[0], command_used, busiest, loads)


def write_rows(nsmc: Path, work: Path) -> None:
    """Write the first rows of the data set's files."""
    sources = {"train.tsv": "train.tsv.gz", "test.tsv": "dev.tsv.gz", "unlabelled.txt": "unlabeled.txt.xz"}
    for name, source in sources.items():
        opened = gzip.open if source.endswith(".gz") else lzma.open
        with opened(nsmc / source, "rt", encoding="utf-8") as lines, open(work / name, "w", encoding="utf-8") as out:
            out.writelines(itertools.islice(lines, ROWS[name] + name.endswith(".tsv")))


def different(one: Path, two: Path) -> tuple[int, int]:
    """Return (cells in all, cells that are not in both or differ in score, answers or probabilities)."""

    def cells(report: Path) -> dict[str, tuple]:
        lines = CellStore(report / "cells").lines
        return {line["key"]: (line["entry"], line["score"], line["sha256"]) for line in lines}

    first, second = cells(one), cells(two)
    keys = first.keys() | second.keys()
    return len(keys), sum(first.get(key) != second.get(key) for key in keys)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="*", default=[2])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--labels", default="16,64")
    parser.add_argument("--routes", default=ROUTES)
    parser.add_argument("--objective", default="mlm")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--screened", action="store_true")
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HEADSTART_CACHE": "off"}
    asked.work.mkdir(parents=True, exist_ok=True)
    base = asked.work / "base"
    if not base.is_dir():
        write_rows(asked.data / "nsmc", asked.work)
        how = ["--out", base, "--minutes", 1, "--objective", asked.objective]
        subprocess.run(program("pretrain", asked.work / "unlabelled.txt", *how), check=True)
    how = ["--data", asked.work / "train.tsv", "--test", asked.work / "test.tsv", "--labels", asked.labels]
    how += ["--draws", asked.draws, "--minutes", asked.minutes, "--routes", asked.routes, "--no-winner"]
    how += [] if asked.screened else ["--deep"]
    runs = []
    for workers in (None, *asked.workers):
        name = "one process" if workers is None else f"{workers} workers"
        report = asked.work / name.replace(" ", "-")
        more = [] if workers is None else ["--workers", workers]
        runs.append(measured(name, report, program("compare", base, *how, *more, "--out", report)))
        print(f"{name}: {runs[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    print("| run | s | times as fast | processor s | of the command | of a worker | MB | cells | that differ | load |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    wrong = 0
    for run in runs:
        cells, differ = different(runs[0].report, run.report)
        wrong += differ
        took = f"{run.seconds:.0f} | {runs[0].seconds / run.seconds:.2f} | {run.processor:.0f}"
        parts = f"{run.command:.0f} | {run.worker:.0f} | {run.memory:.0f}"
        load = " to ".join(f"{one:.1f}" for one in run.load)
        print(f"| {run.name} | {took} | {parts} | {cells} | {differ} | {load} |")
    if asked.screened:
        told = [json.loads((run.report / "screening.json").read_text())["decision"]["finalists"] for run in runs]
        print(f"\nfinalists: {'the same' if all(one == told[0] for one in told) else told}")
        wrong += any(one != told[0] for one in told)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
