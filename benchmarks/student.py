"""Bar B6: a student with half of its teacher's layers: what it keeps of the score, how much faster it is, on NSMC.

Command: python benchmarks/student.py --data ../shared/data --work WORK
Pre-trains a teacher (masked LM), a student that learns from it, and for comparison the same half-sized network without
a teacher; fine-tunes each with the same steps on the same labelled reviews; scores on dev with paired bootstrap
intervals; times predictions in turns (A B C A B C ...). About 25 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import headstart as hs
from headstart.core.device import set_threads
from headstart.core.seeds import numpy_generator
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.fitting.workspace import Workspace
from headstart.routes.finetune import Finetune

_ROUNDS = 5
_RESAMPLES = 2_000


def pretrained(given: argparse.Namespace) -> dict[str, Path]:
    """Return the runs of teacher, student and the half-sized network without a teacher."""
    corpus = [str(given.data / "nsmc/unlabeled.txt.xz")]
    runs = {name: given.work / name for name in ("teacher", "student", "alone")}
    sizes = [f"backbone.depth={given.depth}"]
    wanted = {
        "teacher": {"recipe": "mlm", "minutes": given.teacher_minutes, "set": sizes},
        "student": {"recipe": "distilbert", "minutes": given.student_minutes, "base": runs["teacher"]},
        "alone": {
            "recipe": "mlm",
            "minutes": given.student_minutes,
            "set": [f"backbone.depth={given.depth // 2}"],
        },
    }
    for name, settings in wanted.items():
        if not (runs[name] / "run.json").is_file():
            hs.pretrain(corpus, out=runs[name], **settings)
    return runs


def main() -> None:
    """Train, fine-tune, score and time all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--teacher-minutes", type=float, default=10.0)
    parser.add_argument("--student-minutes", type=float, default=6.0)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    set_threads(given.threads)
    columns = {"text": "document", "label": "label"}
    train, _ = read_labelled_rows(ReadRequest(paths=given.data / "nsmc/train.tsv.gz", **columns), print)
    dev, _ = read_labelled_rows(
        ReadRequest(paths=given.data / "nsmc/dev.tsv.gz", **columns, classes=train.classes), print
    )
    rows = train.take(np.sort(numpy_generator(0, "rows").permutation(len(train))[: given.rows]))
    models, right = {}, {}
    for name, run in pretrained(given).items():
        workspace = Workspace(hs.PretrainedModel.open(run))
        route = Finetune(choose_learning_rate=False, epochs=given.epochs)
        models[name] = route.run(rows, workspace, seed=0)
        right[name] = models[name].predict_proba(dev).argmax(1) == dev.labels
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(_ROUNDS):
        for name, model in models.items():
            begun = time.perf_counter()
            model.predict_proba(dev)
            seconds[name].append(time.perf_counter() - begun)
    print("\n| network | layers | accuracy on dev | of the teacher's, 95 % interval | texts/s, median of 5 | faster |")
    print("|---|---|---|---|---|---|")
    random = numpy_generator(0, "bootstrap")
    draws = [random.integers(0, len(dev), len(dev)) for _ in range(_RESAMPLES)]
    for name, model in models.items():
        shares = [right[name][draw].mean() / right["teacher"][draw].mean() for draw in draws]
        low, high = np.quantile(shares, [0.025, 0.975])
        kept = right[name].mean() / right["teacher"].mean()
        faster = np.median(seconds["teacher"]) / np.median(seconds[name])
        speed = len(dev) / np.median(seconds[name])
        print(
            f"| {name} | {model.backbone.depth} | {right[name].mean():.4f} | {kept:.4f} ({low:.4f} to {high:.4f}) "
            f"| {speed:,.0f} | {faster:.2f} |"
        )


if __name__ == "__main__":
    main()
