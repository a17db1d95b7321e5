"""Fine-tuning by transformers' Trainer, run by the peers' Python (see `finetuning.py`).

    PYTHON peer_finetune.py SETTINGS.json

SETTINGS: train and dev (files of JSON lines with text and label), start (a checkpoint of transformers), out (folder to
write), and of the training: padding (tokens of every row, as run_glue pads; null: the longest row of the batch, rows of
like length together), batch, learning_rate, warmup (share of the steps), epochs (most passes), seconds, seed. The
budget begins with the process. Steps are timed on a copy first, off the clock, so that the learning rate falls to zero
just when the budget ends, or after the epochs if these are sooner. Writes OUT/answers.json, the predicted classes of
dev, and OUT/times.json: seconds from the start of the process to the end of training without the trial, steps, rows per
second.
"""

from __future__ import annotations

import time

BEGUN = time.monotonic()  # before the imports, which are part of the budget

import copy  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

LONGEST = 128  # tokens of a row, at most


def tokenized(path: str, tokenizer, classes: list[str], padding: int | None, home: str):
    """Return the rows as run_glue makes them: token ids of at most LONGEST tokens and the number of the class."""
    from datasets import load_dataset

    data = load_dataset("json", data_files=path, split="train", cache_dir=home)
    numbers = {name: number for number, name in enumerate(classes)}

    def encoded(rows):
        how = {"padding": "max_length"} if padding else {}
        found = tokenizer(rows["text"], truncation=True, max_length=padding or LONGEST, **how)
        return dict(found) | {"labels": [numbers[label] for label in rows["label"]]}

    return data.map(encoded, batched=True, remove_columns=data.column_names)


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    home = tempfile.TemporaryDirectory()
    os.environ |= {"HF_HOME": home.name, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    from peer_runs import TRIAL, Clock, arguments_of
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        set_seed,
    )

    set_seed(asked["seed"])
    lines = Path(asked["train"]).read_text(encoding="utf-8").splitlines()
    classes = sorted({json.loads(line)["label"] for line in lines})
    tokenizer = AutoTokenizer.from_pretrained(asked["start"])
    train, dev = (tokenized(asked[name], tokenizer, classes, asked["padding"], home.name) for name in ("train", "dev"))
    model = AutoModelForSequenceClassification.from_pretrained(asked["start"], num_labels=len(classes))

    def trainer(trained, steps: int, clock: Clock, grouped: bool) -> Trainer:
        how = {"train_sampling_strategy": "group_by_length" if grouped else "random", "per_device_eval_batch_size": 64}
        arguments = arguments_of(asked, steps, home.name, **how)
        collator = DataCollatorWithPadding(tokenizer)
        return Trainer(model=trained, args=arguments, train_dataset=train, data_collator=collator, callbacks=[clock])

    prepared, grouped = time.monotonic() - BEGUN, not asked["padding"]
    trial = Clock(math.inf)
    trainer(copy.deepcopy(model), TRIAL, trial, grouped).train()
    left, whole = asked["seconds"] - prepared, asked["epochs"] * math.ceil(len(train) / asked["batch"])
    begun = time.monotonic()
    clock = Clock(begun + left)
    trainer(model, max(2, min(whole, round(left / trial.step))), clock, grouped).train()
    trained = time.monotonic() - begun
    # Rows that are grouped by length are answered in that order, so the answers come from a trainer that does not.
    answers = trainer(model, 1, clock, grouped=False).predict(dev).predictions.argmax(-1)
    out = Path(asked["out"])
    (out / "answers.json").write_text(json.dumps([classes[number] for number in answers]))
    times = {
        "seconds": prepared + trained,
        "steps": len(clock.ends),
        "epochs": len(clock.ends) / whole * asked["epochs"],
    }
    (out / "times.json").write_text(json.dumps(times | {"rows_per_second": len(clock.ends) * asked["batch"] / trained}))


if __name__ == "__main__":
    main()
