"""What each single change to a route brought: paired differences to the route as it is, one family by Holm at 5 %.

The changes are named before the study runs and each is compared with the plain route only, so that the family is as
many tests as there are changes and label counts, not all pairs of rows (`analysis.py`). From 6 draws on a change must
also pass the two-sided `sign_flips`, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.evaluation.analysis import ALPHA, FLIPPED, Claim, analyse
from headstart.evaluation.statistics import Estimate, flipped, holm
from headstart.evaluation.study import Row, Study
from headstart.evaluation.words import counted, led

_WORDS = {
    "en": {
        "better": "helped",
        "worse": "hurt",
        "undecided": "no difference shown",
        "none": "nothing was compared yet",
        "against": "Against {plain} as it is, one change at a time; intervals allow for the number of changes.",
    },
    "ko": {
        "better": "도움이 됨",
        "worse": "나빠짐",
        "undecided": "차이가 확인되지 않음",
        "none": "아직 비교된 것이 없습니다",
        "against": "기준: 그대로 둔 {plain}. 한 번에 하나씩만 바꾸어 비교했고, 구간은 변경 수를 감안해 넓혔습니다.",
    },
}


@dataclass(frozen=True)
class Effect:
    """A changed row minus the plain row at one label count.

    low, high: interval at the level at which Holm tested it; it excludes zero exactly where `claim` is made. p: the
    adjusted p-value.
    """

    change: str
    size: int
    value: float
    low: float
    high: float
    p: float
    draws: int

    @property
    def claim(self) -> Claim:
        """Whether the change is better or worse than none, or that is undecided."""
        if self.p > ALPHA:
            return "undecided"
        return "better" if self.value > 0 else "worse"


def effects(study: Study, plain: Row, changed: list[Row]) -> list[Effect]:
    """Return the effect of every changed row that was compared with the plain one, by label count."""
    tables = analyse(study).tables
    found = []
    for size, table in tables.items():
        for row in changed:
            lead = table.difference(row.name, plain.name)
            if lead is not None:
                scores = [np.array(table.rows[name].scores) for name in (row.name, plain.name)]
                found.append((row.change, size, lead, dict(zip(table.draws, scores[0] - scores[1]))))
    adjusted, levels = holm([lead.p for _, _, lead, _ in found], ALPHA)
    by_flips = flipped([by_draw for *_, by_draw in found], FLIPPED, two_sided=True)
    out = []
    for (change, size, lead, _), p_holm, p_flip, level in zip(found, adjusted, by_flips, levels):
        low = high = float("nan")
        if lead.variance is not None:
            low, high = Estimate(lead.value, *lead.variance.at(lead.draws)).interval(float(level))
        if p_flip > ALPHA:
            low, high = min(low, 0.0), max(high, 0.0)
        out.append(Effect(change, size, lead.value, low, high, max(float(p_holm), float(p_flip)), lead.draws))
    return out


def effect_text(found: list[Effect], plain: Row, language: str = "en") -> str:
    """Return in words which change helped, one line per label count."""
    words = _WORDS[language]
    if not found:
        return words["none"]
    lines = [words["against"].format(plain=plain.name)]
    for size in dict.fromkeys(one.size for one in found):
        here = sorted((one for one in found if one.size == size), key=lambda one: -one.value)
        parts = []
        for claim in ("better", "worse", "undecided"):
            told = [f"{one.change} {led(one.value, one.low, one.high)}" for one in here if one.claim == claim]
            if told:
                parts.append(f"{words[claim]}: {'; '.join(told)}.")
        lines.append(f"{counted(language, [size])}: {' '.join(parts)}")
    return "\n".join(lines)
