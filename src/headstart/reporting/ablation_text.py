"""An ablation in words: which change helped, which hurt, by label count."""

from __future__ import annotations

from headstart.comparing.ablation import Effect
from headstart.reporting.number_text import signed_with_interval
from headstart.reporting.phrases import counted

_PHRASES = {
    "en": {
        "better": "helped",
        "worse": "hurt",
        "undecided": "no difference shown",
        "none": "nothing was compared yet",
        "against": "Against {unchanged} as it is, one change at a time; intervals allow for the number of changes.",
    },
    "ko": {
        "better": "도움이 됨",
        "worse": "나빠짐",
        "undecided": "차이가 확인되지 않음",
        "none": "아직 비교된 것이 없습니다",
        "against": "기준: 그대로 둔 {unchanged}. 한 번에 하나씩만 바꾸어 비교했고, 구간은 변경 수를 감안해 넓혔습니다.",
    },
}


def effect_text(
    found: list[Effect], unchanged: str, language: str = "en", limits: tuple[float, float] = (0.0, 1.0)
) -> str:
    """Return in words which change helped, a line per label count.

    unchanged: the entry without a change. limits: worst and best value of the metric.
    """
    words = _PHRASES[language]
    if not found:
        return words["none"]
    lines = [words["against"].format(unchanged=unchanged)]
    for size in dict.fromkeys(one.size for one in found):
        here = sorted((one for one in found if one.size == size), key=lambda one: -one.value)
        parts = []
        for claim in ("better", "worse", "undecided"):
            told = [
                f"{one.change} {signed_with_interval(one.value, one.low, one.high, limits)}"
                for one in here
                if one.claim == claim
            ]
            if told:
                parts.append(f"{words[claim]}: {'; '.join(told)}.")
        lines.append(f"{counted(language, [size])}: {' '.join(parts)}")
    return "\n".join(lines)
