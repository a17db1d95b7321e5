"""evaluate: score a task model on a labelled file, or a language model on unseen text, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.inputs import labelled, open_bases
from headstart.commands.session import files, whole

_RESAMPLES = 1_000
_LANGUAGE_MODELS = ("run.json", "config.json")  # what such a directory holds and a task directory does not


@dataclass(frozen=True)
class Evaluated:
    """scores: {metric: (value, low, high)} with 95 % bootstrap intervals over the rows; rows: how many."""

    scores: dict[str, tuple[float, float, float]]
    rows: int

    def summary(self) -> str:
        """Return one line per metric."""
        lines = [f"{name}: {v:.4f} (95 % interval {lo:.4f} to {hi:.4f})" for name, (v, lo, hi) in self.scores.items()]
        lines = [line if "nan" not in line else f"{line.split()[0]} not defined for these answers" for line in lines]
        return "\n".join([*lines, f"rows: {self.rows:,}"])


def evaluate(
    task: Annotated[Path, Parameter(help="a task directory of `headstart transfer`, or the run of a language model")],
    data: Annotated[list[str], Parameter(help="labelled file(s); for a language model text", converter=files)],
    /,
    *,
    text: Annotated[str | None, Parameter(help="text column [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second text column [as in training]")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [as in training]")] = None,
    seed: Annotated[int, Parameter(help="of the bootstrap", converter=whole)] = 0,
) -> Any:
    """Score a task model on labelled rows: every metric of its task with a 95 % interval (1,000 bootstrap samples).

    Of a causal language model: bits per byte of text that it has not seen (a `LanguageScore`, not an `Evaluated`).
    """
    from headstart.base import registry
    from headstart.base.device import set_threads
    from headstart.data.open import as_paths
    from headstart.routes.task import load_task, read_task

    set_threads()
    if any((Path(task) / name).is_file() for name in _LANGUAGE_MODELS):
        from headstart.training.language import score_files

        (artefact,) = open_bases([Path(task)]).values()
        if artefact.backbone.reads != "left":
            raise HeadstartError(
                f"{task}: not a task model (write one with 'headstart transfer') and no causal language model, the "
                "only kind of run that is scored on text"
            )
        if text2 is not None or label is not None:
            raise HeadstartError("--text2 and --label are for task models; a language model is scored on --text alone")
        return score_files(artefact, as_paths(data), column=text, seed=seed)
    model = load_task(task)
    columns = read_task(task).get("receipt", {}).get("columns", {})
    classes = model.classes or None
    examples, _ = labelled(as_paths(data), text, label, text2, classes=classes, remembered=columns, task=model.task)
    spec = registry.load("task", model.task)()
    truth, predicted = spec.judged(model.answers(examples), examples)
    metrics = {name: registry.load("metric", name)() for name in registry.names("metric")}
    own = {name: metric for name, metric in metrics.items() if metric.task == model.task}
    headline = sorted(own.items(), key=lambda item: item[0] != spec.metric)
    return Evaluated(intervals(dict(headline), truth, predicted, seed), len(examples))


def intervals(metrics: dict[str, Any], truth: Any, predicted: Any, seed: int) -> dict[str, tuple[float, float, float]]:
    """Return (value, low, high) of each metric, 95 % bootstrap intervals; all see the same resampled rows."""
    import numpy as np

    from headstart.base.seeds import numpy_generator

    random, rows = numpy_generator(seed, "bootstrap"), len(truth)
    # Where rows enter through sums alone, a resample is one product of weights and statistics.
    sums = {name: metric.statistics(truth, predicted) for name, metric in metrics.items() if hasattr(metric, "value")}
    resampled: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(_RESAMPLES):  # one sample at a time: a million rows are 8 MB each
        weight_N = np.bincount(random.integers(0, rows, rows), minlength=rows).astype(float)
        for name, metric in metrics.items():
            if name in sums:
                resampled[name].append(metric.value(weight_N @ sums[name]))
            else:
                resampled[name].append(metric.score(truth, predicted, weight_N))
    bounds = {name: np.quantile(_defined(values), [0.025, 0.975]) for name, values in resampled.items()}
    return {
        name: (float(metric.score(truth, predicted)), float(bounds[name][0]), float(bounds[name][1]))
        for name, metric in metrics.items()
    }


def _defined(values: list[float]) -> list[float]:
    """Return the scores that are numbers (a resample may hold no true span); nan when none is."""
    return [value for value in values if not math.isnan(value)] or [math.nan]
