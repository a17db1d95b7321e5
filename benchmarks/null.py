"""Bars Q1, C1, F3: with shuffled labels, nothing is called better than guessing or another entry in over 5 % of runs.

    python benchmarks/null.py --data dev.tsv.gz [--run RUN] [--repeats 200]

Every repetition draws a new pool and new test rows from a labelled file, shuffles the labels of the pool only (so that
routes still find real structure in the texts, which is the harder null), screens the entries, confirms the finalists
and counts reports with any false "learned" and with any false difference between two entries. "Worth it" needs such a
difference, so that it is no more frequent.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

from headstart.commands.reading import say
from headstart.comparing.screen_and_confirm import run_screened
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import analyse
from headstart.statistics.study import Entry

CLASSICAL = ("majority", "tfidf_logreg", "tfidf_nb", "tfidf_svm")
FROZEN = ("probe", "knn", "joined")


def entries_and_workspaces(run: Path | None) -> tuple[list[Entry], dict[str | None, Workspace]]:
    """Return the quick classical entries, and those of frozen vectors when a run is given."""
    entries = [Entry(registry.load("route", name)()) for name in CLASSICAL]
    if run is None:
        return entries, {None: Workspace()}
    from headstart.training.pretrained_model import PretrainedModel

    entries += [Entry(registry.load("route", name)(), "run") for name in FROZEN]
    return entries, {None: Workspace(), "run": Workspace(PretrainedModel.open(run))}


def null_split(examples: Examples, pool: int, test: int, number: int) -> tuple[Examples, Examples]:
    """Return (pool with shuffled labels, test rows), disjoint and different in every repetition."""
    random = numpy_generator(0, "null", number)
    order = random.permutation(len(examples))
    train = examples.take(order[:pool])
    return replace(train, labels=random.permutation(train.labels)), examples.take(order[pool : pool + test])


def main() -> None:
    """Run the repetitions and print the counts; the exit code is 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="labelled file, for example NSMC dev.tsv.gz")
    parser.add_argument("--run", type=Path, help="run directory for the entries of frozen vectors")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--labels", default="16,64")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--pool", type=int, default=300)
    parser.add_argument("--test", type=int, default=400)
    parser.add_argument("--metric", default="accuracy")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # solvers that do not converge on shuffled labels are no news
    examples = read_labelled_rows(ReadRequest(paths=given.data), say)[0]
    entries, workspaces = entries_and_workspaces(given.run)
    sizes = tuple(int(size) for size in given.labels.split(","))
    metric = registry.load("metric", given.metric)()
    learned = differs = 0
    for number in range(given.repeats):
        train, test = null_split(examples, given.pool, given.test, number)
        with tempfile.TemporaryDirectory() as folder:
            settings = StudySettings(
                sizes=sizes, draws=given.draws, seconds=600, seed=number, metric=metric, folder=Path(folder)
            )
            study = run_screened(entries, StudyData(train, test), workspaces, settings)
        assert not study.failures, study.failures
        tables = analyse(study).tables.values()
        learned += any(entry.learned for table in tables for entry in table.entries.values())
        differs += any(pair.claim != "undecided" for table in tables for pair in table.pairs.values())
        print(f"{number + 1} studies: any false 'learned' in {learned}, any difference in {differs}", flush=True)
    raise SystemExit(int(max(learned, differs) > 0.05 * given.repeats))


if __name__ == "__main__":
    main()
