"""All that is said of two fixed studies: figures that a change of the statistics changes on purpose, or not at all.

known_figures.json holds them to seven digits; of every function of the package that makes a figure there is one. The
tests beside this one say why the figures are right, this one that they stay. After a wanted change:
`python tests/statistics/test_known_figures.py` writes them anew, and the difference is to be read.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scored_answers import ANSWERS
from synthetic_study import ACCURACY, MACRO_F1, drawn_study

from headstart.core import registry
from headstart.statistics.analysis import SizeTable, analyse
from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.calibration import calibration
from headstart.statistics.class_details import class_details
from headstart.statistics.confusion import confused
from headstart.statistics.forecast import crossover, curves, expected, fit, forecast
from headstart.statistics.intervals import FREE, Bounds, Variance, estimate, mixed_overlap
from headstart.statistics.labels_needed import labels_needed
from headstart.statistics.mistakes import mistakes
from headstart.statistics.paired_tests import flipped, holm, sign_flips
from headstart.statistics.pooled import pooled_score
from headstart.statistics.power import detectable, smallest_found, telling_pair
from headstart.statistics.rank_area import rank_area
from headstart.statistics.slices import length_slices, slices
from headstart.statistics.study import Cell, Question, Study
from headstart.statistics.worth import label_worth

FILE = Path(__file__).with_name("known_figures.json")
SKILLS = {
    "most": ("majority", None, 0.0),
    "bag": ("classical", None, 0.7),
    "words": ("classical", None, 0.55),
    "probe": ("pretrained", "run", 0.9),
    "tuned": ("pretrained", "run", 0.75),
    "scratch": ("control", "run", 0.3),
}


def study_of(classes: int, grouped: bool, draws: int, **more: Any) -> Study:
    """Return a study with likelihoods, slices and, where asked, groups; skill grows with the label count."""
    parts = [
        drawn_study(
            {name: (kind, base, skill and skill + 0.12 * step) for name, (kind, base, skill) in SKILLS.items()},
            sizes=(size,),
            draws=draws,
            test=240,
            seed=step + 3,
            classes=classes,
            spread=0.3,
            overlap=0.05 * step,
            **more,
        )
        for step, size in enumerate((8, 16, 32, 64))
    ]
    truth, random = parts[0].truth, np.random.default_rng(1)
    cells = []
    for part in parts:
        for cell in part.cells:  # the same truth for all: right stays right, wrong becomes another class
            right = cell.predicted == part.truth
            said = np.where(right, truth, (truth + 1) % classes).astype(np.uint16)
            sure = np.clip(0.5 + 0.3 * right + 0.15 * random.normal(size=240), 0.34, 0.999).astype(np.float16)
            likely = np.where(right, sure, (1 - sure) / 2).astype(np.float16)
            told = {} if cell.entry == "bag" else {"confidence_N": sure, "likelihood_N": likely}
            cells.append(replace(cell, answers=said, seconds=0.1 * (1 + cell.draw), **told))
    return replace(
        parts[0],
        cells=tuple(cells),
        sizes=(8, 16, 32, 64),
        overlaps={8: 0.0, 16: 0.05, 32: 0.1, 64: 0.15},
        groups=tuple(f"g{row // 3}" for row in range(240)) if grouped else None,
        slices={"short": np.arange(240) < 90, "few": np.arange(240) < 3, "every": np.ones(240, bool)},
    )


def crossing() -> Study:
    """Return a study in which an entry that starts low is about to catch up."""
    study, random = study_of(2, False, 6), np.random.default_rng(9)
    shares = {
        "most": (0.5, 0.5, 0.5, 0.5),
        "bag": (0.76, 0.8, 0.82, 0.83),
        "words": (0.7, 0.7, 0.71, 0.7),
        "probe": (0.6, 0.68, 0.74, 0.79),
        "tuned": (0.62, 0.7, 0.78, 0.84),
        "scratch": (0.5, 0.52, 0.5, 0.51),
    }
    cells = []
    for cell in study.cells:
        right_N = random.random(240) < shares[cell.entry][study.sizes.index(cell.size)]
        cells.append(replace(cell, answers=np.where(right_N, study.truth, 1 - study.truth).astype(np.uint16)))
    return replace(study, cells=tuple(cells), slices={}, overlaps={8: 0.0, 16: 0.4, 32: 0.999, 64: 1.0})


def unlike() -> Study:
    """Return a study that was stopped: draws, whole label counts and whole entries are missing here and there."""

    def is_there(cell: Cell) -> bool:
        lacking = {("words", 16): range(3), ("tuned", 64): (5,), ("scratch", 32): range(7), ("most", 64): range(7)}
        return cell.size > 8 and cell.draw not in lacking.get((cell.entry, cell.size), ())

    study = study_of(3, True, 7)
    return replace(study, cells=tuple(filter(is_there, study.cells)))


def of_metric(name: str, entries: tuple[str, ...] = ("words", "probe", "tuned")) -> Study:
    """Return a study whose answers are no classes."""
    study, metric, random = study_of(2, False, 6), registry.load("metric", name)(), np.random.default_rng(8)
    truth, near = ANSWERS[metric.task](random, 40)
    cells = []
    for cell in study.cells:
        if cell.entry in entries:
            skill = SKILLS[cell.entry][2] - 0.3 + 0.05 * study.sizes.index(cell.size)
            right_N, other_N = random.random(40) < skill, random.permutation(40)
            said = [near[row if right else other] for row, (right, other) in enumerate(zip(right_N, other_N))]
            said = np.array(said) if isinstance(truth, np.ndarray) else said
            cells.append(replace(cell, answers=said, confidence_N=None, likelihood_N=None))
    parts = {"short": np.arange(40) < 14, "all but few": np.arange(40) > 11}
    facts = tuple(one for one in study.entries if one.name in entries)
    return replace(study, entries=facts, cells=tuple(cells), truth=truth, metric=metric, classes=(), slices=parts)


def judged(study: Study) -> dict[str, Any]:
    """Return what the tables of a study say, and what they are worth in labels."""
    found = analyse(study)
    return {
        "tables": found.tables,
        "leaders": {size: table.leader and table.leader.entry for size, table in found.tables.items()},
        "failed": {
            size: [one.entry for one in t.entries.values() if t.failed(one)] for size, t in found.tables.items()
        },
        "told": [told(table) for table in found.tables.values()],
        "constant": (found.constant, found.constant_answer, found.classes),
        "worth": [label_worth(found, size, study.overlaps, study.test_rows) for size in found.tables],
    }


def ahead(study: Study) -> dict[str, Any]:
    """Return what is said of more labels, draws and test rows."""
    found, overlaps = analyse(study), study.overlaps
    pair, bent = telling_pair(found.tables[64]), curves(found, "probe", overlaps)
    plans = (detectable(found, 64, pair, study.test_rows, wanted) for wanted in (0.005, 0.03, 0.3))
    return {
        "forecast": forecast(found, overlaps),
        "crossover": [
            crossover(found, *names, overlaps)
            for names in (("probe", "bag"), ("words", "tuned"))
            if set(names) <= {one.name for one in study.entries}
        ],
        "needed": [labels_needed(bent, score) for score in (0.7, 0.85, 0.99) if bent],
        "expected": [expected(bent, "probe", labels) for labels in (64, 100, 640) if bent],
        "power": [*plans] if pair else [],
    }


def on_rows(study: Study) -> dict[str, Any]:
    """Return what is said of slices, of probabilities and of single rows."""
    return {
        "slices": slices(study),
        "claims": [one.claim for one in slices(study).scores],
        "calibration": calibration(study, analyse(study).tables[64]),
        "confused": confused(study, "probe", 16) if study.classes else None,
        "mistakes": [mistakes(study, entry, 64)[:7] for entry in ("probe", "bag") if study.classes],
        "pooled": pooled_score(study.metric, study.truth, [c.predicted for c in study.cells if c.entry == "probe"]),
    }


def told(table: SizeTable) -> dict[str, Any]:
    """Return what a table says by its properties."""
    names = list(table.entries)
    pairs = [table.difference(one, two) for one in names for two in names]
    best = [table.best(*kinds) for kinds in ((), ("classical",), ("control", "classical"), ("none",))]
    return {
        "learned": [one.learned for one in table.entries.values()],
        "judged": [one.entry for one in table.judged],
        "best": [one and one.entry for one in best],
        "claims": [one and (one.claim, one.apart, one.value, one.low, one.unadjusted_high, one.wins) for one in pairs],
        "of all": (table.unit, table.few_draws, table.fixed_pool),
    }


def of_numbers() -> dict[str, Any]:
    """Return what the parts say of numbers."""
    random = np.random.default_rng(5)
    values = random.normal(0.3, 0.1, (7, 12)) + random.normal(0, 0.1, (7, 1)) + random.normal(0, 0.1, (1, 12))
    leads = random.normal(0.2, 1.0, (5, 8))
    scores, truth = random.dirichlet([2.0, 1.0, 1.0], 40), random.integers(0, 3, 40)
    blocks = {rows: TestBlocks.make(rows, [f"{row % 7}" for row in range(rows)], seed=2) for rows in (9, 30)}
    kept = np.arange(30) < 11
    bounds = {"free": FREE, "score": Bounds.of_score((0.0, 1.0)), "difference": Bounds.of_difference((0.0, 100.0))}
    bounds["correlation"] = Bounds.of_difference((-1.0, 1.0))
    estimates = [
        estimate(part, overlap, rows, least, limits)
        for part in (values, values[:3], values[:2], values[:, :1], values * 0 + 1, values[:, :2])
        for overlap, rows, least, limits in [
            (0.0, None, 0.0, bounds["free"]),
            (0.3, 500, 0.0, bounds["score"]),
            (1.0, 50, 0.02, bounds["difference"]),
        ]
    ]
    variance = Variance(0.004, 0.001, 0.0005, 1e-5, 0.1, 40)
    return {
        "holm": [holm(p, alpha) for p in ([0.01, 0.04, 0.03, 0.005], [0.2, 0.01], []) for alpha in (0.05, 0.2)],
        "flips": [sign_flips(leads, two) for two in (False, True)] + [sign_flips(np.tile(leads, 2), True, 512)],
        "flipped": flipped([{1: 0.3, 2: 0.1}, {0: 0.4, 1: 0.2, 2: 0.3, 3: 0.1, 5: 0.2}, {}], 5),
        "of other draws": flipped(
            [dict(enumerate(leads[row, row:], start=row)) for row in range(3)], 5, two_sided=True
        ),
        "estimates": [(one, one.interval(), one.interval(0.01), one.p_above(), one.p_differs()) for one in estimates],
        "bounds": [
            limits.interval(value, half, least)
            for limits in bounds.values()
            for value in (-0.1, 0.0, 0.02, 0.5, 0.99, 1.0, 1.1)
            for half, least in ((0.001, 0.004), (0.2, 0.004), (2.0, 0.001), (0.1, 0.8))
        ],
        "mixed": [mixed_overlap(parts) for parts in ([(values, 0.1), (2 * values, 0.4)], [(values, 1.0)], [])],
        "variance": [
            (made.at(d, s), made.factor(d))
            for made in (variance, replace(variance, floor=0.01), replace(variance, cross=0.02, test=0.0))
            for d in (3, 10, 40, 60)
            for s in (0.5, 1.0, 2.0)
        ],
        "smallest": [smallest_found(variance, d, 1.0, level) for d in (3, 10) for level in (0.05, 0.001)],
        "details": [class_details(one, truth, ["a", "b", "c"]) for one in (scores, np.eye(3)[scores.argmax(1)])],
        "areas": [rank_area(np.arange(6) + 1.0, np.array(own, bool)) for own in ([0, 1, 0, 1, 1, 0], [1] * 6, [0] * 6)],
        "blocks": [(made.weights(), made.within(np.arange(rows) > 2)) for rows, made in blocks.items()],
        "within": [blocks[30].within(kept), blocks[30].take(kept).weights(), TestBlocks.make(7).weights()],
        "evidence": [
            (judge.of(said), judge.chance(said), judge.constant(1))
            for metric in (ACCURACY, MACRO_F1)
            for judge in [Evidence(metric, truth[:30], blocks[30])]
            for said in (scores[:30].argmax(1), truth[:30])
        ],
        "numbers": [
            (judge.of(values[:2, :12].ravel()[:9]), judge.chance(values.ravel()[:9]))
            for judge in [Evidence(registry.load("metric", "pearson")(), values.ravel()[20:29], blocks[9])]
        ],
        "lengths": {name: rows.sum() for name, rows in length_slices(["x" * (n % 50) for n in range(90)]).items()},
        "no lengths": [length_slices([]), length_slices(["x"] * 90), length_slices([b"x"] * 90)],
    }


def of_curves() -> dict[str, Any]:
    """Return what is read off curves through four scores."""
    sizes, spread = np.array([8.0, 16.0, 32.0, 64.0]), np.diag([4e-4, 2e-4, 1e-4, 1e-4]) + 1e-5
    rising, slowing = np.array([0.5, 0.6, 0.66, 0.7]), np.array([0.5, 0.65, 0.69, 0.7])
    scores = (rising, rising[::-1], rising * 0 + 0.6, slowing)
    wide, narrow = ([fit(sizes, score, spread / by, 10, "entry", (0.0, 1.0)) for score in scores] for by in (1, 100))
    return {
        "fits": [[np.quantile(made.at(labels), [0.1, 0.5, 0.9]) for labels in (64, 128, 256)] for made in wide],
        "needed": [labels_needed(made, 0.71) for made in narrow] + [labels_needed(narrow[0], 1.0)],
    }


def plain(value: Any) -> Any:
    """Return figures as JSON has them: numbers to seven digits, names of fields."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bool | np.bool_ | str | None):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | np.integer):
        return int(value)
    return f"{value}" if not math.isfinite(value) else float(f"{float(value):.7g}")


STUDIES = {
    "two classes": lambda: study_of(2, False, 5),
    "three classes in groups": lambda: replace(
        study_of(3, True, 7, metric=MACRO_F1),
        questions={16: Question("probe", ("bag", "scratch")), 64: Question("probe", ("bag",))},
        levels={16: 0.02},
    ),
    "few draws": lambda: study_of(2, False, 3),
    "crossing curves": crossing,
    "unlike draws": unlike,
    "one draw": lambda: study_of(2, False, 1),
    "numbers as answers": lambda: of_metric("pearson"),
    "sets of labels": lambda: of_metric("micro_f1"),
}


def differences(one: Any, two: Any, where: str = "") -> list[str]:
    """Return where two trees of figures differ by more than rounding."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        return [line for name in one for line in differences(one[name], two[name], f"{where}.{name}")]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [line for n, pair in enumerate(zip(one, two)) for line in differences(*pair, f"{where}[{n}]")]
    numbers = isinstance(one, int | float) and isinstance(two, int | float) and not isinstance(one, bool)
    same = math.isclose(one, two, rel_tol=1e-5, abs_tol=1e-7) if numbers else one == two
    return [] if same else [f"{where}: {one} was {two}"]


MADE = {"numbers": of_numbers, "curves": of_curves} | {
    f"{name}: {part.__name__}": lambda make=make, part=part: part(make())
    for name, make in STUDIES.items()
    for part in (judged, ahead, on_rows)
}


@pytest.mark.parametrize("name", MADE)
def test_the_known_figures_stay(name):
    assert differences(plain(MADE[name]()), json.loads(FILE.read_text(encoding="utf-8"))[name]) == []


@pytest.mark.parametrize("changed", [{"a": [1.0, 2.1]}, {"a": [1.0]}, {"b": [1.0, 2.0]}, {"a": [1.0, "2.0"]}])
def test_a_change_is_found(changed):
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-9]}) == []
    assert differences(changed, {"a": [1.0, 2.0]})


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(plain(make()), separators=(',', ':'))}" for name, make in MADE.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
