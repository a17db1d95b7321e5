"""An ablation in words: which change helped, which hurt, by label count."""

from __future__ import annotations

from headstart.comparing.ablation import Effect
from headstart.reporting.number_text import signed_with_interval
from headstart.reporting.phrases import counted, phrase


def effect_text(
    found: list[Effect], unchanged: str, language: str = "en", limits: tuple[float, float] = (0.0, 1.0)
) -> str:
    """Return in words which change helped, a line per label count.

    unchanged: the entry without a change. limits: worst and best value of the metric.
    """
    if not found:
        return phrase(language, "ablation.none")
    lines = [phrase(language, "ablation.against", unchanged=unchanged)]
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
                parts.append(f"{phrase(language, f'claim_{claim}')}: {'; '.join(told)}.")
        lines.append(f"{counted(language, [size])}: {' '.join(parts)}")
    return "\n".join(lines)
