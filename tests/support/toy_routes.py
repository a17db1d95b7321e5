"""Toy routes of tasks without classes: numbers (regress) and spans (tag) in microseconds, better the more labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headstart.core.examples import Examples, Span
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel

CALLS: list[str] = []  # names of the routes whose models were asked the test rows


class ToyModel(TaskModel):
    """Answers by a function of a text and its place; counts how often it is asked."""

    classes = ()

    def __init__(self, name: str, task: str, answer: Any):
        self.name, self.task, self.answer, self.notes = name, task, answer, {}

    def predict(self, examples: Examples) -> list[Any]:
        CALLS.append(self.name)
        return [self.answer(text) for text in examples.items]

    def save(self, folder) -> None:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ToyRoute(RouteSpec):
    """called: its name. noise: of its answers at one label; it falls with the square root of the labels."""

    tasks: ClassVar[tuple[str, ...]] = ("regress", "tag")
    called: str
    noise: float = 1.0

    @property
    def name(self) -> str:
        return self.called

    def run(self, examples: Examples, workspace: object, *, seed: int, seconds: float | None = None) -> TaskModel:
        random, noise = np.random.default_rng([seed, len(self.called)]), self.noise / len(examples) ** 0.5
        if examples.task == "regress":
            return ToyModel(self.called, "regress", lambda text: text.count("b") + 4 * noise * random.normal())

        def spans(text: str) -> tuple[Span, ...]:
            return tuple(one for one in names_in(text) if random.random() > noise)

        return ToyModel(self.called, "tag", spans)


@dataclass(frozen=True, kw_only=True)
class ToyClassical(ToyRoute):
    """The same, but classical."""

    classical: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ToyConstant(ToyClassical):
    """Answers the mean of the numbers, or no span."""

    def run(self, examples: Examples, workspace: object, *, seed: int, seconds: float | None = None) -> TaskModel:
        answer = float(np.mean(examples.targets)) if examples.task == "regress" else ()
        return ToyModel(self.called, examples.task, lambda text: answer)


def names_in(text: str) -> tuple[Span, ...]:
    """The words that begin with a capital: persons (P) where they end with `a`, else places (L)."""
    found, start = [], 0
    for word in text.split(" "):
        if word[:1].isupper():
            found.append(Span(start, start + len(word), "P" if word.endswith("a") else "L"))
        start += len(word) + 1
    return tuple(found)


def toy_rows(task: str, rows: int, seed: int = 0) -> Examples:
    """Random rows of a task: numbers are how often a text holds a b, spans are its names."""
    random = np.random.default_rng(seed)
    words = ["ab", "bb", "c", "Anna", "Rom", "Ida", "Ulm"]
    texts = [" ".join(random.choice(words, size=random.integers(3, 9))) for _ in range(rows)]
    targets = [float(text.count("b")) if task == "regress" else names_in(text) for text in texts]
    return Examples(items=texts, task=task, targets=targets, classes=("L", "P") if task == "tag" else ())
