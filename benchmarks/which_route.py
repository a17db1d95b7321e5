"""Bars C3, C5, F2: pre-train on a domain's text, compare all routes on its labels, and sum up what was decided and why.

    python benchmarks/which_route.py run nsmc banking77 ... --data ../shared/data --work WORK
    python benchmarks/which_route.py run nsmc snips ... --data ../shared/data --work WORK --minutes 40 --seed 1
    python benchmarks/which_route.py table --work WORK > benchmarks/results/DATE-which-route.md

`run` writes WORK/BASE (one base serves the sets of its text) and WORK/NAME/report.json, or WORK/NAME-long/report.json
when --minutes is given; all are continued when they are there. `table` puts all reports of WORK side by side and holds
the long ones against the short ones. One thread; 5 to 9 minutes a set and 4 to 25 a base.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

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
    """base: a key of BASES; folder: below the data folder; ending: of its train and dev files; minutes: of compare."""

    base: str
    folder: str
    ending: str
    columns: tuple[str, ...]
    labels: str
    minutes: float
    routes: str = "all"


BASES = {
    "nsmc-halves": Base(("nsmc/unlabeled.txt.xz",), 25, ("--recipe", "halves_words")),
    "hate-halves": Base(("ko_hate_speech/unlabeled.txt.gz",), 4),
    "ko-halves": Base(KOREAN, 6),
    "film-halves": Base(FILMS, 5),
    "query-halves": Base(QUERIES, 4, ("--objective", "halves", "objective.together=0.7")),
}
FEW = "majority,tfidf_logreg,tfidf_svm,ppmi_logreg,probe,cotrain,stack,scratch"
HATE = ("--text", "comments", "--label", "hate")
PAIRS = ("--text", "question1", "--text2", "question2", "--label", "is_duplicate")
NSMC, TEXT = ("--text", "document", "--label", "label"), ("--text", "text", "--label", "label")
INTENT = ("--text", "text", "--label", "intent")
SETS = {
    "nsmc": LabelledSet("nsmc-halves", "nsmc", "tsv.gz", NSMC, "16,64,256,1000", 7),
    "nsmc-few": LabelledSet("nsmc-halves", "nsmc", "tsv.gz", NSMC, "16,64,256,1000,4000", 9, FEW),
    "hate": LabelledSet("hate-halves", "ko_hate_speech", "tsv.gz", HATE, "24,64,256", 6),
    "3i4k": LabelledSet("ko-halves", "ko_3i4k", "tsv.gz", TEXT, "56,224,1000", 5),
    "question_pair": LabelledSet("ko-halves", "ko_question_pair", "tsv.gz", PAIRS, "16,64,256", 5),
    "banking77": LabelledSet("query-halves", "banking77", "jsonl.gz", TEXT, "154,616", 6),
    "clinc150": LabelledSet("query-halves", "clinc150", "jsonl.gz", TEXT, "300,1200", 6),
    "snips": LabelledSet("query-halves", "snips", "jsonl.gz", INTENT, "14,56,224", 6),
    "subjectivity": LabelledSet("film-halves", "subjectivity", "tsv.gz", TEXT, "16,64,256", 6),
    "movie_reviews": LabelledSet("film-halves", "movie_reviews", "jsonl.gz", TEXT, "16,64,256", 5),
}
LONG = "-long"
DECIDED = ("worth it", "not worth it")


def headstart(*arguments: object) -> None:
    """Run one command of the program, as a user would."""
    subprocess.run([sys.executable, "-m", "headstart", *map(str, arguments)], check=True)


def run(name: str, data: Path, work: Path, minutes: float | None, seed: int, base: Path | None) -> None:
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
    out = (name if base.parent == work else f"{name}-{base.name}") + (LONG if minutes else "")
    headstart(
        *("compare", base, "--data", train, "--test", test, *chosen.columns, "--labels", chosen.labels),
        *("--minutes", minutes or chosen.minutes, "--routes", chosen.routes, "--threads", 1, "--language", "en"),
        *("--seed", seed, "--no-cache", "--out", work / out),
    )


def number(value: float | None, signed: bool = False) -> str:
    """Write .123 or +.012, or a dash."""
    if value is None:
        return "-"
    return (f"{value:+.3f}" if signed else f"{value:.3f}").replace("0.", ".", 1)


def answer(verdict: dict) -> str:
    """Return whether pre-training paid at one label count, in words."""
    worth = verdict["worth"]
    reason = {"draws": "more draws", "test": "more test rows", "few_draws": "too few draws"}.get(worth["reason"], "")
    told = {"worth": "worth it", "not_worth": "not worth it", "none": "undecided (no pre-trained entry had time)"}
    return told.get(worth["outcome"], f"undecided ({reason})" if reason else "undecided")


def paid(reports: dict[str, dict]) -> Iterable[str]:
    """Yield the table of C5: the chosen self-supervised entry against the best classical finalist, set by set."""
    yield "| set | labels | draws | pre-trained | score | classical | score | difference | paid? | use |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, report in reports.items():
        for size, verdict in zip(report["sizes"], report["verdicts"]):
            gap = verdict["worth"]["classical"]
            if gap is None:
                line = f"| {name} | {size['labels']} | {len(size['draws'])} | - | - | - | - | - "
                yield f"{line}| {answer(verdict)} | - |"
                continue
            score = {one["entry"]: one["mean"] for one in size["entries"]}
            span = f"{number(gap['low'], True)} to {number(gap['high'], True)}"
            yield (
                f"| {name} | {size['labels']} | {gap['draws']} | {gap['first']} | {number(score[gap['first']])} | "
                f"{gap['second']} | {number(score[gap['second']])} | {number(gap['value'], True)} ({span}) | "
                f"{answer(verdict)} | {verdict['best'] or '-'} |"
            )


def decided(reports: dict[str, dict]) -> Iterable[str]:
    """Yield how many lines are decided, and of the long runs' decided lines how many the short runs decide alike."""
    found = {
        (name, verdict["size"]): answer(verdict) for name, report in reports.items() for verdict in report["verdicts"]
    }
    short = {key: told for key, told in found.items() if not key[0].endswith(LONG)}
    known = {key: told for key, told in short.items() if told in DECIDED}
    counts = ", ".join(f"{told} {list(short.values()).count(told)}" for told in sorted(set(short.values())))
    yield f"{len(known)} of {len(short)} lines are decided: {counts}."
    long = {key: told for key, told in found.items() if key not in short and told in DECIDED}
    if any(key not in short for key in found):
        same = [told == short.get((name.removesuffix(LONG), size)) for (name, size), told in long.items()]
        against = [told != known.get((name.removesuffix(LONG), size), told) for (name, size), told in long.items()]
        yield (
            f"\nOf {len(long)} lines that the long runs decide, the short ones decide {sum(same)} alike and contradict "
            f"{sum(against)}."
        )


def which_when(reports: dict[str, dict]) -> Iterable[str]:
    """Yield every route's mean lead over the best classical entry in screening, and how often it went on and won.

    Screening drops what is behind: a route that is tried once says little, and few draws are no estimate. finalist:
    in so many runs; shipped: at so many label counts.
    """
    yield "| route | runs | lead in screening, fewest labels | at most labels | finalist | shipped | seconds |"
    yield "|---|---|---|---|---|---|---|"
    leads: dict[str, dict[int, list[float]]] = {}
    finalist, shipped, seconds = Counter(), Counter(), {}
    for report in reports.values():
        told = report["facts"].get("screening")
        shipped.update(route_of(one["best"]) for one in report["verdicts"] if one["best"])
        for end, size in [(0, report["sizes"][0]["labels"]), (-1, report["sizes"][-1]["labels"])] if told else ():
            means = {one["entry"]: screened(one, size) for one in told["entries"]}
            rivals = [means[one["entry"]] for one in told["entries"] if one["kind"] == "classical"]
            best = max([one for one in rivals if one is not None], default=None)
            for one in told["entries"]:
                if best is not None and means[one["entry"]] is not None:
                    leads.setdefault(route_of(one["entry"]), {}).setdefault(end, []).append(means[one["entry"]] - best)
        for one in told["entries"] if told else ():
            seconds.setdefault(route_of(one["entry"]), []).extend([one["seconds"]] if one["seconds"] else [])
        finalist.update({route_of(name) for name in (told or {}).get("finalists", [])})
    for route in sorted(leads, key=lambda one: (-shipped[one], -finalist[one], one)):
        cells = [
            f"{number(mean(own), True)} ({len(own)})" if (own := leads[route].get(end)) else "-" for end in (0, -1)
        ]
        tried = len(seconds.get(route, []))
        typical = f"{median(seconds[route]):.1f}" if tried else "-"
        yield f"| {route} | {tried} | {cells[0]} | {cells[1]} | {finalist[route]} | {shipped[route]} | {typical} |"


def route_of(entry: str) -> str:
    """Return the route of an entry."""
    return entry.partition(" · ")[0]


def screened(entry: dict, size: int) -> float | None:
    """Return an entry's mean score in screening at a label count, or None."""
    scores = [one for one in entry["scores"].get(str(size), []) if one is not None]
    return mean(scores) if scores else None


def table(work: Path) -> None:
    """Print everything that the reports below `work` say, as Markdown."""
    paths = sorted(work.glob("*/report.json"))
    reports = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    reports = {name: report for name, report in reports.items() if report["sizes"]}
    print(*decided(reports), sep="\n")
    print("\n## Did pre-training pay?\n", *paid(reports), sep="\n")
    print("\n## Which route when\n", *which_when(reports), sep="\n")
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
    runs.add_argument(
        "--minutes", type=float, help="instead of the minutes of the set: a run to hold the short against"
    )
    runs.add_argument("--seed", type=int, default=0)
    runs.add_argument("--base", type=Path, help="another base, such as a downloaded checkpoint")
    for one in (runs, tables):
        one.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    if given.verb == "table":
        table(given.work)
        return
    for name in given.sets:
        run(name, given.data, given.work, given.minutes, given.seed, given.base)


if __name__ == "__main__":
    main()
