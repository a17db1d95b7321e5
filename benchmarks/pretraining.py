"""Bar H1: a masked language model beside transformers' Trainer: how much sooner the same loss, and what it is worth.

    python benchmarks/pretraining.py --data ../shared/data --work WORK [--minutes 10] [--threads 2] [--only NAMES]

200,000 unlabelled reviews of NSMC, 2,000 more are held out. Every arm is a command of its own whose budget begins with
the process: `headstart pretrain --objective mlm --minutes M` (its tokenizer is trained within the budget) and
`peer_trainer.py` (the peers get that tokenizer as a gift). Arms:

- default: 4 layers of 256, batches of 64 blocks, learning rate 5e-5, dropout .1, 15 % masked;
- tuned: 4 x 128 and 4 x 256, learning rates 3e-4 and 1e-3 with warm-up, batches of 16, no dropout, 30 % masked;
- headstart: the budgets of --ladder, in minutes.

The loss is of the same 15 % of the held-out tokens for all, each side in the rows it was trained on (a review per row;
blocks of 128 tokens), by one function. The probe: a logistic regression on mean vectors of 2,000 labelled reviews,
scored on 4,000 of dev. What is done is kept in WORK, so that the command can be stopped and given again. Prints a
Markdown table and the smallest budget of the ladder that reaches each peer's loss.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import python_of

from headstart.core.batch import TokenBatch
from headstart.training.pretrained_model import PretrainedModel

TRAIN, HELD, LABELLED, TESTED = 200_000, 2_000, 2_000, 4_000
BLOCK, ROWS = 128, 64  # tokens of a row of the peers; rows that are scored together
DEFAULT = {
    "depth": 4,
    "width": 256,
    "batch": 64,
    "learning_rate": 5e-5,
    "dropout": 0.1,
    "warmup": 0,
    "mask_ratio": 0.15,
}
TUNED = {"depth": 4, "batch": 16, "dropout": 0.0, "warmup": 0.06, "mask_ratio": 0.3}


@dataclass
class Bench:
    """options: of the command line."""

    options: argparse.Namespace

    @property
    def work(self) -> Path:
        return self.options.work

    @cached_property
    def text(self) -> Path:
        """The unlabelled training text, written once; the held-out text is beside it."""
        path = self.work / "reviews.txt"
        if not path.is_file():
            with lzma.open(self.options.data / "nsmc/unlabeled.txt.xz", "rt", encoding="utf-8") as stream:
                lines = [line for line, _ in zip(stream, range(TRAIN + HELD), strict=False)]
            (self.work / "held.txt").write_text("".join(lines[TRAIN:]), encoding="utf-8")
            path.write_text("".join(lines[:TRAIN]), encoding="utf-8")
        return path

    def labelled(self, name: str, count: int) -> tuple[list[str], list[str]]:
        """Return (texts, labels) of the first usable rows of a file of NSMC."""
        with gzip.open(self.options.data / f"nsmc/{name}.tsv.gz", "rt", encoding="utf-8") as stream:
            rows = [line.rstrip("\n").split("\t") for line in stream][1:]
        rows = [row for row in rows if len(row) == 3 and row[1].strip()][:count]
        return [row[1] for row in rows], [row[2] for row in rows]

    def run(self, name: str, command: list[object]) -> dict[str, Any]:
        """Run a command and return its seconds, or what an earlier run left."""
        path = self.work / f"{name}.json"
        if not path.is_file():
            environment = os.environ | {"OMP_NUM_THREADS": str(self.options.threads)}
            load, begun = os.getloadavg()[0], time.monotonic()
            with open(self.work / f"{name}.log", "w") as log:
                subprocess.run(list(map(str, command)), check=True, env=environment, stdout=log, stderr=log)
            path.write_text(json.dumps({"name": name, "seconds": time.monotonic() - begun, "load": load}))
        return json.loads(path.read_text())

    def ours(self, minutes: float, seed: int) -> dict[str, Any]:
        """Return what a run of headstart of so many minutes is worth."""
        name = f"headstart {minutes:g} min, seed {seed}"
        out = self.work / name.replace(" ", "-")
        command = [sys.executable, "-W", "ignore", "-m", "headstart", "pretrain", self.text, "--unit", "line"]
        settings = [f"--set={setting}" for setting in self.options.set]
        command += ["--objective", "mlm", "--minutes", minutes, "--seed", seed, "--out", out, *settings]
        return self.scored(self.run(name, command), out, rows=None)

    def peer(self, name: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        """Return what a run of the Trainer is worth."""
        name = f"{name}, seed {seed}"
        out = self.work / name.replace(" ", "-").replace(",", "")
        out.mkdir(exist_ok=True)
        asked = settings | {"text": str(self.text), "tokenizer": str(self.tokenizer), "out": str(out), "seed": seed}
        (out / "asked.json").write_text(json.dumps(asked | {"seconds": 60 * self.options.minutes}))
        program = Path(__file__).with_name("peer_trainer.py")
        python = python_of(self.options.peers)
        found = self.run(name, [python, "-W", "ignore", program, out / "asked.json"])
        return self.scored(found, out / "model", rows=BLOCK) | json.loads((out / "times.json").read_text())

    @cached_property
    def tokenizer(self) -> Path:
        """The tokenizer of headstart's runs, for the peers."""
        self.ours(self.options.ladder[0], 0)
        return self.work / f"headstart-{self.options.ladder[0]:g}-min,-seed-0/processor"

    def scored(self, found: dict[str, Any], folder: Path, rows: int | None) -> dict[str, Any]:
        """Add loss and probe to what a run is worth, once."""
        if "loss" not in found:
            model = PretrainedModel.open(folder)
            found |= {"loss": masked_loss(model, self.work / "held.txt", rows), "probe": self.probe(model)}
            (self.work / f"{found['name']}.json").write_text(json.dumps(found))
        return found

    def probe(self, model: PretrainedModel) -> float:
        """Return the share of right answers of a logistic regression on mean vectors."""
        from sklearn.linear_model import LogisticRegressionCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        (texts, labels), (test, right) = self.labelled("train", LABELLED), self.labelled("dev", TESTED)
        linear = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=np.logspace(-4, 0, 5), cv=5, max_iter=500))
        linear.fit(model.embed(texts, pooling="mean"), labels)
        return float(linear.score(model.embed(test, pooling="mean"), right))


def masked_loss(model: PretrainedModel, held: Path, rows: int | None) -> float:
    """Return the mean loss in nats of 15 % of the held-out tokens, which depend on the tokenizer alone.

    rows: tokens of a row, across documents, or None for a row per document.
    """
    tokenizer, objective = model.processor, model.objective
    documents = [ids[: BLOCK - 2] for ids in tokenizer.encode(held.read_text(encoding="utf-8").split("\n"))]
    documents = [np.concatenate([[tokenizer.cls_id], ids, [tokenizer.sep_id]]) for ids in documents if len(ids)]
    ids, random = np.concatenate(documents).astype(np.int64), np.random.default_rng(0)
    special = np.isin(ids, [tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id, tokenizer.pad_id])
    target = (random.random(len(ids)) < 0.15) & ~special
    how, drawn = random.random(len(ids)), random.integers(len(tokenizer.special_ids), tokenizer.vocabulary, len(ids))
    shown = np.where(target & (how < 0.8), tokenizer.mask_id, np.where(target & (how >= 0.9), drawn, ids))
    ends = np.cumsum([len(one) for one in documents]) if rows is None else np.arange(rows, len(ids) + rows, rows)
    ends = np.concatenate([[0], np.minimum(ends, len(ids))])
    total = count = 0
    for first in range(0, len(ends) - 1, ROWS):
        bounds = ends[first : first + ROWS + 1]
        part = slice(bounds[0], bounds[-1])
        place = np.flatnonzero(target[part])
        batch = TokenBatch(
            ids_N=torch.from_numpy(shown[part]),
            lengths_B=torch.from_numpy(np.diff(bounds)),
            sample_B=torch.arange(len(bounds) - 1),
            extra={
                "target_position": torch.from_numpy(place),
                "target_id": torch.from_numpy(ids[part][place]),
            },
        )
        with torch.no_grad():
            scored = objective.score(model.backbone(batch), model.backbone, batch)
        total, count = total + float(scored.total), count + len(place)
    return total / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--ladder", default="0.2,0.33,0.5,0.75,1,10")
    parser.add_argument("--only", default="headstart,default,tuned")
    parser.add_argument(
        "--grid", default="128:3e-4,128:1e-3,256:3e-4,256:1e-3", help="width:learning rate of the tuned"
    )
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[], help="a setting of headstart's runs")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    options.ladder = [float(one) for one in options.ladder.split(",")]
    options.grid = [
        (int(width), float(rate)) for width, _, rate in (one.partition(":") for one in options.grid.split(","))
    ]
    bench, only, found = Bench(options), options.only.split(","), []
    torch.set_num_threads(options.threads)
    for seed in map(int, options.seeds.split(",")):
        if "headstart" in only:
            found += [bench.ours(minutes, seed) for minutes in options.ladder]
        if "default" in only:
            found.append(bench.peer("default", DEFAULT, seed))
        if "tuned" in only:
            for width, rate in options.grid:
                name = f"tuned 4 x {width} at {rate:g}"
                found.append(bench.peer(name, TUNED | {"width": width, "learning_rate": rate}, seed))
    print("| run | s | loss | probe | tokens/s | load before |\n|---|---|---|---|---|---|")
    for one in found:
        speed = f"{one['tokens_per_second']:,.0f}" if "tokens_per_second" in one else ""
        print(
            f"| {one['name']} | {one['seconds']:.0f} | {one['loss']:.3f} | {one['probe']:.4f} | {speed} "
            f"| {one['load']:.1f} |"
        )


if __name__ == "__main__":
    main()
