"""The most frequent answer of the labelled rows, or their mean: the baseline that every route must beat."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypedDict

import numpy as np

from headstart.core.examples import Examples, Span
from headstart.core.kinds import Count
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.data.bio import spans_of, tags_of
from headstart.data.tag_units import cut
from headstart.fitting.checks import labels_of, need_task, targets_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.metrics.micro_f1 import MicroF1


@dataclass(frozen=True, kw_only=True)
class Majority(RouteSpec):
    """No settings; of equally frequent classes the first is taken. multilabel: the labels with the best micro-F1;
    tag: the most frequent tag of each word; answer: no answer; generate: the most frequent text."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("classify", "multilabel", "regress", "tag", "answer", "generate")
    weighs: ClassVar[tuple[str, ...] | None] = ("classify", "regress")

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TaskModel:
        """Count the answers. Raises HeadstartError: no rows, no answers, a task that has no such thing."""
        need_task(self, examples)
        if examples.task == "regress":
            return MeanModel(float(np.average(targets_of(examples), weights=examples.weights)))
        if examples.task == "tag":
            return _count_words(examples)
        if examples.task == "multilabel":
            best = MicroF1().constant(targets_of(examples)) or {"labels": [], "scores": {}}
            scores = {name: best["scores"].get(name, 0.0) for name in examples.classes}
            return ConstantModel("multilabel", {"labels": best["labels"], "scores": scores}, examples.classes)
        if examples.task == "answer":
            return ConstantModel("answer", ())
        if examples.task == "generate":
            return ConstantModel("generate", Counter(targets_of(examples)).most_common(1)[0][0])
        counts_C = np.bincount(labels_of(examples), examples.weights, minlength=len(examples.classes))
        return MajorityModel(counts_C / counts_C.sum(), examples.classes)

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        if "tags" in data:
            return WordTagModel(data["tags"], tuple(data["classes"]))
        if "mean" in arrays:
            return MeanModel(float(arrays["mean"][0]))
        if "task" in data:
            answer = () if data["task"] == "answer" else data["answer"]
            return ConstantModel(data["task"], answer, tuple(data.get("classes", ())))
        return MajorityModel(arrays["share"], tuple(data["classes"]))


class _File(TypedDict, total=False):
    """One of the models below."""

    format: int
    classes: list[str]
    task: str
    answer: Any
    tags: dict[str, Count]


class MajorityModel(TaskModel):
    """share_C: the share of each class among the labelled rows, the probabilities of every row."""

    stays = "it has no network: its answers are those that the training rows have most often"

    def __init__(self, share_C: np.ndarray, classes: tuple[str, ...]):
        self.share_C, self.classes, self.notes = share_C, classes, {}

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return the same probabilities for every row, [N, C]."""
        return np.tile(self.share_C, (len(examples), 1))

    def save(self, folder: Path) -> None:
        """Write the shares into `folder`."""
        write_parts(folder, {"classes": self.classes}, {"share": self.share_C})


class MeanModel(TaskModel):
    """mean: of the training numbers, the answer to every row."""

    stays = "it has no network: its answers are those that the training rows have most often"

    classes, task = (), "regress"

    def __init__(self, mean: float):
        self.mean, self.notes = mean, {"mean": mean}

    def predict(self, examples: Examples) -> list[float]:
        """Return the same number for every row."""
        return [self.mean] * len(examples)

    def save(self, folder: Path) -> None:
        """Write the number into `folder`."""
        write_parts(folder, {}, {"mean": np.array([self.mean])})


class ConstantModel(TaskModel):
    """answer: the same to every row; a text, an answer of task multilabel, or () for no answer."""

    stays = "it has no network: its answers are those that the training rows have most often"

    def __init__(self, task: str, answer: Any, classes: tuple[str, ...] = ()):
        self.task, self.answer, self.classes, self.notes = task, answer, classes, {}

    def predict(self, examples: Examples) -> list[Any]:
        """Return the same answer for every row."""
        return [self.answer] * len(examples)

    def save(self, folder: Path) -> None:
        """Write the answer into `folder`."""
        write_parts(folder, {"task": self.task, "answer": self.answer, "classes": self.classes}, {})


class WordTagModel(TaskModel):
    """tags: the most frequent tag of each word that has another than O; see `data/bio.py` for their numbers."""

    stays = "it has no network: its answers are those that the training rows have most often"

    task = "tag"

    def __init__(self, tags: dict[str, int], classes: tuple[str, ...]):
        self.tags, self.classes, self.notes = tags, classes, {"words": len(tags)}

    def predict(self, examples: Examples) -> list[tuple[Span, ...]]:
        """Return the spans of each row."""
        return [self._spans(text) for text in examples.items]

    def _spans(self, text: str) -> tuple[Span, ...]:
        units = cut(text, "word")
        tags_T = np.array([self.tags.get(word, 0) for word in units.words()], np.int64)
        return spans_of(tags_T, units.tokens_T2, text, self.classes)

    def save(self, folder: Path) -> None:
        """Write the words and their tags into `folder`."""
        write_parts(folder, {"tags": self.tags, "classes": self.classes}, {})


def _count_words(examples: Examples) -> WordTagModel:
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for text, spans in zip(examples.items, targets_of(examples)):
        units = cut(text, "word")
        for word, tag in zip(units.words(), tags_of(units.tokens_T2, spans, examples.classes).tolist()):
            counts[word][tag] += 1
    found = {word: max(sorted(tags), key=tags.__getitem__) for word, tags in counts.items()}
    return WordTagModel({word: tag for word, tag in found.items() if tag}, examples.classes)
