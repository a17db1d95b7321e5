"""What the programs that run transformers' Trainer share: the clock of a run, its settings, its pace.

It imports transformers, and so is imported when the budget of `peer_trainer.py` or `peer_finetune.py` runs already.
"""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainingArguments

TRIAL = 6  # steps that are timed beforehand; the first two do not count


class Clock(TrainerCallback):
    """Notes when every step ends, and stops at `end`, a time of `time.monotonic`."""

    def __init__(self, end: float) -> None:
        self.end, self.ends = end, []

    def on_step_end(self, args, state, control, **_):
        """See `TrainerCallback`."""
        self.ends.append(time.monotonic())
        if self.ends[-1] >= self.end:
            control.should_training_stop = True

    @property
    def step(self) -> float:
        """The seconds of a step."""
        return (self.ends[-1] - self.ends[1]) / (len(self.ends) - 2)


def arguments_of(asked: dict[str, Any], steps: int, home: str, **more: Any) -> TrainingArguments:
    """Return the settings of a run of so many steps that saves and reports nothing; more: besides."""
    return TrainingArguments(
        output_dir=home,
        max_steps=steps,
        per_device_train_batch_size=asked["batch"],
        learning_rate=asked["learning_rate"],
        warmup_steps=round(asked["warmup"] * steps),
        use_cpu=True,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_steps=10**6,
        seed=asked["seed"],
        **more,
    )
