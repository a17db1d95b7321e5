"""evaluate: score a task model on a labelled file, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.commands.inputs import labelled
from headstart.commands.session import files, whole


@dataclass(frozen=True)
class Evaluated:
    """scores: {metric: (value, low, high)} with 95 % bootstrap intervals over the rows; rows: how many."""

    scores: dict[str, tuple[float, float, float]]
    rows: int

    def summary(self) -> str:
        """Return one line per metric."""
        lines = [f"{name}: {v:.4f} (95 % interval {lo:.4f} to {hi:.4f})" for name, (v, lo, hi) in self.scores.items()]
        return "\n".join([*lines, f"rows: {self.rows:,}"])


def evaluate(
    task: Annotated[Path, Parameter(help="a task directory of `headstart transfer`")],
    data: Annotated[list[str], Parameter(help="labelled file(s)", converter=files)],
    /,
    *,
    text: Annotated[str | None, Parameter(help="text column [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second text column [as in training]")] = None,
    label: Annotated[str | None, Parameter(help="label column [as in training]")] = None,
    seed: Annotated[int, Parameter(help="of the bootstrap", converter=whole)] = 0,
) -> Evaluated:
    """Score a task model on labelled rows: every metric with a 95 % interval (1,000 bootstrap samples of the rows)."""
    import numpy as np

    from headstart.base import registry
    from headstart.base.device import set_threads
    from headstart.base.seeds import numpy_generator
    from headstart.data.open import as_paths
    from headstart.routes.task import load_task, read_task

    set_threads()
    model = load_task(task)
    columns = read_task(task).get("receipt", {}).get("columns", {})
    examples, _ = labelled(as_paths(data), text, label, text2, classes=model.classes, remembered=columns)
    predicted = model.scores(examples).argmax(1)
    random = numpy_generator(seed, "bootstrap")
    rows = len(examples)
    metrics = {name: registry.load("metric", name)() for name in registry.names("metric")}
    resampled: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(1000):  # one sample at a time: a million rows are 8 MB each
        weight_N = np.bincount(random.integers(0, rows, rows), minlength=rows).astype(float)
        for name, metric in metrics.items():
            resampled[name].append(metric.score(examples.labels, predicted, weight_N))
    scores = {}
    for name, metric in metrics.items():
        low, high = np.quantile(resampled[name], [0.025, 0.975])
        scores[name] = (float(metric.score(examples.labels, predicted)), float(low), float(high))
    return Evaluated(scores, rows)
