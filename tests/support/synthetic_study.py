"""Studies made of numbers: tiny routes that run in microseconds, and whole studies drawn from a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.statistics.study import Cell, EntryFacts, Study

ACCURACY = registry.load("metric", "accuracy")()
MACRO_F1 = registry.load("metric", "macro_f1")()


class LetterModel(TaskModel):
    """Class 1 where the text holds the letter; `calls` counts how often the test rows were scored."""

    calls = 0

    def __init__(self, letter: str, classes: tuple[str, ...]):
        self.letter, self.classes, self.notes = letter, classes, {"letter": letter, "C": 1.0}

    def predict_proba(self, examples: Examples) -> np.ndarray:
        LetterModel.calls += 1
        hit_N = np.array([self.letter in text for text in examples.items])
        return np.stack([~hit_N, hit_N], 1).astype(float)

    def save(self, folder) -> None:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class LetterRoute(RouteSpec):
    """`fault` says what goes wrong; `called` what it is called."""

    called: str = "letter"
    letter: str = "b"
    fault: str = ""

    @property
    def name(self) -> str:
        return self.called

    def refuses(self, examples: Examples, workspace: object) -> str | None:
        return "it needs more than 4 labels" if self.fault == "refuses" and len(examples) <= 4 else None

    def run(self, examples: Examples, workspace: object, *, seed: int, seconds: float | None = None) -> TaskModel:
        SEEN.append((self.called, len(examples), seed, seconds))
        if self.fault == "error":
            raise HeadstartError("no such base")
        if self.fault == "bug":
            raise IndexError("list index out of range")
        if self.fault == "interrupt" and len([s for s in SEEN if s[0] == self.called]) == 3:
            raise KeyboardInterrupt
        model = LetterModel(self.letter, examples.classes)
        if self.fault == "nan":
            model.predict_proba = lambda examples: np.full((len(examples), 2), np.nan)
        return model


@dataclass(frozen=True, kw_only=True)
class ClassicalRoute(LetterRoute):
    """The same, but classical."""

    classical: ClassVar[bool] = True


SEEN: list[tuple] = []


def letters(rows: int, seed: int = 0) -> Examples:
    """Rows of random letters whose class is whether they hold a b; every tenth label is wrong."""
    random = np.random.default_rng(seed)
    texts = ["".join(random.choice(list("abcd"), 3)) for _ in range(rows)]
    labels = np.array(["b" in text for text in texts]) ^ (np.arange(rows) % 10 == 0)
    return Examples(items=texts, labels=labels.astype(np.int64), classes=("without", "with"))


def drawn_study(
    skills: dict[str, tuple[str, str | None, float]],
    *,
    draws: int = 10,
    test: int = 400,
    sizes: tuple[int, ...] = (16,),
    seed: int = 0,
    classes: int = 2,
    metric=ACCURACY,
    spread: float = 0.15,
    overlap: float = 0.0,
) -> Study:
    """A study whose entries {name: (kind, base, skill)} answer right more often the higher the skill; 0 is guessing.

    Draws, test rows and their interaction are random effects that the entries share in part.
    """
    random = np.random.default_rng([seed, 77])
    truth_N = random.integers(0, classes, test)
    hard_N = random.normal(size=test)
    cells = []
    for size in sizes:
        for number in range(draws):
            common, noise_N = spread * random.normal(), random.normal(size=test)
            for name, (kind, _, skill) in skills.items():
                own = spread * random.normal()
                lean_N = 0.7 * (common + hard_N + noise_N) + 0.7 * (own + random.normal(size=test))
                guess_N = random.integers(0, classes, test)
                knows_N = (skill + lean_N > 1.0) if skill > 0 else np.zeros(test, bool)
                said_N = np.zeros(test) if kind == "majority" else np.where(knows_N, truth_N, guess_N)
                score = float(metric.score(truth_N, said_N))
                note = {"C": 1.0, "truncated rows": number}
                cells.append(Cell(name, size, number, score, 0.1, None, note, said_N.astype(np.uint16)))
    return Study(
        entries=tuple(EntryFacts(name, kind, base, {}) for name, (kind, base, _) in skills.items()),
        cells=tuple(cells),
        sizes=sizes,
        draws=draws,
        overlaps=dict.fromkeys(sizes, overlap),
        metric=metric,
        classes=tuple(f"class {number}" for number in range(classes)),
        truth=truth_N,
        facts={
            "data": {"test rows": test},
            "audit": {"identity": "0"},
            "command": "headstart compare RUN --data <file> & more",
        },
    )
