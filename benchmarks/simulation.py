"""Bar C1: intervals cover the truth, nothing is found where nothing is, the smallest findable difference is found.

    python benchmarks/simulation.py [--studies 1000] [--only coverage|best|null|power|worth]

Studies of known truth: the answer of a model on a test row is right when mean + draw + row + noise > 0 (probit), else
one of the other classes; accuracy and macro-F1 of the whole population are then known in closed form. Prints a Markdown
table per part; the exit code is 1 when a bar is missed: coverage 93 to 97 %, false claims <= 5 %, power >= 80 %, each
with the two standard errors that so many simulations leave open.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from headstart.comparing.draws import overlap
from headstart.comparing.verdict import decide
from headstart.core import registry
from headstart.statistics.analysis import analyse
from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.intervals import Bounds, estimate
from headstart.statistics.power import detectable, telling_pair
from headstart.statistics.study import Cell, EntryFacts, Study
from headstart.statistics.worth import label_worth

ACCURACY, MACRO_F1 = (registry.load("metric", name)() for name in ("accuracy", "macro_f1"))


@dataclass(frozen=True)
class Scenario:
    """by_draw, by_row: standard deviations of the draw's and the row's effect beside a noise of 1; skew: how much rarer
    each next class is; group: test rows that share their effect; pool: draws take so many times their size of rows
    from one labelled pool (0: each draw has its own)."""

    name: str
    draws: int = 10
    rows: int = 500
    classes: int = 2
    mean: float = 0.8
    by_draw: float = 0.15
    by_row: float = 1.0
    macro: bool = False
    skew: float = 1.0
    group: int = 1
    pool: float = 0.0

    def weights(self) -> np.ndarray:
        """Return the share of each class, [C]."""
        raw_C = self.skew ** -np.arange(self.classes, dtype=float)
        return raw_C / raw_C.sum()

    def truth(self, mean: float) -> float:
        """Return the expected score of a model over all draws and test rows."""
        nodes, share = np.polynomial.hermite_e.hermegauss(41)
        right_Q = norm.cdf((mean + self.by_draw * nodes) / (1 + self.by_row**2) ** 0.5)
        if self.macro:
            weight_C = self.weights()
            said_QC = weight_C * right_Q[:, None] + np.outer(1 - right_Q, (1 - weight_C) / (self.classes - 1))
            right_Q = (2 * weight_C * right_Q[:, None] / (weight_C + said_QC)).mean(1)
        return float(share @ right_Q / share.sum())

    def answers(self, random: np.random.Generator, means: Sequence[float]) -> tuple[np.ndarray, np.ndarray, float]:
        """Return (truth [N], answers [models, D, N], overlap of the draws); models share 60 % of each effect."""
        truth_N = random.choice(self.classes, self.rows, p=self.weights())
        groups = -(-self.rows // self.group)
        shared, found = 0.0, []
        subsets = None
        if self.pool:
            size = 100
            subsets = [random.permutation(int(self.pool * size))[:size] for _ in range(self.draws)]
            shared = overlap(subsets)
        effects = [self._effects(random, subsets, groups) for _ in range(len(means) + 1)]
        for mean, own in zip(means, effects[1:]):
            parts = [0.6**0.5 * common + 0.4**0.5 * alone for common, alone in zip(effects[0], own)]
            latent_DN = mean + self.by_draw * parts[0] + self.by_row * parts[1] + parts[2]
            wrong_DN = (truth_N + random.integers(1, self.classes, (self.draws, self.rows))) % self.classes
            found.append(np.where(latent_DN > 0, truth_N, wrong_DN))
        return truth_N, np.stack(found), shared

    def _effects(self, random, subsets, groups: int) -> list[np.ndarray]:
        draw_D = random.normal(size=self.draws)
        if subsets is not None:
            worth_P = random.normal(size=int(self.pool * 100))
            draw_D = np.array([worth_P[subset].sum() / 10 for subset in subsets])
        row_N = np.repeat(random.normal(size=groups), self.group)[: self.rows]
        return [draw_D[:, None], row_N[None], random.normal(size=(self.draws, self.rows))]


SCENARIOS = (
    Scenario("plain"),
    Scenario("3 draws", draws=3),
    Scenario("5 draws, large spread", draws=5, by_draw=0.4),
    Scenario("20 draws, large test set", draws=20, rows=2000),
    Scenario("tiny test set", rows=60),
    Scenario("near the ceiling", mean=2.6, rows=1000),
    Scenario("10 classes", classes=10),
    Scenario("macro-F1, 3 skewed classes", classes=3, macro=True, skew=2.0),
    Scenario("macro-F1, 20 classes", classes=20, macro=True, rows=1000, draws=5),
    Scenario("groups of 10 rows", group=10, rows=1000),
    Scenario("draws overlap by 25 %", pool=4.0),
    Scenario("draws overlap by 50 %, 5 draws", pool=2.0, draws=5),
)


def coverage(scenario: Scenario, studies: int, seed: int = 0) -> tuple[float, float]:
    """Return the shares of studies whose interval covers the true score, and the true paired difference."""
    random = np.random.default_rng([seed, 1])
    means = (scenario.mean, scenario.mean - 0.2)
    true = [scenario.truth(mean) for mean in means]
    metric, hits = MACRO_F1 if scenario.macro else ACCURACY, np.zeros(2)
    groups = [str(row // scenario.group) for row in range(scenario.rows)] if scenario.group > 1 else None
    blocks = TestBlocks.make(scenario.rows, groups)
    for _ in range(studies):
        truth_N, answer_MDN, shared = scenario.answers(random, means)
        judge = Evidence(metric, truth_N, blocks)
        one, two = (np.stack([judge.of(answer_N) for answer_N in answer_DN]) for answer_DN in answer_MDN)
        score, lead = Bounds.of_score(metric.limits), Bounds.of_difference(metric.limits)
        asked = ((one, true[0], score), (one - two, true[0] - true[1], lead))
        for place, (values, wanted, bounds) in enumerate(asked):
            low, high = estimate(values, shared, scenario.rows, bounds=bounds).interval()
            hits[place] += low <= wanted <= high
    return tuple(hits / studies)


def study_of(truth_N: np.ndarray, answers: dict[tuple[str, int], np.ndarray], kinds: dict[str, str]) -> Study:
    """Return a study whose cells hold these answers, [D, N] by (entry, label count)."""
    cells = []
    for (entry, size), answer_DN in answers.items():
        for number, answer_N in enumerate(answer_DN):
            score = float((answer_N == truth_N).mean())
            cells.append(Cell(entry, size, number, score, 1.0, None, {}, answer_N.astype(np.uint16)))
    sizes = tuple(sorted({size for _, size in answers}))
    return Study(
        entries=tuple(EntryFacts(name, kind, None, {}) for name, kind in kinds.items()),
        cells=tuple(cells),
        sizes=sizes,
        draws=max(map(len, answers.values())),
        overlaps=dict.fromkeys(sizes, 0.0),
        metric=ACCURACY,
        classes=("a", "b"),
        truth=truth_N,
    )


def humped_study(random: np.random.Generator, draws: int, rows: int = 300, models: int = 6) -> Study:
    """Return a study of shuffled labels: in each draw a model is by chance on the right or the wrong side of guessing,
    rarely near it, and mostly on the same side at both label counts."""
    truth_N = random.integers(0, 2, rows)
    answers = {}
    for model in range(models):
        side_D = random.choice([-1, 1], draws)
        for size in (16, 64):
            right_D = 0.5 + 0.12 * np.where(random.random(draws) < 0.8, side_D, -side_D) * (model > 0)
            right_DN = random.random((draws, rows)) < right_D[:, None]
            answers[f"entry {model}", size] = np.where(right_DN, truth_N, 1 - truth_N)
    return study_of(truth_N, answers, {f"entry {model}": "classical" for model in range(models)})


def false_claims(draws: int, studies: int, seed: int = 0) -> tuple[float, float]:
    """Return the shares of null studies with any false 'learned' and with any false difference."""
    random = np.random.default_rng([seed, 2, draws])
    counts = np.zeros(2)
    for _ in range(studies):
        tables = analyse(humped_study(random, draws)).tables.values()
        counts[0] += any(entry.learned for table in tables for entry in table.entries.values())
        counts[1] += any(pair.claim != "undecided" for table in tables for pair in table.pairs.values())
    return tuple(counts / studies)


def power(draws: int, rows: int, by_draw: float, studies: int, seed: int = 0, pilots: int = 100) -> tuple[float, float]:
    """Return (smallest findable difference, share of studies that find it) of one entry ahead of five equal ones.

    The difference is the median of what `pilots` studies without any difference say of themselves; then it is planted.
    """
    scenario = Scenario("", draws=draws, rows=rows, by_draw=by_draw)
    kinds = {"ahead": "pretrained"} | {f"entry {number}": "classical" for number in range(5)}

    def made(random: np.random.Generator, means: Sequence[float]):
        truth_N, answer_MDN, _ = scenario.answers(random, means)
        return analyse(study_of(truth_N, {(entry, 16): one for entry, one in zip(kinds, answer_MDN)}, kinds))

    random = np.random.default_rng([seed, 3, draws])
    said = []
    for _ in range(pilots):
        found = made(random, [0.8] * 6)
        said.append(detectable(found, 16, telling_pair(found.tables[16]), rows, 0.01).value)
    wanted = float(np.median(said))
    grid = np.linspace(0.8, 4.0, 2000)
    scores = np.array([scenario.truth(mean) for mean in grid])
    mean = float(np.interp(scenario.truth(0.8) + wanted, scores, grid))
    hits = sum(made(random, [mean] + [0.8] * 5).tables[16].difference("ahead", "entry 0").claim == "better"
               for _ in range(studies))  # fmt: skip
    return wanted, hits / studies


def best_coverage(models: int, draws: int, studies: int, seed: int = 0) -> tuple[float, float]:
    """Return the shares of studies of equal entries whose verdict, and unadjusted interval, cover the true score."""
    random, hits = np.random.default_rng([seed, 5, draws]), np.zeros(2)
    scenario, kinds = Scenario("", draws=draws), {f"entry {number}": "classical" for number in range(models)}
    true = scenario.truth(scenario.mean)
    for _ in range(studies):
        truth_N, answer_MDN, _ = scenario.answers(random, [scenario.mean] * models)
        study = study_of(truth_N, {(entry, 16): one for entry, one in zip(kinds, answer_MDN)}, kinds)
        found = analyse(study)
        (verdict,) = decide(study, found)
        values_DG = found.stack(verdict.best, 16, range(draws))
        low, high = estimate(values_DG, rows=scenario.rows, bounds=Bounds.of_score(ACCURACY.limits)).interval()
        hits += [verdict.low <= true <= verdict.high, low <= true <= high]
    return tuple(hits / studies)


def worth_coverage(draws: int, studies: int, seed: int = 0) -> float:
    """Return the share of studies whose interval of the worth in labels covers the true one (300 labels)."""
    sizes, shift = (16, 64, 256, 1024), 0.35
    random, hits = np.random.default_rng([seed, 4, draws]), 0
    scenario = Scenario("", draws=draws, rows=1000)
    means = [shift * np.log2(size / 16) / 2 for size in sizes]
    kinds = {"base": "pretrained", "classical": "classical"}
    scores = [scenario.truth(mean) for mean in means]
    wanted = float(np.interp(np.log(300), np.log(sizes), scores))  # of the interpolated curve, as users read it
    grid = np.linspace(-1, 3, 4000)
    own = float(np.interp(wanted, [scenario.truth(mean) for mean in grid[::40]], grid[::40]))
    for _ in range(studies):
        truth_N, answer_MDN, _ = scenario.answers(random, [own, *means])
        answers = {("base", 16): answer_MDN[0]}
        answers |= {("classical", size): one for size, one in zip(sizes, answer_MDN[1:])}
        study = study_of(truth_N, answers, kinds)
        found = label_worth(analyse(study), 16, study.overlaps, 1000)
        hits += (found.low or 0.0) <= 300 <= (found.high or np.inf)
    return hits / studies


def main() -> None:
    """Run the parts and print their tables; the exit code is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--only", choices=("coverage", "best", "null", "power", "worth"))
    given = parser.parse_args()
    missed, count = [], given.studies

    def judge(name: str, value: float, low: float, high: float) -> str:
        room = 2 * (max(value * (1 - value), 0.01) / count) ** 0.5
        missed.extend([name] * (not low - room <= value <= high + room))
        return f"{100 * value:.1f}"

    if given.only in (None, "coverage"):
        print(f"\n| {count} studies | interval of a score covers, % | of a paired difference, % |\n|---|---|---|")
        for scenario in SCENARIOS:
            told = [judge(scenario.name, share, 0.93, 0.97) for share in coverage(scenario, count)]
            print(f"| {scenario.name} | {told[0]} | {told[1]} |", flush=True)
    if given.only in (None, "best"):
        print(
            f"\n| {count} studies | verdict on the best entry covers, % | its unadjusted interval, % |\n|---|---|---|"
        )
        for models, draws in ((2, 5), (8, 5), (14, 10)):
            told = best_coverage(models, draws, count)
            said = judge(f"best of {models}", told[0], 0.93, 1.0)
            print(f"| best of {models} equal entries, {draws} draws | {said} | {100 * told[1]:.1f} |", flush=True)
    if given.only in (None, "null"):
        print(f"\n| {count} null studies | any false 'learned', % | any false difference, % |\n|---|---|---|")
        for draws in (3, 5, 6, 10):
            told = [judge(f"null, {draws}", share, 0.0, 0.05) for share in false_claims(draws, count)]
            print(f"| {draws} draws, scores of two humps | {told[0]} | {told[1]} |", flush=True)
    if given.only in (None, "power"):
        print(f"\n| {count} studies | smallest findable difference | found, % |\n|---|---|---|")
        for draws, rows, by_draw in ((5, 1000, 0.1), (10, 1000, 0.1), (10, 500, 0.3), (20, 2000, 0.2)):
            wanted, share = power(draws, rows, by_draw, count)
            told = judge(f"power, {draws}", share, 0.8, 1.0)
            print(f"| {draws} draws, {rows} rows, spread {by_draw} | {wanted:.3f} | {told} |", flush=True)
    if given.only in (None, "worth"):
        print(f"\n| {count} studies | interval of the worth in labels covers, % |\n|---|---|")
        for draws in (5, 10):
            print(f"| {draws} draws | {judge('worth', worth_coverage(draws, count), 0.93, 0.99)} |", flush=True)
    raise SystemExit(f"missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
