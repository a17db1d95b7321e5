"""Screen, then confirm: few finalists, fixed before a test row is scored, get all the draws that the time allows.

1. Screening tries every entry on rows of the labelled pool (`screening.py`).
2. At most six finalists and the questions about them are written down (`finalists.py`).
3. Each finalist answers the test rows once, unscored, so that no cell pays for what is paid once.
4. Confirmation: fresh draws, the finalists alone, claims about the questions alone (`run_study.py`, `looks.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from headstart.comparing.batches import fix_screened
from headstart.comparing.crew import Crew
from headstart.comparing.draws import check_sizes
from headstart.comparing.finalists import choose_finalists, questions_of_all, to_screen, told
from headstart.comparing.make_cell import make_cell
from headstart.comparing.run_study import need_comparable, run_study
from headstart.comparing.screening import (
    SCREENING,
    SHARE,
    Screening,
    ScreeningClock,
    in_usual_order,
    keep_decision,
    kept_decision,
)
from headstart.comparing.screening_rows import screening_round
from headstart.comparing.settings import SHORT_DRAWS, StudyData, StudySettings
from headstart.comparing.shared_screening import SharedScreening
from headstart.comparing.slow_bases import Reading, too_slow
from headstart.core.time_limit import OutOfTime, cut_after
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry, Question, Study

_ONCE = 0.2  # of the time, at most, beside that, for what classical entries pay once
_LIKELY = 5  # finalists that are trained or fitted, for an estimate of what each may take
_REHEARSED = 0.25  # of the time left, at most, for one rehearsal


def run_screened(
    entries: Sequence[Entry],
    data: StudyData,
    workspaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    *,
    progress: Callable[[str], None] = lambda line: None,
    keep: Callable[[Study], None] | None = None,
    crew: Crew | None = None,
) -> Study:
    """Screen the entries, confirm the finalists and return the study of these; see `run_study` for the arguments.

    The study's facts say what was screened. With one pre-trained and one classical entry there is nothing to screen.
    """
    begun = time.monotonic()
    need_comparable(entries, data, workspaces, settings.metric)
    sizes = check_sizes(settings.sizes, data.most_labels)
    fix_screened(workspaces, data, settings)
    if not to_screen(entries):
        settings = replace(settings, questions=questions_of_all(entries, sizes), short_draws=SHORT_DRAWS)
        return run_study(entries, data, workspaces, settings, progress=progress, keep=keep, crew=crew)
    facts = screen(entries, data, workspaces, settings, begun, progress, crew=crew)
    chosen = [one for one in entries if one.name in facts["finalists"]]
    questions = {int(size): Question(one["entry"], tuple(one["against"])) for size, one in facts["questions"].items()}
    names = ", ".join(one.name for one in chosen if one.kind != "majority")
    if names:
        progress(f"finalists: {names}; they are confirmed on fresh label draws and the test rows")
    else:
        progress("no entry was ready in time for screening: give more minutes")
    data = data.stating(screening=facts)
    affordable = _affordable(settings, sizes)
    left = settings.seconds - (time.monotonic() - begun)
    chosen_with = {
        (one["entry"], int(size)): took for one in facts["entries"] for size, took in one["seconds_at"].items()
    }
    slow = too_slow(
        chosen, facts["paces"], Reading.of(data, settings, sizes, 1 - SHARE, 1 if crew is None else crew.hands)
    )
    settings = replace(
        settings, questions=questions, short_draws=SHORT_DRAWS, seconds=left, chosen_with=chosen_with, left_out=slow
    )

    def rehearse() -> None:
        _rehearse(chosen, data, workspaces, settings, affordable)

    return run_study(chosen, data, workspaces, settings, progress=progress, keep=keep, prepare=rehearse, crew=crew)


def screen(
    entries: Sequence[Entry],
    data: StudyData,
    workspaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    begun: float,
    progress: Callable[[str], None] = lambda line: None,
    file: str = SCREENING,
    crew: Crew | None = None,
) -> dict[str, Any]:
    """Return what was screened and decided, see `finalists.told`; an earlier run's decision in the file stays.

    begun: monotonic seconds at which the seconds of the settings began to run; confirmation needs two thirds of them.
    file: in the report folder. crew: makes the trials; None: this process does.
    """
    sizes = check_sizes(settings.sizes, data.most_labels)
    clock = ScreeningClock(begun + SHARE * settings.seconds, _ONCE * settings.seconds)
    hands = 1 if crew is None else crew.hands
    affordable = hands * _affordable(settings, sizes)
    made_by = Screening if crew is None else partial(SharedScreening, crew=crew)
    screening = made_by(data, workspaces, settings, sizes, clock, affordable, progress, tuple(entries), file)
    facts = kept_decision(screening)
    if facts is None:
        tried = len(in_usual_order(entries))
        progress(f"screening {tried} entries on rows of the labelled data, up to {settings.seconds * SHARE:.0f} s")
        screened = screening.run()
        finalists = choose_finalists(screened, entries, hands * (settings.seconds - (time.monotonic() - begun)))
        facts = told(screened, finalists, time.monotonic() - begun) | {"paces": screening.paces}
        keep_decision(screening, screened, facts)
    return facts


def _affordable(settings: StudySettings, sizes: Sequence[int]) -> float:
    """Return the seconds that one model of a finalist may take."""
    return settings.seconds * (1 - SHARE) / (_LIKELY * FLIPPED * len(sizes))


def _rehearse(
    finalists: Sequence[Entry],
    data: StudyData,
    workspaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    affordable: float,
) -> None:
    """Let every finalist learn a screening draw and answer the test rows; the answers are thrown away unscored."""
    size, end = min(settings.sizes), time.monotonic() + settings.seconds
    split = screening_round(data, [size], settings.seed, 0).split(size)
    for entry in finalists:
        try:
            with cut_after(max(_REHEARSED * (end - time.monotonic()), 0.1)):
                make_cell(entry.route, split, data, workspaces[entry.space], seed=settings.seed, seconds=affordable)
        except (OutOfTime, Exception):  # its cells will say what is wrong with it
            continue
