"""Random studies of every awkward kind: few draws, missing cells, tiny test sets, scores at the bounds, ties."""

from __future__ import annotations

import warnings

import numpy as np
from checked_report import faults

from headstart.core import registry
from headstart.reporting.findings import findings
from headstart.reporting.phrases import LANGUAGES
from headstart.reporting.report import report_data, terminal_table
from headstart.reporting.verdict_text import verdict_sentences
from headstart.statistics.study import Cell, EntryFacts, Question, Study

ENTRIES = {
    "majority": ("majority", None),
    "tfidf": ("classical", None),
    "ppmi": ("classical", None),
    "probe · a": ("pretrained", "a"),
    "vote · b": ("pretrained", "b"),
    "scratch · a": ("control", "a"),
    "scratch · b": ("control", "b"),
}
METRICS = ("accuracy", "accuracy", "macro_f1", "pearson", "spearman", "bleu", "chrf", "exact_match", "tag_accuracy")
_WORDS = ("red", "green", "blue", "a cat sat", "on the mat")


def random_study(seed: int) -> Study:
    """Return a study that depends on `seed` alone."""
    random = np.random.default_rng([seed, 11])
    metric = registry.load("metric", str(random.choice(METRICS)))()
    # Metrics that are not computed from sums or counts are scored once for each block and cell: few rows for them.
    rows = int(random.choice([3, 4, 12, 40, 150, 400] if metric.task in ("classify", "tag") else [3, 4, 12]))
    classes = int(random.integers(2, 5))
    truth = _truth(random, metric.task, rows, classes)
    names = [name for name in ENTRIES if random.random() < 0.75] or ["tfidf"]
    sizes = tuple(
        sorted(random.choice([2, 16, 60, 64, 150, 1_000], int(random.integers(1, 5)), replace=False).tolist())
    )
    draws = int(random.integers(1, 13))
    level = {name: float(random.choice([0.0, 0.0, 0.3, 0.6, 0.8, 0.95, 1.0, 1.0])) for name in names}
    cells = []
    for size in sizes:
        spread = float(random.choice([0.0, 0.02, 0.2]))
        for name in names:
            finished = draws if random.random() < 0.7 else int(random.integers(0, draws + 1))
            for number in range(finished):
                right = np.clip(level[name] + spread * random.normal(), 0, 1) if 0 < level[name] < 1 else level[name]
                knows_N = random.random(rows) < right
                said = _answers(random, metric.task, truth, knows_N, classes)
                sure, likely = _confidences(random, rows, metric.task)
                score = float(metric.score(truth, said))
                form = {"classify": np.uint16, "regress": np.float32}.get(metric.task)
                kept = said if form is None else np.asarray(said, form)
                receipt = {"seconds": {"training": 1.0, "testing": 0.5}}
                seconds = float(random.exponential())
                cells.append(Cell(name, size, number, score, seconds, None, {}, kept, sure, likely, receipt))
    return Study(
        entries=tuple(EntryFacts(name, *ENTRIES[name], {}) for name in names),
        cells=tuple(cells),
        sizes=sizes,
        draws=draws,
        overlaps={size: float(random.choice([0.0, 0.0, 0.1, 0.6, 1.0])) for size in sizes},
        metric=metric,
        classes=tuple(f"class {number}" for number in range(classes)) if metric.task == "classify" else (),
        truth=truth,
        failures={names[-1]: {sizes[0]: "too few labels"}} if random.random() < 0.2 else {},
        stopped=random.choice([None, "time"]),
        facts={"data": {"test rows": rows}, "audit": {"identity": "0"}},
        slices={"clean": np.arange(rows) % 3 > 0, "contaminated": np.arange(rows) % 3 == 0} if rows >= 40 else {},
        questions=_questions(random, names, sizes),
    )


def _questions(random: np.random.Generator, names: list[str], sizes: tuple[int, ...]) -> dict[int, Question]:
    """Return what a screened study asks; of a deep one nothing."""
    own = [name for name in names if ENTRIES[name][0] == "pretrained"]
    if not own or random.random() < 0.5:
        return {}
    winner = own[0]
    against = [name for name in names if ENTRIES[name][0] == "classical" or name == f"scratch · {ENTRIES[winner][1]}"]
    return dict.fromkeys(sizes, Question(winner, tuple(against)))


def _truth(random: np.random.Generator, task: str, rows: int, classes: int):
    if task == "classify":
        return random.integers(0, classes, rows)
    if task == "regress":
        return random.normal(size=rows)
    if task == "tag":
        return [[[0, 3, "X"]] if random.random() < 0.5 else [] for _ in range(rows)]
    if task == "answer":
        return [[str(random.choice(_WORDS))] for _ in range(rows)]
    return [str(random.choice(_WORDS)) for _ in range(rows)]


def _answers(random: np.random.Generator, task: str, truth, knows_N: np.ndarray, classes: int):
    rows = len(truth)
    if task == "classify":
        return np.where(knows_N, truth, (truth + random.integers(1, classes, rows)) % classes)
    if task == "regress":
        return np.where(knows_N, truth, 0.0)
    if task == "tag":
        return [list(one) if knows else [[1, 2, "Y"]] for one, knows in zip(truth, knows_N)]
    if task == "answer":
        return [one[0] if knows else "nothing" for one, knows in zip(truth, knows_N)]
    return [one if knows else "zzz" for one, knows in zip(truth, knows_N)]


def _confidences(random: np.random.Generator, rows: int, task: str):
    if task != "classify" or random.random() < 0.4:
        return None, None
    sure = np.ones(rows) if random.random() < 0.3 else random.random(rows)
    return sure.astype(np.float16), random.random(rows).astype(np.float16)


def found_in(seed: int) -> list[str]:
    """Return the faults of the report of a random study."""
    study = random_study(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # correlations of constant answers
        found = findings(study)
        data = report_data(found)
        texts = {
            language: "\n\n".join(
                [*verdict_sentences(study, found.analysis, language), terminal_table(study, language)]
            )
            for language in LANGUAGES
        }
    return faults(data, texts)
