"""evaluate: score a task model on a labelled file, or a language model on unseen text, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.reading import metrics_of, open_bases, say
from headstart.commands.results import TableResult
from headstart.commands.session import files, whole
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    import numpy as np

    from headstart.core.examples import Examples
    from headstart.statistics.class_details import ClassDetails

_RESAMPLES = 1_000
_CLASSES, _PAIRS, _LONGEST = 30, 5, 80  # classes and pairs of classes that are shown, characters of a text
_LANGUAGE_MODELS = ("run.json", "config.json")  # files of a run or a checkpoint that a task directory does not have
Interval = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True, repr=False)
class Evaluated(TableResult):
    """scores: {metric: (value, low, high)} with 95 % bootstrap intervals over the rows; rows: how many.

    trained: how many of the rows the model was trained on, None where it does not know. unseen: the scores without
    them, empty where there are none of them or no others. details: of classes, None for other tasks. mistakes: the
    surest of them, in words.
    """

    scores: dict[str, Interval]
    rows: int
    trained: int | None = None
    unseen: dict[str, Interval] = field(default_factory=dict)
    details: ClassDetails | None = None
    mistakes: tuple[str, ...] = ()

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per metric: metric, value, low, high, rows."""
        return [
            {"metric": name, "value": value, "low": low, "high": high, "rows": self.rows}
            for name, (value, low, high) in self.scores.items()
        ]

    def told(self) -> list[str]:
        """See `TableResult`."""
        return self.summary().splitlines()

    def summary(self) -> str:
        """Return what a terminal shows: a line per metric, the rows, the classes, the commonest and surest mistakes."""
        found = self.details
        if found is None:
            return "\n".join(self.lines())
        pairs = [f"{true} called {said} {count:,}" for true, said, count in found.confused[:_PAIRS]]
        kept = [f"{one.share:.0%} {_figure(one.accuracy)} (from {_figure(one.threshold)})" for one in found.coverage]
        out = [*self.lines(), "", *self.class_lines(), *(["", f"mistakes: {'; '.join(pairs)}"] if pairs else [])]
        out.append(f"accuracy of the surest rows (predict --threshold): {', '.join(kept)}")
        return "\n".join([*out, *(f"surest mistake: {told}" for told in self.mistakes)])

    def lines(self) -> list[str]:
        """Return a line per metric, how many rows there are, and how many of them the model was trained on."""
        from headstart.reporting.number_text import percent_tenths

        lines = [_line(name, found, self.unseen.get(name)) for name, found in self.scores.items()]
        lines.append(f"rows: {self.rows:,}")
        if self.trained:
            share = f"{self.trained:,} of {self.rows:,} rows ({percent_tenths(self.trained / self.rows)})"
            read = "no score without them: none is left" if not self.unseen else "read the score without them"
            lines.append(f"trained on: {share} are rows that this model was trained on; {read}")
        if (found := self.details) is not None:
            lines.append(f"log loss: {found.log_loss:.4f}")
            lines.append(f"AUC: {found.auc:.4f} (mean over the classes, each against the rest)")
        return lines

    def class_lines(self) -> list[str]:
        """Return a table of the classes, nothing for other tasks."""
        if (found := self.details) is None:
            return []
        wide = max(5, *(len(line.name) for line in found.classes[:_CLASSES]))
        out = [f"{'class':{wide}}   rows  precision  recall      F1     AUC"]
        for line in found.classes[:_CLASSES]:
            figures = "  ".join(f"{_figure(value):>6}" for value in (line.recall, line.f1, line.auc))
            out.append(f"{line.name:{wide}}  {line.rows:5,}     {_figure(line.precision):>6}  {figures}")
        if len(found.classes) > _CLASSES:
            out.append(f"and {len(found.classes) - _CLASSES:,} classes more")
        return out


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _line(name: str, found: Interval, unseen: Interval | None) -> str:
    told = f"{name}: {_told(found)}"
    return told if unseen is None else f"{told}; without the rows trained on: {_told(unseen)}"


def _told(found: Interval) -> str:
    value, low, high = found
    if math.isnan(value) or math.isnan(low):
        return "not defined for these answers"
    return f"{value:.4f} (95 % interval {low:.4f} to {high:.4f})"


def evaluate(
    task: Annotated[Path, Parameter(help="a task directory of `headstart transfer`, or the run of a language model")],
    data: Annotated[
        list[str], Parameter(help="labelled file(s); for a language model text or images", converter=files)
    ],
    /,
    *,
    text: Annotated[str | None, Parameter(help="column of texts or images [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column [as in training]")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [as in training]")] = None,
    seed: Annotated[int, Parameter(help="of the bootstrap", converter=whole)] = 0,
) -> Any:
    """Score a task model on labelled rows: every metric of its task with a 95 % interval (1,000 bootstrap samples).

    Rows that the model was trained on are counted, and the score without them stands beside the other one.

    For a causal language model: bits per byte of unseen text (a `LanguageScore`, not an `Evaluated`), or bits per pixel
    of unseen images (a `PictureScore`).
    """
    from headstart.core import registry
    from headstart.core.device import set_threads
    from headstart.core.examples import need_takes
    from headstart.data.open import as_paths
    from headstart.data.read_request import ReadRequest, read_labelled_rows
    from headstart.fitting.task_model_files import load_task, read_task, task_folder, trained_on
    from headstart.statistics.blocks import taken

    set_threads()
    if any((Path(task) / name).is_file() for name in _LANGUAGE_MODELS):
        from headstart.language_models.bits_per_byte import score_files
        from headstart.language_models.bits_per_pixel import score_image_files

        (pretrained,) = open_bases([Path(task)]).values()
        if pretrained.backbone.reads != "causal":
            raise HeadstartError(
                f"{task}: not a task model (write one with 'headstart transfer') and no causal language model, the "
                "only kind of run that is scored on text"
            )
        if text2 is not None or label is not None:
            raise HeadstartError("--text2 and --label are for task models; a language model is scored on --text alone")
        if pretrained.processor.takes == "image":
            return score_image_files(pretrained, as_paths(data), column=text, seed=seed)
        return score_files(pretrained, as_paths(data), column=text, seed=seed)
    task = task_folder(task)
    model = load_task(task)
    receipt = read_task(task).get("receipt", {})
    trained = receipt.get("columns", {})
    columns = {"text": text, "text2": text2, "label": label, "remembered": trained}
    request = ReadRequest(paths=data, **columns, classes=model.classes or None, task=model.task)
    examples, _ = read_labelled_rows(request, say)
    need_takes(examples.items, receipt.get("takes", "text"), f"{task}")
    spec = registry.load("task", model.task)()
    scores_NC = model.predict_proba(examples) if model.task == "classify" else None
    said = model.predict(examples) if scores_NC is None else [model.classes[at] for at in scores_NC.argmax(1)]
    truth, predicted = spec.metric_inputs(said, examples)
    more = {} if scores_NC is None else _of_classes(scores_NC, model.classes, examples)
    metrics = metrics_of(model.task)
    scores = intervals(metrics, truth, predicted, seed)
    seen_N = trained_on(task, examples)
    if seen_N is None or not seen_N.any():
        return Evaluated(scores, len(examples), None if seen_N is None else 0, **more)
    sides = (taken(side, ~seen_N) for side in (truth, predicted))
    unseen = {} if seen_N.all() else intervals(metrics, *sides, seed)
    return Evaluated(scores, len(examples), int(seen_N.sum()), unseen, **more)


def _of_classes(scores_NC: np.ndarray, classes: tuple[str, ...], examples: Examples) -> dict[str, Any]:
    """Return the details of a classifier's answers to labelled rows, and its surest mistakes in words."""
    from headstart.statistics.class_details import class_details

    found = class_details(scores_NC, examples.labels, classes)
    told = []
    for row in found.worst:
        file, line = examples.places[row]
        said = scores_NC[row].argmax()
        item = " ".join(str(examples.items[row]).split())
        label = f"'{classes[examples.labels[row]]}' called '{classes[said]}' ({scores_NC[row, said]:.3f})"
        told.append(f"{Path(file).name}:{line}: {label}: {item[:_LONGEST]}")
    return {"details": found, "mistakes": tuple(told)}


def intervals(metrics: dict[str, Any], truth: Any, predicted: Any, seed: int) -> dict[str, tuple[float, float, float]]:
    """Return (value, low, high) of each metric, 95 % bootstrap intervals from the same resampled rows."""
    import numpy as np

    from headstart.core.metric_contracts import SumMetric
    from headstart.core.seeds import numpy_generator

    random, rows = numpy_generator(seed, "bootstrap"), len(truth)
    # For a metric of sums a resample is one product of weights and statistics.
    sums = {
        name: metric.statistics(truth, predicted) for name, metric in metrics.items() if isinstance(metric, SumMetric)
    }
    resampled: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(_RESAMPLES):  # one resample at a time: a million rows take 8 MB
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
    """Return the scores that are not nan (a resample may hold no true span), or [nan]."""
    return [value for value in values if not math.isnan(value)] or [math.nan]
