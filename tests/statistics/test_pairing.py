"""Every comparison is paired by draw: leads are of one draw and the same test rows, whatever the order of the cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from synthetic_study import ACCURACY, drawn_study

from headstart.statistics import analysis as analysis_module
from headstart.statistics import slices as slices_module
from headstart.statistics.analysis import Analysis, analyse
from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.intervals import Bounds, estimate
from headstart.statistics.paired_tests import holm
from headstart.statistics.slices import slices
from headstart.statistics.study import Cell, Study
from headstart.statistics.worth import common, label_worth, leads

SKILLS = {
    "deep": ("pretrained", "run", 0.9),
    "deeper": ("pretrained", "run", 1.0),
    "flat": ("classical", None, 0.7),
    "level": ("classical", None, 0.8),
}
DRAWS, SIZES, MOVED = 8, (16, 64), "level"
DIFFERENCE = Bounds.of_difference(ACCURACY.limits)


def study_of(change: Callable[[Cell], Cell | None] = lambda cell: cell, seed: int = 3) -> Study:
    """Return a study whose draws are lucky or unlucky for all entries together; change: of each cell, None drops it."""
    made = drawn_study(SKILLS, draws=DRAWS, sizes=SIZES, test=300, spread=0.8, seed=seed)
    kept = tuple(new for cell in made.cells if (new := change(cell)) is not None)
    return replace(made, cells=kept, slices={"first": np.arange(300) < 120})


def moved(cell: Cell) -> Cell:
    """Return a cell of one entry under the number of another draw."""
    return replace(cell, draw=(cell.draw + 1) % DRAWS) if cell.entry == MOVED else cell


def values(study: Study, rows: np.ndarray, entry: str, size: int, draws: tuple[int, ...]) -> np.ndarray:
    """Return the values of an entry on some test rows, by hand: the cell of each draw is looked for by its number."""
    judge = Evidence(study.metric, study.truth[rows], TestBlocks.make(study.test_rows).take(rows))
    found = {(cell.entry, cell.size, cell.draw): cell for cell in study.cells}
    return np.stack([judge.of(found[entry, size, number].predicted[rows]) for number in draws])


def check_pairs(study: Study) -> None:
    """Every lead, its interval and its count of draws won are those of the two cells of each draw."""
    every, first = np.ones(study.test_rows, bool), study.slices["first"]
    found, judged = analyse(study), slices(study)
    for size, table in found.tables.items():
        for one, two in combinations(SKILLS, 2):
            by_hand = values(study, every, one, size, table.draws) - values(study, every, two, size, table.draws)
            wanted = estimate(by_hand, table.overlap, study.test_rows, bounds=DIFFERENCE)
            told = table.difference(one, two)
            assert told.value == pytest.approx(wanted.value)
            assert (told.unadjusted_low, told.unadjusted_high) == pytest.approx(wanted.interval(0.05))
            assert (told.wins, told.losses) == ((by_hand.mean(1) > 0).sum(), (by_hand.mean(1) < 0).sum())
            assert told.draws == len(table.draws)
    on_slice = []
    for lead in judged.leads:
        of_two = [
            values(study, first, one, lead.size, found.tables[lead.size].draws) for one in (lead.first, lead.second)
        ]
        on_slice.append(estimate(of_two[0] - of_two[1], 0.0, int(first.sum()), bounds=DIFFERENCE))
    choices = 4  # pairs of a pretrained and a classical entry
    levels = holm([min(choices * one.p_differs(), 1.0) for one in on_slice])[1]
    for lead, wanted, level in zip(judged.leads, on_slice, levels, strict=True):
        assert lead.value == pytest.approx(wanted.value)
        assert (lead.low, lead.high) == pytest.approx(wanted.interval(level / choices))
    cells = [("deeper", 16), (MOVED, 16), (MOVED, 64)]
    draws = common(found, cells)
    places = leads(found, cells[0], {16: MOVED, 64: MOVED}, draws, study.overlaps, study.test_rows)
    for place, size in ((places[0], 16), (places[-1], 64)):
        by_hand = values(study, every, "deeper", 16, draws) - values(study, every, MOVED, size, draws)
        assert place.lead.interval(0.05) == pytest.approx(estimate(by_hand, 0, 300, bounds=DIFFERENCE).interval(0.05))


def told(study: Study) -> list[str]:
    """Return all that is said of pairs."""
    found = analyse(study)
    pairs = [pair for table in found.tables.values() for _, pair in sorted(table.pairs.items())]
    return [*map(repr, pairs), repr(slices(study).leads), repr(label_worth(found, 16, study.overlaps, 300))]


def test_leads_are_of_one_draw():
    check_pairs(study_of())


def test_leads_are_of_the_draws_that_both_have():
    """Two entries each lack another draw."""
    lacking = {"deep": 2, "flat": 5}
    study = study_of(lambda cell: None if lacking.get(cell.entry) == cell.draw else cell)
    assert analyse(study).tables[16].draws == (0, 1, 3, 4, 6, 7)
    check_pairs(study)


def test_the_order_of_the_cells_does_not_matter():
    study = study_of()
    order = np.random.default_rng(1).permutation(len(study.cells))
    assert told(replace(study, cells=tuple(study.cells[place] for place in order))) == told(study)


def test_the_numbers_of_draws_do_not_matter_while_they_are_those_of_all_entries():
    renumbered = study_of(lambda cell: replace(cell, draw=3 * cell.draw + 5))
    paired = {size: table.pairs for size, table in analyse(renumbered).tables.items()}
    assert paired == {size: table.pairs for size, table in analyse(study_of()).tables.items()}


def test_draws_of_another_number_give_another_interval():
    """The twin: one entry's draws are renumbered. The lead stays, its error grows by what the draws have in common."""
    right, wrong = analyse(study_of()), analyse(study_of(moved))
    widths = []
    for size in SIZES:
        for other in set(SKILLS) - {MOVED}:
            one, two = (found.tables[size].difference(MOVED, other) for found in (right, wrong))
            assert one.value == pytest.approx(two.value)
            widths.append([pair.unadjusted_high - pair.unadjusted_low for pair in (one, two)])
    paired, unpaired = np.transpose(widths)
    assert (unpaired > 1.02 * paired).all()
    assert unpaired.mean() > 1.2 * paired.mean()


def of_another_draw_in_pairs(patch: pytest.MonkeyPatch) -> None:
    real = analysis_module._values
    patch.setattr(analysis_module, "_values", lambda study, judge, cell: real(study, judge, other_draw(study, cell)))


def of_another_draw_in_slices(patch: pytest.MonkeyPatch) -> None:
    real = slices_module.told_by
    patch.setattr(slices_module, "told_by", lambda study, judge, cell: real(study, judge, other_draw(study, cell)))


def of_another_draw_in_worth(patch: pytest.MonkeyPatch) -> None:
    real = Analysis.stack
    turned = lambda self, entry, size, draws: np.roll(real(self, entry, size, draws), entry == MOVED, axis=0)  # noqa: E731
    patch.setattr(Analysis, "stack", turned)


def other_draw(study: Study, cell: Cell) -> Cell:
    """Return the cell of the next draw, of a classical entry."""
    moved_by = int(SKILLS[cell.entry][0] == "classical")
    return study.cells_of(cell.entry, cell.size)[(cell.draw + moved_by) % DRAWS]


@pytest.mark.parametrize("plant", [of_another_draw_in_pairs, of_another_draw_in_slices, of_another_draw_in_worth])
def test_leads_between_draws_are_found(plant, monkeypatch):
    """The twins: whoever takes the values of one entry takes those of its next draw."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_pairs(study_of(seed=4))


@pytest.mark.parametrize(("lacks", "paired"), [(0, True), (1, True), (2, False), (3, False)])
def test_an_entry_two_draws_behind_is_not_compared(lacks, paired):
    study = study_of(lambda cell: None if cell.entry == "flat" and cell.draw < lacks else cell)
    table = analyse(study).tables[16]
    assert table.draws == tuple(range(lacks if paired else 0, DRAWS))
    assert table.entries["flat"].paired is paired
    assert len(table.entries["flat"].scores) == DRAWS - lacks
    assert (table.difference("flat", "deep") is not None) is paired
