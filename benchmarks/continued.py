"""Bar F9: a sentence encoder, as it is and pre-trained further on unlabelled queries; a linear probe with few labels.

    python benchmarks/continued.py run snips banking77 --base CHECKPOINT --data ../shared/data --work WORK
    python benchmarks/continued.py table --work WORK > benchmarks/results/DATE-continued.md

`run` pre-trains WORK/SET-NAME with the defaults of `pretrain --base` (or other settings by --set), unless it is
there, and adds a line to WORK/scores.jsonl: probe accuracy of the checkpoint and of the run on the same nested label
draws, test rows dev, vectors centred on the same unlabelled texts. One thread.
"""

from __future__ import annotations

import argparse
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import headstart as hs
from headstart.comparing.draws import draw
from headstart.core.device import set_threads
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.fitting.workspace import Workspace
from headstart.routes.probe import Probe

SETS = {"snips": ("intent", (28,)), "banking77": ("label", (154, 308))}
_RESAMPLES = 10_000


def accuracies(base: hs.PretrainedModel, name: str, data: Path, draws: int) -> dict[int, list[float]]:
    """Return the accuracy on dev by label count, one for each draw."""
    label, sizes = SETS[name]
    asked = ReadRequest(paths=data / name / "train.jsonl.gz", text="text", label=label)
    train, _ = read_labelled_rows(asked, print)
    asked = replace(asked, paths=data / name / "dev.jsonl.gz", classes=train.classes)
    dev, _ = read_labelled_rows(asked, print)
    workspace, found = Workspace(base, lambda: train.items), {}
    for number, chosen in enumerate(draw(train.labels, sizes, draws, seed=0)):
        for size, rows in chosen.items():
            model = Probe().run(train.take(rows), workspace, seed=number)
            right = model.predict_proba(dev).argmax(1) == dev.labels
            found.setdefault(size, []).append(float(right.mean()))
    return found


def run(given: argparse.Namespace) -> None:
    """Pre-train and score each set."""
    checkpoint = hs.PretrainedModel.open(given.base)
    for name in given.sets:
        folder = given.work / f"{name}-{given.name}"
        texts = given.work / f"{name}.txt"
        if not texts.is_file():
            given.work.mkdir(parents=True, exist_ok=True)
            with gzip.open(given.data / name / "train.jsonl.gz", "rt", encoding="utf-8") as stream:
                texts.write_text("".join(json.loads(line)["text"].strip() + "\n" for line in stream), encoding="utf-8")
        if not (folder / "run.json").is_file():
            hs.pretrain(
                [str(texts)],
                out=folder,
                base=given.base,
                minutes=given.minutes,
                unit="line",
                objective=given.objective,
                seed=given.seed,
                threads=1,
                settings=given.settings,
            )
        start = json.loads((folder / "run.json").read_text(encoding="utf-8"))["start"]
        before = accuracies(checkpoint, name, given.data, given.draws)
        after = accuracies(hs.PretrainedModel.open(folder), name, given.data, given.draws)
        line = {"set": name, "run": given.name, "seed": given.seed, "minutes": given.minutes, "before": before}
        line |= {"after": after, "vectors": start.get("vectors"), "search": start.get("search")}
        with open(given.work / "scores.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        print(name, {size: (np.mean(before[size]).round(4), np.mean(after[size]).round(4)) for size in before})


def table(work: Path) -> None:
    """Print the lines of WORK/scores.jsonl as Markdown, with 95 % bootstrap intervals over the label draws."""
    print("| set | run | seed | labels | checkpoint | continued | difference, 95 % | neighbours kept | kept weights |")
    print("|---|---|---|---|---|---|---|---|---|")
    for text in (work / "scores.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        vectors = line["vectors"] or {"kept": "not checked", "neighbours_kept": {"trained": float("nan")}}
        for size, before in line["before"].items():
            gap = np.array(line["after"][size]) - np.array(before)
            picks = np.random.default_rng(0).integers(0, len(gap), (_RESAMPLES, len(gap)))
            low, high = np.quantile(gap[picks].mean(1), [0.025, 0.975])
            print(
                f"| {line['set']} | {line['run']} | {line['seed']} | {size} | {np.mean(before):.3f} | "
                f"{np.mean(line['after'][size]):.3f} | {gap.mean():+.3f} ({low:+.3f} to {high:+.3f}) | "
                f"{vectors['neighbours_kept']['trained']:.2f} | {vectors['kept']} |"
            )


def main() -> None:
    """Run sets, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs, tables = verbs.add_parser("run"), verbs.add_parser("table")
    runs.add_argument("sets", nargs="+", choices=SETS)
    runs.add_argument("--base", type=Path, required=True)
    runs.add_argument("--data", type=Path, default=Path("../shared/data"))
    runs.add_argument("--name", default="default", help="of the run, beside others of the set")
    runs.add_argument("--minutes", type=float, default=5.0)
    runs.add_argument("--draws", type=int, default=10)
    runs.add_argument("--seed", type=int, default=0)
    runs.add_argument("--objective")
    runs.add_argument("--set", dest="settings", action="append", default=[])
    for one in (runs, tables):
        one.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    set_threads(1)
    if given.verb == "table":
        table(given.work)
    else:
        run(given)


if __name__ == "__main__":
    main()
