"""Bar F8: the winner folder of a comparison answers in a fresh process, bit for bit, as the model did before saving.

    python benchmarks/winner.py --data ../shared/data --bases BASES --pictures RUN --work WORK [--minutes 2]

BASES holds the runs of `which_route.py`, RUN was pre-trained on Fashion-MNIST. Compares on NSMC, hate speech, SNIPS,
banking77 and Fashion-MNIST, each for the minutes; asks the model that is trained in this process 500 test rows before
it is saved, then asks REPORT/winner the same rows in a process of its own. Prints a Markdown table; the exit code is 1
when a label or a probability differs. One thread; about 15 minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.commands.compare import compare
from headstart.comparing import winner
from headstart.core.examples import Examples
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.fitting.task_model_files import load_task, read_task

ROWS = 500


@dataclass(frozen=True)
class LabelledSet:
    """base: the name of its run; folder: below the data folder; ending: of its train and dev files."""

    base: str
    folder: str
    ending: str
    text: str | None
    label: str | None
    labels: str


SETS = {
    "NSMC": LabelledSet("nsmc-halves", "nsmc", "tsv.gz", "document", "label", "16,64,256"),
    "hate speech": LabelledSet("hate-halves", "ko_hate_speech", "tsv.gz", "comments", "hate", "24,64,256"),
    "SNIPS": LabelledSet("query-halves", "snips", "jsonl.gz", "text", "intent", "14,56,224"),
    "banking77": LabelledSet("query-halves", "banking77", "jsonl.gz", "text", "label", "154,616"),
    "Fashion-MNIST": LabelledSet("pictures", "fashion_mnist", "npz", None, None, "10,100,1000"),
}


def asked(task: Path, file: Path) -> Examples:
    """Return the first test rows as the task model reads them; sorted files are read from everywhere."""
    columns = read_task(task)["receipt"]["columns"]
    rows, _ = read_labelled_rows(ReadRequest(paths=str(file), remembered=columns), lambda line: None)
    return rows.take(np.linspace(0, len(rows), ROWS, endpoint=False).astype(int))


def answer(task: Path, file: Path, out: Path) -> None:
    """Write the probabilities that a saved winner gives to the test rows; run in a process of its own."""
    model = load_task(task)
    rows = asked(task, file)
    np.savez(out, proba=model.predict_proba(rows), labels=np.array(model.predict(rows)))


def check(name: str, one: LabelledSet, arguments: argparse.Namespace) -> tuple[str, bool]:
    """Return a line of the table, and whether nothing differs."""
    base = arguments.pictures if one.base == "pictures" else arguments.bases / one.base
    train, test = (arguments.data / one.folder / f"{part}.{one.ending}" for part in ("train", "dev"))
    report, models, real = arguments.work / name.replace(" ", "-"), [], winner.save_task

    def spy(model: object, *given: object) -> None:
        models.append(model)
        real(model, *given)

    winner.save_task = spy
    begun = time.monotonic()
    try:
        done = compare(
            [base], data=[str(train)], test=[str(test)], out=report, text=one.text, label=one.label,
            labels=one.labels, minutes=arguments.minutes, audit="waive", threads=1,
        )  # fmt: skip
    finally:
        winner.save_task = real
    seconds, told = time.monotonic() - begun, done.study.facts["winner"]
    task = report / told["folder"]
    rows = asked(task, test)
    (model,) = models
    here = model.predict_proba(rows), np.array(model.predict(rows))
    out = arguments.work / f"{report.name}.npz"
    subprocess.run([sys.executable, __file__, "answer", task, test, out], check=True)
    with np.load(out) as fresh:
        bits = here[0].dtype == fresh["proba"].dtype and np.array_equal(here[0], fresh["proba"])
        labels = int((here[1] == fresh["labels"]).sum())
    size = sum(path.stat().st_size for path in task.rglob("*") if path.is_file()) / 1e6
    trained = read_task(task)["receipt"]["seconds"]
    same = "yes" if bits else f"no, by up to {np.abs(here[0] - np.load(out)['proba']).max():.2g}"
    line = f"| {name} | {told['entry']} | {told['rows']:,} | {trained:.1f} | {seconds:.0f} | {size:.1f} |"
    return f"{line} {labels} of {ROWS} | {same} |", bits and labels == ROWS


def main() -> None:
    """Check every set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bases", "pictures", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    found = []
    for name in arguments.sets:
        found.append(check(name, SETS[name], arguments))
        print(found[-1][0], file=sys.stderr, flush=True)
    print("| set | winner | rows learned | s to train | s in all | MB | same labels | same probabilities |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(line for line, _ in found))
    sys.exit(not all(good for _, good in found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["answer"]:
        answer(*map(Path, sys.argv[2:]))
    else:
        main()
