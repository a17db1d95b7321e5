"""Bars F3 and F4: false claims, coverage and power of screen-then-confirm, through the selection of finalists.

    python benchmarks/screened_simulation.py [--studies 1000] [--only null|power|findable] [--setting TEXT]

Studies of known truth (`simulation.py`): every entry answers rows of the labelled pool in screening, `choose_finalists`
picks from these scores, the finalists answer the test rows on fresh draws, looks come where they are planned. In a null
study all entries are equally good, so that every claim is false. Prints Markdown; exit code 1 when a bar is missed:
false claims <= 5 %, coverage 93 to 97 %, power >= 80 % (of a lead of .03, and of a lead of the size that studies
without a lead call detectable, where screening chose the entry that leads), each with two standard errors of
the simulation.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from simulation import ACCURACY, Scenario

from headstart.comparing.finalists import Finalists, Screened, Trial, choose_finalists
from headstart.comparing.looks import PLANNED, Looks
from headstart.comparing.verdict import judge_payoff
from headstart.core import registry
from headstart.statistics.analysis import analyse
from headstart.statistics.blocks import TestBlocks
from headstart.statistics.power import detectable
from headstart.statistics.study import Cell, Entry, EntryFacts, Study

_ROUNDS, _POOL_ROWS = 3, 1_000


@dataclass(frozen=True)
class Setting:
    """entries: half pre-trained, half classical; a control comes on top. cells: that the time allows, all together."""

    name: str
    entries: int
    sizes: tuple[int, ...]
    rows: int
    cells: int
    by_draw: float = 0.05
    lead: float = 0.0  # of the first pre-trained entry, in the probit mean

    def scenario(self, rows: int, draws: int) -> Scenario:
        """Return the truth of one label count."""
        return Scenario("", draws=draws, rows=rows, by_draw=self.by_draw)

    def means(self, count: int) -> list[float]:
        """Return the means of the entries and the control."""
        return [0.8 + self.lead] + [0.8] * (count - 1)


def entries_of(count: int) -> list[Entry]:
    """Return so many entries, half of them pre-trained, and a control; they differ by their `change` alone."""
    probe, classical, scratch = (registry.load("route", name)() for name in ("probe", "tfidf_logreg", "scratch"))
    half = count // 2
    own = [Entry(probe, "base", f"n={number}") for number in range(half)]
    return [*own, *(Entry(classical, None, f"n={number}") for number in range(count - half)), Entry(scratch, "base")]


def screen(random: np.random.Generator, setting: Setting, entries: Sequence[Entry]) -> tuple[Finalists, int]:
    """Return the finalists chosen from simulated trials with successive halving, and the number of trials."""
    found = Screened([one for one in entries if one.kind != "control"], setting.sizes)
    for size in setting.sizes:
        truth_N, answer_MDN, _ = setting.scenario(_POOL_ROWS, _ROUNDS).answers(random, setting.means(len(entries)))
        score_MD = (answer_MDN == truth_N).mean(2)
        places = {one.name: place for place, one in enumerate(entries)}
        for number in range(_ROUNDS):
            for one in found.entries:
                if size not in found.left_out.get(one.name, {}):
                    found.trials.append(Trial(one.name, size, number, float(score_MD[places[one.name], number]), 1.0))
            found.halve(size, [size])
    return choose_finalists(found, entries), len(found.trials)


def evidence_of(truth_N: np.ndarray, said_DN: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `Evidence` makes of answers of two classes, `values` and `chance`, [D, G], for all draws at once."""
    blocks = TestBlocks.make(len(truth_N))
    order, sizes_G = np.argsort(blocks.block_N, kind="stable"), blocks.weights()
    starts_G = np.concatenate([[0], np.cumsum(sizes_G)[:-1]]).astype(int)

    def sums(values_XN: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values_XN[..., order].astype(float), starts_G, axis=-1)

    def jackknifed(scored: Callable[..., np.ndarray], *counts: np.ndarray) -> np.ndarray:
        whole = [one.sum(-1, keepdims=True) for one in counts]
        score_D1 = scored(*whole)
        change = score_D1 - scored(*(total - one for total, one in zip(whole, counts)))
        change = len(sizes_G) * (1 - sizes_G / sizes_G.sum()) * change
        return score_D1 + change - change.mean(-1, keepdims=True)

    rows_G, true_G, said_DG = sizes_G, sums(truth_N), sums(said_DN)
    return {
        "values": jackknifed(lambda hits, rows: hits / rows, sums(said_DN == truth_N), rows_G),
        "chance": jackknifed(
            lambda said, true, rows: (said * true + (rows - said) * (rows - true)) / rows**2, said_DG, true_G, rows_G
        ),
    }


def confirmed(random: np.random.Generator, setting: Setting) -> Study:
    """Return the study of the finalists after its last look."""
    entries = entries_of(setting.entries)
    finalists, trials = screen(random, setting, entries)
    draws = min((setting.cells - trials) // (len(finalists.entries) * len(setting.sizes)), 30)
    means = dict(zip((one.name for one in entries), setting.means(len(entries))))
    cells: list[Cell] = []
    truth, known = None, {}
    for size in setting.sizes:
        wanted = [means[one.name] for one in finalists.entries]
        truth_N, answer_MDN, _ = setting.scenario(setting.rows, draws).answers(random, wanted)
        truth = truth_N if truth is None else truth
        for one, answer_DN in zip(finalists.entries, answer_MDN):
            right_DN = answer_DN == truth_N  # on the same rows of one truth
            said_DN = np.where(right_DN, truth, 1 - truth).astype(np.uint16)
            evidence = evidence_of(truth, said_DN)
            for number, score in enumerate(right_DN.mean(1)):
                cell = Cell(one.name, size, number, float(score), 1.0, None, {}, said_DN[number])
                cells.append(cell)
                for what, value_DG in evidence.items():
                    made_of = cell, ACCURACY, truth, None
                    known[what, one.name, size, number] = made_of, value_DG[number]
    study = Study(
        entries=tuple(EntryFacts(one.name, one.kind, one.base, {}) for one in finalists.entries),
        cells=(),
        sizes=setting.sizes,
        draws=draws,
        overlaps=dict.fromkeys(setting.sizes, 0.0),
        metric=ACCURACY,
        classes=("a", "b"),
        truth=truth,
        questions=finalists.questions,
        memory=known,
    )
    return _looked_at(study, cells, draws)


def _looked_at(study: Study, cells: Sequence[Cell], draws: int) -> Study:
    """Return the study with the draws that each label count got, as `StudyRun` would have made them."""
    looks, ended = Looks(dict(PLANNED)), {}
    for finished in range(1, draws + 1):
        last = finished == draws
        if not last and not looks.due(finished, draws - finished):
            continue
        study = replace(
            study,
            cells=tuple(cell for cell in cells if cell.draw < min(finished, ended.get(cell.size, finished))),
            levels=looks.levels(study.sizes),
        )
        if not last:
            tables = analyse(study).tables
            done = {size for size in tables if judge_payoff(study, tables[size]).outcome in ("worth", "not_worth")}
            fresh = [size for size in done if size not in ended]
            looks.close(fresh, finished)
            ended |= dict.fromkeys(fresh, finished)
            if len(ended) == len(study.sizes):
                return study
    return study


def null(setting: Setting, studies: int, seed: int = 0) -> tuple[float, float, float]:
    """Return the shares of null studies with a false `worth`, with any false claim, and of intervals that cover."""
    random = np.random.default_rng([seed, 6, setting.entries, setting.rows])
    worth = claims = hits = intervals = 0
    truth = setting.scenario(setting.rows, 10).truth(0.8)
    for _ in range(studies):
        study = confirmed(random, setting)
        tables = analyse(study).tables
        worth += any(judge_payoff(study, table).outcome == "worth" for table in tables.values())
        pairs = [pair for table in tables.values() for pair in table.pairs.values()]
        claims += any(pair.claim != "undecided" for pair in pairs)
        spans = [(entry.low, entry.high, truth) for table in tables.values() for entry in table.entries.values()]
        spans += [(pair.unadjusted_low, pair.unadjusted_high, 0.0) for pair in pairs]
        hits += sum(low <= wanted <= high for low, high, wanted in spans)
        intervals += len(spans)
    return worth / studies, claims / studies, hits / intervals


def power(setting: Setting, studies: int, seed: int = 0) -> float:
    """Return the share of studies that say `worth` at the first label count."""
    random = np.random.default_rng([seed, 7, setting.rows])
    found = 0
    for _ in range(studies):
        study = confirmed(random, setting)
        table = analyse(study).tables[setting.sizes[0]]
        found += judge_payoff(study, table).outcome == "worth"
    return found / studies


def findable(setting: Setting, studies: int, seed: int = 0, pilots: int = 60) -> tuple[float, float, float]:
    """Return (lead that studies without a lead call detectable, share that ask about it, share of these that find it).

    The lead is the median of what `pilots` studies say at their middle label count of the winner and the best classical
    entry; it is planted at all of them. A study asks about the entry that leads where screening chose it.
    """
    random = np.random.default_rng([seed, 8, setting.rows])
    size, said = setting.sizes[1], []
    for _ in range(pilots):
        study = confirmed(random, setting)
        found = analyse(study)
        table = found.tables[size]
        pair = table.difference(study.questions[size].entry, table.best("classical").entry)
        said.append(detectable(found, size, pair, setting.rows, 0.01).value)
    wanted = float(np.median(said))
    planted, asked, hits = replace(setting, lead=lead_of(wanted, setting.rows, setting.by_draw)), 0, 0
    leading = entries_of(setting.entries)[0].name
    for _ in range(studies):
        study = confirmed(random, planted)
        table = analyse(study).tables[size]
        question = study.questions.get(size)
        if question and question.entry == leading:
            asked += 1
            hits += table.difference(leading, table.best("classical").entry).claim == "better"
    return wanted, asked / studies, hits / asked


NULL = (
    Setting("20 entries, 50 test rows", 20, (16, 64, 256), 50, 600),
    Setting("20 entries, 500 test rows", 20, (16, 64, 256), 500, 600),
    Setting("20 entries, 3,000 test rows", 20, (16, 64, 256), 3_000, 600),
    Setting("45 entries, 50 test rows", 45, (16, 64, 1_000), 50, 900),
    Setting("45 entries, 500 test rows", 45, (16, 64, 1_000), 500, 900),
    Setting("45 entries, 10,000 test rows, one label count", 45, (64,), 10_000, 300),
    Setting("20 entries, large spread of draws", 20, (16, 64, 256), 500, 600, by_draw=0.3),
)
FINDABLE = (
    Setting("20 entries, 3,000 test rows", 20, (16, 64, 256), 3_000, 600),
    Setting("20 entries, 500 test rows, large spread of draws", 20, (16, 64, 256), 500, 600, by_draw=0.3),
)


def lead_of(difference: float, rows: int, by_draw: float) -> float:
    """Return the lead in the probit mean that makes so much accuracy."""
    scenario, grid = Scenario("", rows=rows, by_draw=by_draw), np.linspace(0.0, 1.5, 1501)
    scores = np.array([scenario.truth(0.8 + lead) for lead in grid])
    return float(np.interp(scenario.truth(0.8) + difference, scores, grid))


def main() -> None:
    """Run the parts and print their tables; the exit code is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--only", choices=("null", "power", "findable"))
    parser.add_argument("--setting", default="", help="only the null settings whose names hold this text")
    given, missed = parser.parse_args(), []

    def judge(name: str, value: float, low: float, high: float, count: int) -> str:
        room = 2 * (max(value * (1 - value), 0.01) / count) ** 0.5
        missed.extend([name] * (not low - room <= value <= high + room))
        return f"{100 * value:.1f}"

    count = given.studies
    if given.only in (None, "null"):
        print(
            f"\n| {count} null studies | false 'worth it', % | any false claim, % | intervals cover, % |"
            "\n|---|---|---|---|"
        )
        for setting in (one for one in NULL if given.setting in one.name):
            worth, claims, covered = null(setting, count)
            told = [judge(setting.name, share, 0.0, 0.05, count) for share in (worth, claims)]
            told.append(judge(f"{setting.name}, coverage", covered, 0.93, 0.97, count))
            print(f"| {setting.name} | {' | '.join(told)} |", flush=True)
    if given.only in (None, "power"):
        print(f"\n| {count} studies, true lead .03, 20 entries, 240 cells | found, % |\n|---|---|")
        by_draw = lead_of(0.012, 3_000, 0.0)  # of one draw, in the probit mean: .012 of the score
        for rows, bar in ((3_000, 0.8), (300, 0.0)):
            share = power(Setting("", 20, (64,), rows, 240, by_draw, lead_of(0.03, rows, by_draw)), count)
            print(f"| {rows:,} test rows | {judge(f'power, {rows}', share, bar, 1.0, count)} |", flush=True)
    if given.only in (None, "findable"):
        print(
            f"\n| {count} studies with a lead of the stated detectable size | lead | chosen, % | found, % |"
            "\n|---|---|---|---|"
        )
        for setting in FINDABLE:
            wanted, asked, share = findable(setting, count)
            told = judge(setting.name, share, 0.8, 1.0, count)
            print(f"| {setting.name} | {wanted:.3f} | {100 * asked:.1f} | {told} |", flush=True)
    raise SystemExit(f"missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
