"""Bar H3: fine-tuning beside transformers' Trainer: how much sooner the same accuracy on the dev set.

    python benchmarks/finetuning.py TASK START --data ../shared/data --work WORK [--minutes 10] [--threads 2]

TASK: banking77 (9,005 English questions, 77 classes), or nsmc (10,000 Korean reviews, 2 classes; the first 5,000 rows
of dev are scored). START: a checkpoint of transformers that both sides begin with: all-MiniLM-L6-v2, or
`headstart export` of a run of `mlm`. Every arm is a command of its own whose budget begins with the process:

- default: `peer_finetune.py` with the settings of run_glue: rows padded to 128 tokens, batches of 8, 5e-5, 3 epochs;
- tuned: rows of like length together, padded to the longest; batches of 16, warm-up, the learning rates of --grid;
- headstart: `headstart transfer START --route finetune --minutes M` for the budgets of --ladder.

A peer that is not done after --minutes stops there, its learning rate having fallen to zero. What is done is kept in
WORK. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from beside_peers import Runs, given, parser, table

from headstart import Examples, load_task

TRAIN, TESTED = 10_000, 5_000  # rows of NSMC
DEFAULT = {"padding": 128, "batch": 8, "learning_rate": 5e-5, "warmup": 0, "epochs": 3}
TUNED = {"padding": None, "batch": 16, "warmup": 0.06, "epochs": 3}


class FineTuning(Runs):
    """See above."""

    @cached_property
    def files(self) -> dict[str, Path]:
        """The labelled files, written once."""
        made = {name: self.work / f"{self.options.task}.{name}.jsonl" for name in ("train", "dev")}
        for (name, path), most in zip(made.items(), (TRAIN, TESTED)):
            if not path.is_file():
                read = _banking if self.options.task == "banking77" else _nsmc
                rows = read(self.options.data, name)[:most]
                path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return made

    @cached_property
    def right(self) -> list[str]:
        """The classes of the dev rows."""
        return [json.loads(line)["label"] for line in self.files["dev"].read_text(encoding="utf-8").splitlines()]

    def peer(self, name: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        """Return what a run of the Trainer is worth."""
        asked = {name: str(path) for name, path in self.files.items()} | {"start": str(self.options.start)} | settings
        seconds = 60 * self.options.minutes
        name = f"{self.options.task}: {name}, {self.options.minutes:g} min, seed {seed}"
        found, out = self.program(name, "peer_finetune.py", asked | {"seed": seed, "seconds": seconds})
        answers = json.loads((out / "answers.json").read_text())
        speed = f"{found['rows_per_second']:.0f} rows/s, {found['epochs']:.1f} epochs"
        return self.keep(found | {"scores": {"accuracy": self.accuracy(answers)}, "speed": speed})

    def ours(self, minutes: float, seed: int) -> dict[str, Any]:
        """Return what `headstart transfer` in so many minutes is worth."""
        name = f"{self.options.task}: headstart {minutes:g} min, seed {seed}"
        out = self.work / name.replace(" ", "-").replace(":", "")
        command = [sys.executable, "-W", "ignore", "-m", "headstart", "transfer", self.options.start, "--out", out]
        settings = [f"--set={setting}" for setting in self.options.set]
        command += ["--data", self.files["train"], "--route", self.options.route, "--minutes", minutes, "--seed", seed]
        found = self.run(name, [*command, *settings])
        if "scores" not in found:
            model = load_task(out)
            texts = [json.loads(line)["text"] for line in self.files["dev"].read_text(encoding="utf-8").splitlines()]
            answers = model.predict_proba(Examples(texts)).argmax(1)
            found["scores"] = {"accuracy": self.accuracy([model.classes[number] for number in answers])}
        return self.keep(found)

    def accuracy(self, answers: list[str]) -> float:
        """Return the share of right answers."""
        return sum(one == other for one, other in zip(answers, self.right, strict=True)) / len(self.right)


def _banking(data: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(data / f"banking77/{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _nsmc(data: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(data / f"nsmc/{name}.tsv.gz", "rt", encoding="utf-8") as stream:
        rows = [line.rstrip("\n").split("\t") for line in stream][1:]
    named = {"0": "negative", "1": "positive"}
    return [{"text": row[1], "label": named[row[2]]} for row in rows if len(row) == 3 and row[1].strip()]


def _options() -> argparse.Namespace:
    made = parser(__doc__, "0.5,1,2,5")
    made.add_argument("task", choices=["banking77", "nsmc"])
    made.add_argument("start", type=Path)
    made.add_argument("--grid", default="1e-4,3e-4", help="learning rates of the tuned")
    made.add_argument("--route", default="finetune")
    return given(made)


def main() -> None:
    options = _options()
    only, bench = options.only.split(","), FineTuning(options)
    found = []
    for seed in options.seeds:
        if "headstart" in only:
            found += [bench.ours(minutes, seed) for minutes in options.ladder]
        if "default" in only:
            found.append(bench.peer("default", DEFAULT, seed))
        if "tuned" in only:
            for rate in options.grid.split(","):
                found.append(bench.peer(f"tuned at {rate}", TUNED | {"learning_rate": float(rate)}, seed))
    table(found)


if __name__ == "__main__":
    main()
