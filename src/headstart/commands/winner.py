"""The end of a comparison: the recommended route is trained on all labelled rows and left behind, ready for predict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.commands.reading import say
from headstart.commands.session import shell_command
from headstart.core.manifest import WINNER

_LONGER = 0.25  # of the minutes asked for, at most, is added for training the winner
_NOTHING = 30.0  # seconds that are no matter, however few minutes were asked for
_ROWS, _COUNT = "rows.csv", ("--count", "20")  # of `next`

if TYPE_CHECKING:
    from headstart.comparing.settings import StudyData, StudySettings
    from headstart.comparing.winner import Winner
    from headstart.fitting.workspace import Workspace
    from headstart.statistics.study import Entry, Study


@dataclass(frozen=True)
class Left:
    """How it ended. text: what to say of it. interrupted: by Ctrl-C, while it was trained."""

    text: str = ""
    interrupted: bool = False


def leave_winner(
    study: Study,
    entries: Sequence[Entry],
    data: StudyData,
    spaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    *,
    language: str,
    end: float,
) -> Left:
    """Train and save what the report recommends at the most labels where it does; whatever goes wrong is one line.

    Where no entry was shown to be better than guessing, guessing itself (majority) is what is left, if it was compared.
    The facts of the study get `winner`.

    data: says what it learns from, if a winner is wanted. spaces: the workspaces by base. end: of the minutes, in
    monotonic seconds.
    """
    from headstart.comparing.winner import Winner
    from headstart.labelling.choose import FILLED_IN
    from headstart.reporting.findings import findings
    from headstart.reporting.phrases import phrase
    from headstart.reporting.winner_text import winner_line, winner_missing

    verdicts = findings(study).verdicts
    if data.winner is None or not verdicts:
        return Left()
    if study.stopped == "interrupted":
        return Left(winner_missing("stopped", language))
    named = [one.best for one in reversed(verdicts) if one.best]  # by the most labels first
    named += [one.name for one in entries if one.kind == "majority"]
    best = next((one for one in entries if one.name in named[:1]), None)
    if best is None:
        return Left(winner_missing("unshown", language))
    winner = Winner(
        folder=settings.folder / WINNER,
        entry=best,
        cells=study.cells,
        rows=data.winner.rows,
        workspace=spaces[best.space],
        ledger=data.facts.get("ledger", {}).get("training", {}),
        seed=settings.seed,
    )
    if trouble := _trained(winner, language, end, _most_seconds(end, settings.seconds)):
        why, values = trouble
        told = winner_missing(why, language, **values) + (f"\n{_by_hand(winner)}" if why == "slow" else "")
        return Left(told, interrupted=why == "interrupted")
    told = _told(winner)
    shown = {**told, "folder": str(winner.folder)}
    command = shell_command("predict", winner.folder, Path(data.winner.file))
    study.facts["winner"] = told  # not of a copy: what was found in the study need not be computed again
    line = winner_line(shown, command, language)
    if best.route.name == "majority" or data.train.task not in FILLED_IN:
        return Left(line)
    asked = ("headstart", "next", WINNER, "UNLABELLED_FILE", *_COUNT, "--out", _ROWS)
    study.facts["next"] = {"command": " ".join(asked)}
    base = winner.workspace.base
    rows = next(iter((base.corpus or {}).get("paths", [])), None) if base else None
    if rows is not None and Path(rows).exists():
        asked = shell_command("next", winner.folder, Path(rows), *_COUNT, "--out", settings.folder / _ROWS)
        line += f"\n{phrase(language, 'next_rows')}:\n{asked}"
    return Left(line)


def _most_seconds(end: float, asked: float) -> float:
    """Return the seconds that training the winner may take: what is left, or a little more than was asked for."""
    return max(end - time.monotonic(), _LONGER * asked, _NOTHING)


def _by_hand(winner: Winner) -> str:
    """Return the command that trains the winner."""
    from headstart.core.setting_lines import changed_settings

    route, base = winner.entry.route, winner.workspace.base if winner.entry.base is not None else None
    source = base.path if base is not None and base.path is not None else "none"
    words = ("--data", "LABELLED_FILE", "--route", route.name, *changed_settings(route), "--out", winner.folder)
    return shell_command("transfer", source, *words)


def _trained(winner: Winner, language: str, end: float, most: float) -> tuple[str, dict[str, str]] | None:
    """Train and save the winner, or keep it where it is there; return what kept it from that, if anything did."""
    from headstart.core.files import remove_folder
    from headstart.core.reason import reason_of
    from headstart.core.time_limit import OutOfTime
    from headstart.reporting.winner_text import winner_begins, winner_kept

    name = winner.entry.name
    try:
        if winner.is_there:
            say(winner_kept(name, language))
            return None
        remove_folder(winner.folder)  # what an earlier decision left is no longer what the report recommends
        say(winner_begins(name, len(winner.rows), min(winner.expected(), most), language))
        winner.train(end - time.monotonic(), most)
    except KeyboardInterrupt:
        return "interrupted", {}
    except OutOfTime:
        return "slow", {"entry": name, "rows": f"{len(winner.rows):,}"}
    except Exception as error:  # whatever a route raises, the report is there
        return "failed", {"entry": name, "reason": reason_of(error)}
    return None


def _told(winner: Winner) -> dict[str, Any]:
    """Return `facts["winner"]`: without paths of this machine, because a report is passed on."""
    return {
        "folder": WINNER,
        "entry": winner.entry.name,
        "rows": len(winner.rows),
        "command": f"headstart predict {WINNER} FILE",
    }
