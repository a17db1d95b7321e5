"""Bars C3 and C5: pre-train on a domain's text, compare every route on its labels, and sum up which route wins when.

    python benchmarks/which_route.py run nsmc banking77 ... --data ../shared/data --work WORK
    python benchmarks/which_route.py table --work WORK > benchmarks/results/DATE-which-route.md

`run` writes WORK/BASE (one base serves the sets of its text) and WORK/NAME/report.json; both are continued when they
are there. `table` puts all reports of WORK side by side. One thread; about 10 minutes a set and 5 to 15 a base.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

FILMS = ("subjectivity/train.tsv.gz", "mr_polarity/train.tsv.gz", "movie_reviews/train.jsonl.gz")
QUERIES = ("banking77/train.jsonl.gz", "clinc150/train.jsonl.gz", "snips/train.jsonl.gz")
KOREAN = ("ko_3i4k/train.tsv.gz", "ko_hate_speech/unlabeled.txt.gz", "nsmc/unlabeled.txt.xz")


@dataclass(frozen=True)
class Base:
    """corpus: files below the data folder; minutes: of pre-training; options: further ones of `pretrain`."""

    corpus: tuple[str, ...]
    minutes: float
    options: tuple[str, ...] = ("--objective", "halves")


@dataclass(frozen=True)
class LabelledSet:
    """base: a key of BASES; folder: below the data folder; ending: of its train and dev files."""

    base: str
    folder: str
    ending: str
    columns: tuple[str, ...]
    labels: str


BASES = {
    "nsmc-halves": Base(("nsmc/unlabeled.txt.xz",), 25, ("--recipe", "halves_words")),
    "hate-halves": Base(("ko_hate_speech/unlabeled.txt.gz",), 4),
    "ko-halves": Base(KOREAN, 6),
    "film-halves": Base(FILMS, 5),
    "query-halves": Base(QUERIES, 4, ("--objective", "halves", "objective.together=0.7")),
}
SETS = {
    "nsmc": LabelledSet("nsmc-halves", "nsmc", "tsv.gz", ("--text", "document", "--label", "label"), "16,64,256,1000"),
    "hate": LabelledSet(
        "hate-halves", "ko_hate_speech", "tsv.gz", ("--text", "comments", "--label", "hate"), "24,64,256"
    ),
    "3i4k": LabelledSet("ko-halves", "ko_3i4k", "tsv.gz", ("--text", "text", "--label", "label"), "56,224,1000"),
    "question_pair": LabelledSet(
        "ko-halves",
        "ko_question_pair",
        "tsv.gz",
        ("--text", "question1", "--text2", "question2", "--label", "is_duplicate"),
        "16,64,256",
    ),
    "banking77": LabelledSet(
        "query-halves", "banking77", "jsonl.gz", ("--text", "text", "--label", "label"), "154,616"
    ),
    "clinc150": LabelledSet("query-halves", "clinc150", "jsonl.gz", ("--text", "text", "--label", "label"), "300,1200"),
    "snips": LabelledSet("query-halves", "snips", "jsonl.gz", ("--text", "text", "--label", "intent"), "14,56,224"),
    "subjectivity": LabelledSet(
        "film-halves", "subjectivity", "tsv.gz", ("--text", "text", "--label", "label"), "16,64,256"
    ),
    "movie_reviews": LabelledSet(
        "film-halves", "movie_reviews", "jsonl.gz", ("--text", "text", "--label", "label"), "16,64,256"
    ),
}


def headstart(*arguments: object) -> None:
    """Run one command of the program, as a user would."""
    subprocess.run([sys.executable, "-m", "headstart", *map(str, arguments)], check=True)


def run(name: str, data: Path, work: Path, minutes: float, draws: int, routes: str, base: Path | None) -> None:
    """Pre-train the base of a set unless it is there or given, then compare."""
    chosen = SETS[name]
    if base is None:
        base, recipe = work / chosen.base, BASES[chosen.base]
        if not base.is_dir():
            corpus = [data / path for path in recipe.corpus]
            column = ("--column", "text") if any(".txt" not in path for path in recipe.corpus) else ()
            headstart(
                *("pretrain", *corpus, *column, "--out", base, "--minutes", recipe.minutes, "--threads", 1),
                *recipe.options,
            )
    train, test = (data / chosen.folder / f"{part}.{chosen.ending}" for part in ("train", "dev"))
    headstart(
        *("compare", base, "--data", train, "--test", test, *chosen.columns, "--labels", chosen.labels),
        *("--draws", draws, "--minutes", minutes, "--routes", routes, "--threads", 1, "--language", "en"),
        *("--out", work / (name if base.parent == work else f"{name}-{base.name}")),
    )


def number(value: float | None, signed: bool = False) -> str:
    """Write .123 or +.012, or a dash."""
    if value is None:
        return "-"
    return (f"{value:+.3f}" if signed else f"{value:.3f}").replace("0.", ".", 1)


def lead(size: dict, entry: str, other: str) -> dict | None:
    """Return the judged difference entry minus other of one label count, or None."""
    for pair in size["pairs"]:
        if (pair["first"], pair["second"]) == (entry, other):
            return pair
        if (pair["second"], pair["first"]) == (entry, other):
            claim = {"better": "worse", "worse": "better"}.get(pair["claim"], "undecided")
            low, high = (None if end is None else -end for end in (pair["unadjusted_high"], pair["unadjusted_low"]))
            turned = {"value": -pair["value"], "unadjusted_low": low, "unadjusted_high": high}
            return pair | turned | {"claim": claim}
    return None


def best(size: dict, *kinds: str) -> str | None:
    """Return the compared entry of the highest mean among these kinds."""
    return next((one["entry"] for one in size["entries"] if one["kind"] in kinds and one["paired"]), None)


def paid(reports: dict[str, dict]) -> Iterable[str]:
    """Yield the table of C5: the best self-supervised entry against the best classical one, set by set."""
    yield "| set | labels | best pre-trained entry | score | best classical entry | score | difference, 95 % | claim |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, report in reports.items():
        for size in report["sizes"]:
            ours, theirs = best(size, "pretrained"), best(size, "classical")
            gap = lead(size, ours, theirs) if ours and theirs else None
            if gap is None:
                continue
            score = {one["entry"]: one["mean"] for one in size["entries"]}
            span = f"{number(gap['unadjusted_low'], True)} to {number(gap['unadjusted_high'], True)}"
            yield (
                f"| {name} | {size['labels']} | {ours} | {number(score[ours])} | {theirs} | {number(score[theirs])} | "
                f"{number(gap['value'], True)} ({span}) | {gap['claim']} |"
            )


def which_when(reports: dict[str, dict]) -> Iterable[str]:
    """Yield every route's mean lead over the best classical entry, at the fewest and at the most labels of each set."""
    yield "| route | sets | fewest labels: lead, better / worse | most labels: lead, better / worse | median seconds |"
    yield "|---|---|---|---|---|"
    found: dict[str, dict[int, list[tuple[float, str, float]]]] = {}
    for report in reports.values():
        for end in (0, -1):
            size = report["sizes"][end]
            other = best(size, "classical")
            for one in size["entries"]:
                same = {"value": 0.0, "claim": "undecided"}
                gap = lead(size, one["entry"], other) if one["entry"] != other else same
                if gap and one["paired"] and one["kind"] != "majority":
                    told = (gap["value"], gap["claim"], one["seconds"])
                    found.setdefault(one["entry"].partition(" · ")[0], {}).setdefault(end, []).append(told)
    for route, ends in sorted(
        found.items(), key=lambda item: -mean(gap for gap, _, _ in item[1].get(0, [(-1, "", 0)]))
    ):
        cells = []
        for end in (0, -1):
            own = ends.get(end, [])
            claims = [claim for _, claim, _ in own]
            cells.append(
                f"{number(mean(gap for gap, _, _ in own), True)}, {claims.count('better')} / {claims.count('worse')}"
                if own
                else "-"
            )
        seconds = sorted(second for _, _, second in ends.get(-1, ends.get(0, [])))
        sets = max(map(len, ends.values()))
        yield f"| {route} | {sets} | {cells[0]} | {cells[1]} | {seconds[len(seconds) // 2]:.1f} |"


def against(reports: dict[str, dict], route: str, other: str) -> Iterable[str]:
    """Yield one route minus another on the same base, set by set."""
    yield f"| set | labels | {route} | {other} | difference, paired 95 % | claim |"
    yield "|---|---|---|---|---|---|"
    for name, report in reports.items():
        for size in report["sizes"]:
            score = {one["entry"]: one["mean"] for one in size["entries"]}
            for own in [name for name in score if name.partition(" · ")[0] == route]:
                rival = own.replace(route, other, 1)
                gap = lead(size, own, rival)
                if gap:
                    span = f"{number(gap['unadjusted_low'], True)} to {number(gap['unadjusted_high'], True)}"
                    yield (
                        f"| {name} | {size['labels']} | {number(score[own])} | {number(score[rival])} | "
                        f"{number(gap['value'], True)} ({span}) | {gap['claim']} |"
                    )


def table(work: Path) -> None:
    """Print everything that the reports below `work` say, as Markdown."""
    paths = sorted(work.glob("*/report.json"))
    reports = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    reports = {name: report for name, report in reports.items() if report["sizes"]}
    print("## Did pre-training pay?\n", *paid(reports), sep="\n")
    print("\n## Which route when\n", *which_when(reports), sep="\n")
    print("\n## Gradual unfreezing against plain fine-tuning\n", *against(reports, "unfreeze", "finetune"), sep="\n")
    for name, report in reports.items():
        facts = report["facts"]
        command = " ".join(Path(word).name if "/" in word else word for word in facts["command"].split())
        print(f"\n## {name}\n\nAsked: {facts['minutes']:g} minutes. `{command}`\n", flush=True)
        subprocess.run(
            [sys.executable, str(Path(__file__).with_name("table.py")), str(work / name / "report.json")], check=True
        )


def main() -> None:
    """Run sets, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs, tables = verbs.add_parser("run"), verbs.add_parser("table")
    runs.add_argument("sets", nargs="+", choices=SETS)
    runs.add_argument("--data", type=Path, default=Path("../shared/data"))
    runs.add_argument("--minutes", type=float, default=10.0)
    runs.add_argument("--draws", type=int, default=10)
    runs.add_argument("--routes", default="all")
    runs.add_argument("--base", type=Path, help="another base, such as a downloaded checkpoint")
    for one in (runs, tables):
        one.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    if given.verb == "table":
        table(given.work)
        return
    for name in given.sets:
        run(name, given.data, given.work, given.minutes, given.draws, given.routes, given.base)


if __name__ == "__main__":
    main()
