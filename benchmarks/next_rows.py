"""Bar F6: do the rows that `headstart next` chooses help more than random ones?

    python benchmarks/next_rows.py embed --data ../shared/data --work WORK --base nsmc=RUN --base nsmc=OTHER ...
    python benchmarks/next_rows.py table --work WORK --draws 10 --first 100 > benchmarks/results/DATE-next-rows.md

`embed` writes the vectors of a pool and of test rows by each base, once. `table` makes draws: 64 random labels, then 64
more that are random or chosen by a strategy, read by a linear probe; and 64 labels without a model before them. Draws
0 to 99 were used to choose among strategies, the later ones are fresh. One thread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from headstart.core import registry
from headstart.core.candidates import Candidates
from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.linear import fit_linear
from headstart.fitting.workspace import Workspace
from headstart.statistics.intervals import estimate
from headstart.training.pretrained_model import PretrainedModel

FIRST, MORE, POOL, TEST = 64, 64, 5_000, 3_000
SETS = {
    "nsmc": ("nsmc/train.tsv.gz", "document", "label"),
    "banking77": ("banking77/train.jsonl.gz", "text", "label"),
    "3i4k": ("ko_3i4k/train.tsv.gz", "text", "label"),
}


def quiet(_message: str) -> None:
    """Say nothing of what was read."""


def rows_of(data: Path, name: str) -> Examples:
    """Return POOL + TEST different rows of a set, in random order."""
    path, text, label = SETS[name]
    examples, _ = read_labelled_rows(ReadRequest(paths=data / path, text=text, label=label), quiet)
    _, first = np.unique(examples.items, return_index=True)
    return examples.take(numpy_generator(0, "next rows", name).permutation(first)[: POOL + TEST])


def embed(data: Path, work: Path, bases: dict[str, list[Path]]) -> None:
    """Write WORK/SET-BASE.npz: vectors and labels, as the linear probe reads them; and TF-IDF's texts."""
    for name, folders in bases.items():
        examples = rows_of(data, name)
        (work / f"{name}.json").write_text(json.dumps(list(examples.items), ensure_ascii=False), encoding="utf-8")
        for folder in folders:
            out = work / f"{name}-{folder.name}.npz"
            if not out.is_file():
                frozen = FrozenVectors.of(examples, Workspace(PretrainedModel.open(folder)), -1, "auto")
                np.savez(out, vectors=frozen.features(examples), labels=examples.labels)
                print(out, flush=True)


def readers(
    examples: Examples, vectors_ND: np.ndarray
) -> dict[str, Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]]:
    """Return the readouts: from (training rows, seed) to probabilities of the whole pool and right answers [TEST]."""
    truth_T = examples.labels[POOL:]

    def probe(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        linear, _ = fit_linear(
            vectors_ND[rows], examples.labels[rows], len(examples.classes), default=1.0, seed=seed, groups=None
        )
        found = linear.predict_proba(vectors_ND)
        return found[:POOL], found[POOL:].argmax(axis=1) == truth_T

    def tfidf(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        model = registry.load("route", "tfidf_logreg")().run(examples.take(rows), Workspace(), seed=seed)
        return np.zeros(0), model.predict_proba(examples.take(np.arange(POOL, POOL + TEST))).argmax(axis=1) == truth_T

    return {"probe": probe, "tfidf_logreg": tfidf}


def measure(work: Path, path: Path, draws: range, names: list[str]) -> dict[str, list[np.ndarray]]:
    """Return for each way of choosing its right answers [TEST] on each draw, of one base's vectors."""
    name = path.stem.partition("-")[0]
    kept, items = np.load(path), json.loads((work / f"{name}.json").read_text(encoding="utf-8"))
    labels_N = kept["labels"]
    examples = Examples(items=items, labels=labels_N, classes=tuple(map(str, range(labels_N.max() + 1))))
    reads, right = readers(examples, kept["vectors"]), {}
    for draw in draws:
        order = numpy_generator(draw, "draw", name).permutation(POOL)
        first, rest = order[:FIRST], np.sort(order[FIRST:])
        probabilities_NC, score = reads["probe"](first, draw)
        right.setdefault("64", []).append(score)
        given = Candidates(kept["vectors"][rest], probabilities_NC[rest], kept["vectors"][first])
        cold = Candidates(kept["vectors"][:POOL])
        for one in names:
            spec = registry.load("strategy", one)()
            rows = np.concatenate([first, rest[spec.choose(given, MORE, seed=draw)]])
            right.setdefault(f"64 + 64 {one}", []).append(reads["probe"](rows, draw)[1])
            if one in ("random", spec.name if spec.default == "model" else ""):
                right.setdefault(f"tf-idf {one}", []).append(reads["tfidf_logreg"](rows, draw)[1])
            if not spec.probabilities:
                rows = spec.choose(cold, FIRST, seed=draw)
                right.setdefault(f"start {one}", []).append(reads["probe"](rows, draw)[1])
    return right


def table(work: Path, draws: range, names: list[str]) -> None:
    """Print the differences from random rows, with 95 % intervals over draws and test rows, as Markdown."""
    print(f"Draws {draws.start} to {draws.stop - 1}; {POOL:,} rows to choose from, {TEST:,} test rows.\n")
    for path in sorted(work.glob("*-*.npz")):
        right = measure(work, path, draws, names)
        print(f"## {path.stem.replace('-', ' · ', 1)}\n\n| labels | accuracy | minus random, 95 % | draws ahead |")
        print("|---|---|---|---|")
        for way, found in right.items():
            value = f"{np.mean(found):.3f}".lstrip("0")
            same = f"{way.rsplit(' ', 1)[0]} random"
            if way == same or same not in right:
                print(f"| {way} | {value} | | |")
                continue
            leads_DT = np.array(found, float) - np.array(right[same], float)
            made = estimate(leads_DT, overlap=(FIRST + MORE) / POOL, rows=TEST)
            low, high = made.interval()
            ahead = int((leads_DT.mean(axis=1) > 0).sum())
            print(f"| {way} | {value} | {made.value:+.3f} ({low:+.3f} to {high:+.3f}) | {ahead}/{len(leads_DT)} |")
        print(flush=True)


def main() -> None:
    """Embed, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    embeds, tables = verbs.add_parser("embed"), verbs.add_parser("table")
    embeds.add_argument("--data", type=Path, default=Path("../shared/data"))
    embeds.add_argument("--base", action="append", required=True, help="SET=FOLDER, once for each base of a set")
    tables.add_argument("--draws", type=int, default=10)
    tables.add_argument("--first", type=int, default=100)
    tables.add_argument("--strategies", nargs="+", default=registry.names("strategy"))
    for one in (embeds, tables):
        one.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    if given.verb == "table":
        table(given.work, range(given.first, given.first + given.draws), given.strategies)
        return
    bases: dict[str, list[Path]] = {}
    for pair in given.base:
        name, _, folder = pair.partition("=")
        bases.setdefault(name, []).append(Path(folder))
    given.work.mkdir(exist_ok=True)
    embed(given.data, given.work, bases)


if __name__ == "__main__":
    main()
