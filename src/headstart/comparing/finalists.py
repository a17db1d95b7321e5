"""Which entries go from screening to the test rows, and what is asked of them there; decided before a test row is seen.

Trials are scored on rows of the labelled pool alone. A role is what an entry stands for in the answer: `pretrained`,
`classical`; the control (the same network from random start) is not screened, it goes with the winner that it controls.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan
from statistics import mean
from typing import Any, NamedTuple

from headstart.comparing.budget import LEAST
from headstart.core.reason import Reason
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry, Question

MOST_FINALISTS = 6  # besides majority
_WITHIN_REACH = 0.01  # of the best score: so little behind the best, an entry is as good for what is asked
_TIE = 0.002  # of the best score: screening does not tell such entries apart, and the more usual one is taken
_CHEAP = 0.5  # of the winner's seconds, at most, for an entry that is offered because it is quick
_COMBINED = 2  # trials of a combination at a label count before it is dropped there
_LATE = ("not_ready", "screening_time", "too_slow", "slow_base")  # reasons that tell nothing of what an entry is worth
_SLOW_BASE = ("slow_base", "slow_control")  # reasons for which an entry has no cells at a label count
_KEPT = 2  # contenders of a role that are never dropped by halving


class Trial(NamedTuple):
    """One entry that learned a screening draw. score: NaN where the metric is undefined. seconds: of all of it."""

    entry: str
    size: int
    draw: int
    score: float
    seconds: float

    def told(self) -> dict[str, Any]:
        """Return the trial as JSON data, which has no NaN; `kept` reads it."""
        return {**self._asdict(), "score": None if isnan(self.score) else self.score}

    @classmethod
    def kept(cls, told: Mapping[str, Any]) -> Trial:
        """Return the trial that `told` wrote."""
        return cls(**{**told, "score": nan if told["score"] is None else told["score"]})


@dataclass
class Screened:
    """What screening found. entries: in the order in which they were tried. left_out: {entry: {label count: reason}}.

    unit: the best value of the metric.
    """

    entries: Sequence[Entry]
    sizes: Sequence[int]
    unit: float = 1.0
    trials: list[Trial] = field(default_factory=list)
    left_out: dict[str, dict[int, Reason]] = field(default_factory=dict)

    def contenders(self, role: str, size: int) -> list[Entry]:
        """Return the entries of a role that are not left out at a label count: those tried there, best mean score
        first, then the others by what they did elsewhere, untried last. A score at more labels beats no score at fewer.
        """
        alive = [
            one for one in self.entries if one.kind == role and size not in self.left_out.get(one.name, {})
        ]  # sorted() is stable: equal scores keep the order of the entries, the usual ones first
        return sorted(alive, key=lambda one: (not self.scores(one.name, size), -self.score(one.name, size)))

    def level(self, entry: Entry, size: int, best: Entry) -> float:
        """Return the mean score of an entry beside that of `best`, minus infinity where only `best` was tried there."""
        if self.scores(best.name, size) and not self.scores(entry.name, size):
            return float("-inf")
        return self.score(entry.name, size)

    def late(self, role: str, size: int) -> list[Entry]:
        """Return the entries of a role that were left out at a label count for want of time, the usual ones first."""
        late = {name for name, at in self.left_out.items() if size in at and at[size].code in _LATE}
        return [one for one in self.entries if one.kind == role and one.name in late]

    def scores(self, entry: str, size: int) -> list[float]:
        """Return the scores of an entry's trials at a label count; an undefined score counts as the worst."""
        found = [one.score for one in self.trials if (one.entry, one.size) == (entry, size)]
        return [score if score == score else float("-inf") for score in found]

    def score(self, entry: str, size: int) -> float:
        """Return the mean score at a label count or, where it was not tried there, at the nearest one.

        Minus infinity without any trial.
        """
        place = list(self.sizes).index(size)
        nearest = sorted(self.sizes, key=lambda other: abs(list(self.sizes).index(other) - place))
        return mean(next((found for other in nearest if (found := self.scores(entry, other))), [float("-inf")]))

    def tried(self, entry: str) -> bool:
        """Whether the entry was tried at all."""
        return any(one.entry == entry for one in self.trials)

    def seconds(self, entry: str) -> float:
        """Return what one model takes: the least of all trials, because the first pays for what is paid once."""
        return min((one.seconds for one in self.trials if one.entry == entry), default=float("inf"))

    def seconds_at(self, entry: str) -> dict[int, float]:
        """Return what one model takes by label count, where it was tried: the least, for the same reason."""
        return {
            size: min(found)
            for size in self.sizes
            if (found := [one.seconds for one in self.trials if (one.entry, one.size) == (entry, size)])
        }

    def able(self, entry: str) -> list[int]:
        """Return the label counts for which the base of an entry is not too slow."""
        reasons = self.left_out.get(entry, {})
        return [size for size in self.sizes if size not in reasons or reasons[size].code not in _SLOW_BASE]

    def sizes_of(self, entry: str) -> list[int]:
        """Return the label counts at which an entry is not left out."""
        return [size for size in self.sizes if size not in self.left_out.get(entry, {})]

    def leave_out(self, entry: str, sizes: Iterable[int], reason: Reason) -> None:
        """Try an entry no more at these label counts; the first reason stays."""
        reasons = self.left_out.setdefault(entry, {})
        for size in sizes:
            reasons.setdefault(size, reason)

    def halve(self, size: int, at: Iterable[int]) -> None:
        """Drop the lower half of each role's contenders at `size` labels from the label counts `at`.

        A combination gains little over its parts: it is dropped only after as many trials as tell it from them.
        """
        for role in ("pretrained", "classical"):
            tried = [one for one in self.contenders(role, size) if self.scores(one.name, size)]
            for one in tried[max(_KEPT, -(-len(tried) // 2)) :]:
                if one.route.combines and len(self.scores(one.name, size)) < _COMBINED:
                    continue
                self.leave_out(one.name, at, Reason("behind", "behind {best} in screening", best=tried[0].name))


@dataclass(frozen=True)
class Finalists:
    """entries: those that meet the test rows, majority among them. questions: by label count, what is asked."""

    entries: tuple[Entry, ...]
    questions: dict[int, Question]


def choose_finalists(screened: Screened, given: Collection[Entry], seconds: float = inf) -> Finalists:
    """Return the finalists: by label count the best pre-trained and the best classical entry, the winners' controls,
    the quickest entry within reach of the best; at most `MOST_FINALISTS`, and majority.

    given: all entries of the study. An entry that was chosen already is taken where it is within reach of the best, so
    that few entries get many draws. seconds: for confirmation; finalists that would keep the others from `FLIPPED`
    draws, without which there is no verdict, stay out, but the middle label count's winners and the control go on.
    """
    chosen: list[Entry] = []
    winners: dict[tuple[str, int], Entry] = {}
    middle = screened.sizes[len(screened.sizes) // 2]
    order = sorted(screened.sizes, key=lambda size: size != middle)
    for role in ("pretrained", "classical"):
        for size in order:
            winner = _winner(screened, role, size, [one for one in chosen if one.kind == role])
            if winner is not None:
                winners[role, size] = winner
                chosen += [] if winner in chosen else [winner]
    controls = {one.base: one for one in given if one.kind == "control"}
    bases = dict.fromkeys(winner.base for (role, _), winner in winners.items() if role == "pretrained")
    chosen += [controls[base] for base in bases if base in controls]
    quick = _quick(screened, winners)
    chosen += [quick] if quick is not None and quick not in chosen and len(chosen) < MOST_FINALISTS else []
    chosen = _at_most(chosen, winners, middle, screened, seconds)
    questions = {
        size: _question(winner, chosen, controls)
        for size in screened.sizes
        if (winner := _asked(size, (size, middle), winners, chosen, screened))
    }
    majority = [one for one in given if one.kind == "majority"]
    return Finalists((*majority, *chosen), questions)


def to_screen(entries: Collection[Entry]) -> bool:
    """Whether there is anything to choose: more than one pre-trained or more than one classical entry.

    Without a pre-trained entry there is no question to choose for, and all entries are compared.
    """
    kinds = [one.kind for one in entries]
    return "pretrained" in kinds and max(kinds.count("pretrained"), kinds.count("classical")) > 1


def questions_of_all(entries: Collection[Entry], sizes: Sequence[int]) -> dict[int, Question]:
    """Return the questions where nothing was screened: about the one pre-trained entry, where there is one."""
    winner = next((one for one in entries if one.kind == "pretrained"), None)
    controls = {one.base: one for one in entries if one.kind == "control"}
    return {} if winner is None else dict.fromkeys(sizes, _question(winner, list(entries), controls))


def _winner(screened: Screened, role: str, size: int, chosen: Sequence[Entry]) -> Entry | None:
    """Return the best entry of a role at a label count, or one of those `chosen` that is within reach of it."""
    found = screened.contenders(role, size) or screened.late(role, size)  # where none was tried, the usual one goes
    if not found:
        return None
    best = screened.score(found[0].name, size)
    near = [one for one in chosen if screened.level(one, size, found[0]) >= best - _WITHIN_REACH * screened.unit]
    if near:
        return near[0]
    tied = [one for one in found if screened.level(one, size, found[0]) >= best - _TIE * screened.unit]
    return min(tied, key=screened.entries.index) if isfinite(best) else found[0]


def _quick(screened: Screened, winners: dict[tuple[str, int], Entry]) -> Entry | None:
    """Return the quickest entry within reach of the best at the most labels, when the best takes much longer."""
    size = max(screened.sizes)
    best = [winner for (_, at), winner in winners.items() if at == size]
    if not best:
        return None
    top = max(best, key=lambda one: (bool(screened.scores(one.name, size)), screened.score(one.name, size)))
    least = screened.score(top.name, size) - _WITHIN_REACH * screened.unit
    alive = [one for role in ("pretrained", "classical") for one in screened.contenders(role, size)]
    near = [one for one in alive if screened.tried(one.name) and screened.level(one, size, top) >= least]
    quick = min(near, key=lambda one: screened.seconds(one.name), default=None)
    if quick is None or screened.seconds(quick.name) > _CHEAP * screened.seconds(top.name):
        return None
    return quick


def _at_most(
    chosen: list[Entry], winners: dict[tuple[str, int], Entry], middle: int, screened: Screened, seconds: float
) -> list[Entry]:
    """Return at most `MOST_FINALISTS`, of which `FLIPPED` draws at every label count fit into `seconds`.

    The middle label count's winners (of a role without one there, the nearest) and the controls are the last to go, and
    time alone never removes them.
    """
    nearest = sorted(winners, key=lambda at: abs(screened.sizes.index(at[1]) - screened.sizes.index(middle)))
    kept = {
        winners[at] for role in ("pretrained", "classical") for at in [one for one in nearest if one[0] == role][:1]
    }
    order = sorted(chosen, key=lambda one: (one not in kept, one.kind != "control"))[:MOST_FINALISTS]
    while FLIPPED * sum(len(screened.able(one.name)) * _least_seconds(one, screened) for one in order) > seconds:
        spare = [one for one in order if one not in kept and one.kind != "control"]
        if not spare:
            break
        order.remove(max(spare, key=lambda one: _least_seconds(one, screened)))
    return [one for one in chosen if one in order]


def _least_seconds(entry: Entry, screened: Screened) -> float:
    """Return what one model takes at least: what is trained can be given less time than it had in screening."""
    return screened.seconds(entry.name) if entry.route.classical else min(screened.seconds(entry.name), LEAST)


def _asked(
    size: int,
    of: Sequence[int],
    winners: dict[tuple[str, int], Entry],
    chosen: Sequence[Entry],
    screened: Screened,
) -> Entry | None:
    """Return the pre-trained finalist to ask about at a label count: the first winner `of` these that can run there."""
    found = [winner for one in of if (winner := winners.get(("pretrained", one))) in chosen]
    return next((one for one in found if size in screened.able(one.name)), None)


def _question(winner: Entry, chosen: Sequence[Entry], controls: dict[str | None, Entry]) -> Question:
    """Return whether the winner is ahead of every classical finalist and of its own network from random start."""
    control = controls.get(winner.base)
    against = [one.name for one in chosen if one.kind == "classical" or one == control]
    return Question(winner.name, tuple(against))


def told(screened: Screened, finalists: Finalists, seconds: float) -> dict[str, Any]:
    """Return the decision as JSON: every entry's scores and why it went, the finalists, the questions."""
    chosen = [one.name for one in finalists.entries]

    def row(entry: Entry) -> dict[str, Any]:
        least = screened.seconds(entry.name)
        found = {str(size): screened.scores(entry.name, size) for size in screened.sizes}
        return {
            "entry": entry.name,
            "kind": entry.kind,
            "scores": {size: [one if isfinite(one) else None for one in scores] for size, scores in found.items()},
            "seconds": round(least, 3) if isfinite(least) else None,
            "seconds_at": {str(size): round(found, 3) for size, found in screened.seconds_at(entry.name).items()},
            "left_out": {str(size): one.told() for size, one in screened.left_out.get(entry.name, {}).items()},
        }

    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "seconds": round(seconds, 1),
        "entries": [row(one) for one in screened.entries],
        "finalists": chosen,
        "questions": {
            str(size): {"entry": one.entry, "against": list(one.against)} for size, one in finalists.questions.items()
        },
    }
