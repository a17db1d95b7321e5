"""Bar E8: `compare` on every task that is not classification, each from raw text: pre-train, compare, read the report.

Command: python benchmarks/compare_tasks.py korsts --data ../shared/data --work WORK
Prints every command as it can be typed, runs it (pre-trained bases in WORK are kept and shared), measures its seconds
against the minutes it was given, and prints the part of the table in benchmarks/results. 6 to 15 minutes a task, one
thread.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headstart.core import registry
from headstart.reporting.number_text import signed_with_interval, with_interval

MOST = 1.1  # times the minutes asked for
DRAWS = 8  # from 6 on a difference can be decided
COMMON = ["--threads", "1", "--seed", "0"]


@dataclass(frozen=True)
class Base:
    """corpus: files below the data folder; options: of `pretrain`; minutes; part: see `Task`, of all files."""

    corpus: tuple[str, ...]
    options: str
    minutes: float
    part: str = ""


@dataclass(frozen=True)
class Task:
    """base: of BASES. train, test: files below the data folder. options: of `compare`. minutes: for it.

    train_part, test_part: a command that reads the file and writes the rows to use; all rows without one.
    """

    base: str
    train: str
    test: str
    options: str
    minutes: float
    train_part: str = ""
    test_part: str = ""


BASES = {
    "ko_halves": Base(("nsmc/unlabeled.txt.xz",), "--objective halves", 3),
    "ko_char": Base(("nsmc/unlabeled.txt.xz",), "--objective mlm processor=char", 5),
    "en_mlm": Base(("gutenberg_en", "wikitext2"), "--objective mlm", 5),
    "ko_en": Base(("tatoeba_ko_en/train.jsonl.gz", "ko_en_parallel/*.jsonl.gz"), "--recipe t5", 3, "jq -r '.ko, .en'"),
}
TASKS = {
    "korsts": Task(
        "ko_halves",
        "korsts/train.tsv.gz",
        "korsts/dev.tsv.gz",
        "--task regress --text sentence1 --text2 sentence2 --label score --labels 16,64,256 "
        "--routes probe,nearest,finetune,scratch,tfidf_ridge,tfidf_cosine,majority",
        8,
    ),
    "snips": Task(
        "en_mlm",
        "snips/train.jsonl.gz",
        "snips/dev.jsonl.gz",
        "--task tag --label entities --labels 64,256 --routes probe,finetune,scratch,window_tagger,majority",
        8,
    ),
    "klue": Task(
        "ko_char",
        "klue/ner_train.jsonl.gz",
        "klue/ner_dev.jsonl.gz",
        "--task tag --label entities --labels 64,256 --routes probe,finetune,scratch,window_tagger,majority",
        8,
    ),
    "squad": Task(
        "en_mlm",
        "squad2/train.json.gz",
        "squad2/dev.json.gz",
        "--task answer --labels 64,256 --routes finetune,scratch,overlap_answer,majority",
        8,
        test_part="jq '.data[].paragraphs |= [.[range(0; length; 3)]]'",
    ),
    "tatoeba": Task(
        "ko_en",
        "tatoeba_ko_en/train.jsonl.gz",
        "tatoeba_ko_en/dev.jsonl.gz",
        "--task generate --text ko --label en --labels 64,256 --routes finetune,scratch,tfidf_memory,majority",
        8,
        test_part="awk 'NR % 3 == 0'",
    ),
    "question_pairs": Task(
        "ko_halves",
        "ko_question_pair/train.tsv.gz",
        "ko_question_pair/dev.tsv.gz",
        "--task retrieve --text question1 --text2 question2 --labels 16,64,256 "
        "--routes nearest,finetune,scratch,tfidf_cosine",
        5,
        *2 * (r"awk -F'\t' 'NR == 1 || $3 == 0'",),
    ),
}


def keep_part(paths: list[str], part: str, out: Path) -> str:
    """Print and run the command that keeps a part of some files; return the file that it writes."""
    command = f"zcat {' '.join(paths)} | {part} > {out}"
    print(command)
    subprocess.run(command, shell=True, check=True)
    return str(out)


def pretrained(name: str, data: Path, work: Path) -> float:
    """Train a base in `work`; return the seconds of `pretrain`."""
    base = BASES[name]
    corpus = [str(data / path) for path in base.corpus]
    if base.part:
        corpus = [keep_part(corpus, base.part, work / f"{name}.txt")]
    words = ["pretrain", *corpus, "--out", str(work / name), *base.options.split()]
    return run([*words, "--minutes", f"{base.minutes:g}", *COMMON], work / f"{name}.log")


def run(words: list[str], log: Path) -> float:
    """Print and run a command of headstart, keep what it says in `log`; return its seconds."""
    print("headstart " + " ".join(map(shlex.quote, words)), flush=True)
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") as out:
        subprocess.run([sys.executable, "-m", "headstart", *words], stdout=out, stderr=subprocess.STDOUT, check=True)
    return time.monotonic() - begun


def table(report: dict) -> Iterator[str]:
    """Yield a table of all entries: score, difference to the best classical entry, difference to random start."""
    limits = tuple(registry.load("metric", report["metric"]["name"]).limits)
    bases = {one["name"]: one["base"] for one in report["entries"]}
    yield "| labels | entry | draws | score | against the best classical row | against random start | seconds |"
    yield "|---|---|---|---|---|---|---|"
    for size in report["sizes"]:
        pairs = {(one["first"], one["second"]): one for one in size["pairs"]}
        classical = next((one["entry"] for one in size["entries"] if one["kind"] == "classical"), None)
        for one in size["entries"]:
            name = one["entry"]
            control = f"scratch · {bases[name]}" if one["kind"] == "pretrained" else None
            cells = [
                f"{size['labels']:,}",
                f"**{name}**" if name == classical else name,
                f"{len(one['scores'])}",
                with_interval(one["mean"], *ends(one), limits),
                *(difference(pairs, name, other, limits) for other in (classical, control)),
                f"{one['seconds']:.1f}",
            ]
            yield f"| {' | '.join(cells)} |"


def ends(one: dict) -> tuple[float, float]:
    """Return the ends of an interval, not-a-number where there is none."""
    return tuple(math.nan if one[end] is None else one[end] for end in ("low", "high"))


def difference(pairs: dict, name: str, other: str | None, limits: tuple[float, float]) -> str:
    """Return a paired difference, with the draws in which `name` is ahead."""
    for pair, sign in (((name, other), 1), ((other, name), -1)):
        if found := pairs.get(pair):
            low, high = ends(found)
            low, high = (low, high) if sign > 0 else (-high, -low)
            wins = found["wins"] if sign > 0 else found["losses"]
            told = signed_with_interval(sign * found["value"], low, high, limits)
            return f"{told}, {wins}/{found['draws']}"
    return "–"


def results(name: str, folder: Path, seconds: dict[str, float]) -> Iterator[str]:
    """Yield the part of a task in benchmarks/results."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    facts, task = report["facts"], TASKS[name]
    yield f"## {name}: {report['task']}, {report['metric']['name']}\n"
    rows = facts["data"]
    yield f"{rows['training rows']:,} rows to draw labels from, {rows['test rows']:,} test rows.\n"
    for what, asked in ((task.base, BASES[task.base].minutes), ("compare", task.minutes)):
        late = "" if seconds[what] <= MOST * 60 * asked else " **late**"
        yield f"- {what}: {asked:g} minutes asked, {seconds[what] / 60:.2f} taken{late}"
    yield from ("", *table(report), "")
    for line in report["verdict"]["en"]:
        yield f"> {line}\n>"
    for entry, reasons in report["failures"].items():
        yield f"\nCould not run: {entry}, {reasons}"
    constant = report["constant"]
    if constant["score"] is not None:
        yield f"\nBest constant answer ('{constant['class']}'): {constant['score']:.3f}."
    yield "\nAudit:"
    yield from (f"- {line}" for line in facts["audit"]["sentences"]["en"])


def main() -> None:
    """Run one task and print its part of the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    task, work = TASKS[given.task], given.work
    work.mkdir(parents=True, exist_ok=True)
    known = work / "seconds.json"
    seconds = json.loads(known.read_text()) if known.exists() else {}
    base, out = work / task.base, work / given.task
    if not base.exists():
        seconds[task.base] = pretrained(task.base, given.data, work)
    files = {}
    for part, path, kept in (("data", task.train, task.train_part), ("test", task.test, task.test_part)):
        files[part] = str(given.data / path)
        if kept:
            out_part = work / f"{given.task}-{part}{Path(path).suffixes[0]}"
            files[part] = keep_part([files[part]], kept, out_part)
    words = ["compare", str(base), "--data", files["data"], "--test", files["test"], *task.options.split()]
    words += [
        "--draws",
        f"{DRAWS}",
        "--deep",
        "--minutes",
        f"{task.minutes:g}",
        "--language",
        "en",
        "--out",
        str(out),
        *COMMON,
    ]
    took = run(words, work / f"{given.task}.log")
    seconds[f"compare {given.task}"] = took
    known.write_text(json.dumps(seconds, indent=1))
    print()
    print("\n".join(results(given.task, out, {"compare": took, task.base: seconds[task.base]})))


if __name__ == "__main__":
    main()
