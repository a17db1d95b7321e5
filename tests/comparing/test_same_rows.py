"""All entries learn from the same rows in a draw, and a cell says which: what is paired by draw was drawn together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from synthetic_study import ACCURACY, LetterRoute, letters

from headstart.comparing import slabs
from headstart.comparing.run_study import run_study
from headstart.comparing.settings import StudyData, StudySettings
from headstart.fitting.workspace import Workspace
from headstart.statistics.study import Entry, Study

SEEN: list[tuple[str, int, int, tuple[str, ...]]] = []
SIZES, DRAWS, SEED = (4, 8), 3, 5


@dataclass(frozen=True, kw_only=True)
class Listening(LetterRoute):
    """Notes the rows that it is given; the seed of a cell is that of the study + the draw."""

    def run(self, examples, workspace, *, seed, seconds=None):
        """Note the rows and learn as before."""
        SEEN.append((self.called, len(examples), seed - SEED, tuple(examples.items)))
        return super().run(examples, workspace, seed=seed, seconds=seconds)


def compared(folder) -> Study:
    """Return a comparison of three entries."""
    SEEN.clear()
    entries = [Entry(Listening(called=name, letter=letter)) for name, letter in zip(("one", "two", "three"), "bcd")]
    settings = StudySettings(sizes=SIZES, draws=DRAWS, seconds=60.0, metric=ACCURACY, folder=folder, seed=SEED)
    spaces = {None: Workspace()}
    return run_study(entries, StudyData(letters(40), letters(60, 1)), spaces, settings, progress=lambda line: None)


def check_draws(study: Study) -> None:
    """In a draw all entries saw the same rows, fewer of them at fewer labels, and other rows than in other draws."""
    assert len(SEEN) == len(study.cells) == 3 * len(SIZES) * DRAWS
    rows = {(size, number): items for _, size, number, items in SEEN}
    assert [items for _, size, number, items in SEEN if rows[size, number] != items] == []
    assert len({rows[8, number] for number in range(DRAWS)}) == DRAWS
    assert all(rows[8, number][:4] == rows[4, number] for number in range(DRAWS))
    told = {(cell.size, cell.draw): cell.receipt["split"]["rows"] for cell in study.cells}
    assert all(told[cell.size, cell.draw] == cell.receipt["split"]["rows"] for cell in study.cells)
    assert len(set(told.values())) == len(SIZES) * DRAWS


def test_a_draw_is_of_all_entries(tmp_path):
    check_draws(compared(tmp_path))


@pytest.mark.parametrize("honest", [True, False])
def test_an_entry_with_rows_of_another_draw_is_found(tmp_path, monkeypatch, honest):
    """The twins: one entry learns from other rows, and its receipt tells so or does not."""
    real = slabs.PlannedCell

    def planned(entry, split, receipt):
        if entry.name == "two":
            rows, rest = split.parts[0]
            split = replace(split, parts=(((rows + 1) % 40, rest),))
            if honest:
                receipt = receipt | {"split": receipt["split"] | {"rows": split.identity}}
        return real(entry, split, receipt)

    monkeypatch.setattr(slabs, "PlannedCell", planned)
    with pytest.raises(AssertionError):
        check_draws(compared(tmp_path))
