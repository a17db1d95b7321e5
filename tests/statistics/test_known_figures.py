"""All that is said of two fixed studies: figures that a change of the statistics changes on purpose, or not at all.

known_figures.json holds them to seven digits; of every function of the package that makes a figure there is one. The
tests beside this one say why the figures are right, this one that they stay. After a wanted change:
`python tests/statistics/test_known_figures.py` writes them anew, and the difference is to be read.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_study import ACCURACY, MACRO_F1, drawn_study

from headstart.core import registry
from headstart.statistics.analysis import analyse
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
from headstart.statistics.study import Question, Study
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


def of_study(study: Study) -> dict[str, Any]:
    """Return what every function says of a study."""
    found, rows, overlaps = analyse(study), study.test_rows, study.overlaps
    largest = found.tables[64]
    pair = telling_pair(largest)
    bent = curves(found, "probe", overlaps)
    return {
        "tables": found.tables,
        "leaders": {size: table.leader and table.leader.entry for size, table in found.tables.items()},
        "failed": {
            size: [one.entry for one in t.entries.values() if t.failed(one)] for size, t in found.tables.items()
        },
        "constant": (found.constant, found.constant_answer, found.classes),
        "worth": [label_worth(found, size, overlaps, rows) for size in study.sizes],
        "forecast": forecast(found, overlaps),
        "crossover": [crossover(found, *names, overlaps) for names in (("probe", "bag"), ("words", "tuned"))],
        "needed": [labels_needed(bent, score) for score in (0.5, 0.7, 0.75, 0.99)],
        "expected": [expected(bent, "probe", labels) for labels in (64, 100, 640)],
        "power": [detectable(found, 64, pair, rows, wanted) for wanted in (0.005, 0.03, 0.3)],
        "slices": slices(study),
        "calibration": [calibration(study, table) for table in found.tables.values()],
        "confused": confused(study, "probe", 16),
        "mistakes": [mistakes(study, entry, 64)[:7] for entry in ("probe", "bag")],
        "pooled": pooled_score(study.metric, study.truth, [c.predicted for c in study.cells if c.entry == "probe"]),
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
    sizes = np.array([8.0, 16.0, 32.0, 64.0])
    falling, rising = np.array([0.7, 0.65, 0.6, 0.5]), np.array([0.5, 0.6, 0.66, 0.7])
    spread = np.diag([4e-4, 2e-4, 1e-4, 1e-4]) + 1e-5
    return {
        "holm": [holm(p, alpha) for p in ([0.01, 0.04, 0.03, 0.005], [0.2, 0.01], []) for alpha in (0.05, 0.2)],
        "flips": [sign_flips(leads, two) for two in (False, True)] + [sign_flips(np.tile(leads, 2), True, 512)],
        "flipped": flipped([{1: 0.3, 2: 0.1}, {0: 0.4, 1: 0.2, 2: 0.3, 3: 0.1, 5: 0.2}, {}], 5),
        "estimates": [(one, one.interval(), one.interval(0.01), one.p_above(), one.p_differs()) for one in estimates],
        "bounds": [
            limits.interval(value, half, least)
            for limits in bounds.values()
            for value in (-0.1, 0.0, 0.02, 0.5, 0.99, 1.0)
            for half, least in ((0.001, 0.004), (0.2, 0.004), (2.0, 0.001))
        ],
        "mixed": [mixed_overlap(parts) for parts in ([(values, 0.1), (2 * values, 0.4)], [(values, 1.0)], [])],
        "variance": [(variance.at(d, s), variance.factor(d)) for d in (3, 10, 40) for s in (0.5, 1.0, 2.0)],
        "smallest": [smallest_found(variance, d, 1.0, level) for d in (3, 10) for level in (0.05, 0.001)],
        "fits": [
            [np.quantile(made.at(labels), [0.1, 0.5, 0.9]) for labels in (64, 128, 256)]
            for score in (rising, falling, rising * 0 + 0.6)
            for made in [fit(sizes, score, spread, 10, "entry", (0.0, 1.0))]
        ],
        "details": class_details(scores, truth, ["a", "b", "c"]),
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
    "two classes": lambda: study_of(2, False, 8),
    "three classes in groups": lambda: replace(
        study_of(3, True, 7, metric=MACRO_F1),
        questions={16: Question("probe", ("bag", "scratch")), 64: Question("probe", ("bag",))},
        levels={16: 0.02},
    ),
    "few draws": lambda: study_of(2, False, 4),
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


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_the_known_figures(name):
    assert differences(plain(of_study(STUDIES[name]())), json.loads(FILE.read_text())[name]) == []


def test_numbers_have_the_known_figures():
    assert differences(plain(of_numbers()), json.loads(FILE.read_text())["numbers"]) == []


@pytest.mark.parametrize("changed", [{"a": [1.0, 2.1]}, {"a": [1.0]}, {"b": [1.0, 2.0]}, {"a": [1.0, "2.0"]}])
def test_a_change_is_found(changed):
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-9]}) == []
    assert differences(changed, {"a": [1.0, 2.0]})


if __name__ == "__main__":
    known = {name: plain(of_study(make())) for name, make in STUDIES.items()} | {"numbers": plain(of_numbers())}
    FILE.write_text(json.dumps(known, indent=None, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.exit()
