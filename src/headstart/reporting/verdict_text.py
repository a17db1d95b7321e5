"""The verdict in words: a headline, a paragraph for each label count, an outlook on more labels."""

from __future__ import annotations

import math

from headstart.comparing.target import judge_target
from headstart.comparing.verdict import MARGIN, Outlook, Payoff, SizeVerdict, decide, outlook
from headstart.reporting.number_text import (
    listed,
    number,
    percent,
    places,
    signed,
    signed_with_interval,
    two_digits,
    with_interval,
)
from headstart.reporting.phrases import counted, phrase
from headstart.reporting.reason_phrases import reason_text
from headstart.reporting.target_text import target_text
from headstart.statistics.analysis import FLIPPED, SLIGHT, Analysis
from headstart.statistics.power import Detectable
from headstart.statistics.study import Study
from headstart.statistics.worth import LabelWorth


def verdict_sentences(study: Study, analysis: Analysis, language: str = "en") -> list[str]:
    """Return the verdict: the headline first, then one paragraph per label count, then the outlook if there is one."""
    verdicts = decide(study, analysis)
    if not verdicts:
        return [phrase(language, "nothing_finished")]
    paragraphs = [size_text(one, analysis, language) for one in verdicts]
    ahead = outlook_text(outlook(study, analysis), language, analysis.limits)
    reached = judge_target(study, analysis, verdicts)
    target = target_text(reached, language, analysis.limits, study.facts.get("target"))
    first = " ".join(filter(None, [headline(verdicts, language, study), target, *missing_classical(study, language)]))
    return [first, *paragraphs, *([ahead] if ahead else [])]


def headline(verdicts: tuple[SizeVerdict, ...], language: str, study: Study) -> str:
    """Return one sentence on whether pre-training was worth it, over all label counts of the study.

    Without an audit there is no headline; where the audit was waived, the headline says so.
    """
    audit = study.facts.get("audit") or {"skipped": True}
    if "skipped" in audit:
        return phrase(language, "not_audited")
    parts = []
    for outcome in ("worth", "not_worth", "undecided"):
        sizes = [one.size for one in verdicts if one.worth.outcome == outcome]
        if sizes:
            parts.append(phrase(language, f"headline_{outcome}", labels=counted(language, sizes)))
    asked = any(facts.kind == "pretrained" for facts in study.entries)
    told = " ".join(parts) or phrase(language, "headline_unfinished" if asked else "headline_none")
    return f"{told} {phrase(language, 'audit_waived')}" if audit.get("waived") else told


def missing_classical(study: Study, language: str) -> list[str]:
    """Return a sentence for every classical entry that could not be compared at all, for the headline."""
    told = study.facts.get("screening")
    if not told:
        return []
    lost = [
        (row["entry"], reason_text(language, next(iter(row["left_out"].values()))))
        for row in told["entries"]
        if row["kind"] == "classical" and not any(row["scores"].values()) and row["left_out"]
    ]
    return [phrase(language, "missing_classical", entries=name, reason=reason) for name, reason in lost]


def size_text(verdict: SizeVerdict, analysis: Analysis, language: str) -> str:
    """Return the paragraph for one label count."""
    table = analysis.tables[verdict.size]
    parts = []
    if verdict.best is None:
        parts.append(phrase(language, "no_entry_shown"))
    else:
        best = table.entries[verdict.best]
        score = with_interval(best.mean, verdict.low, verdict.high, analysis.limits)
        if verdict.compared > 1 and best.low == best.low:
            score += phrase(language, "picked", count=verdict.compared)
        said = "ahead_so_far" if verdict.few_draws else "use"
        parts.append(phrase(language, said, entry=verdict.best, score=score, needed=FLIPPED))
        parts += _clean_text(verdict, analysis.limits, language)
        if verdict.peers:
            parts.append(phrase(language, "peers", entries=listed(verdict.peers)))
        if verdict.cheaper:
            share = table.entries[verdict.cheaper].seconds / best.seconds
            parts.append(phrase(language, "cheaper", entry=verdict.cheaper, share=percent(share)))
        if verdict.unshown:
            parts.append(phrase(language, "unshown", entries=listed(verdict.unshown)))
    if verdict.unlearned:
        parts.append(
            phrase(
                language,
                "unlearned",
                entries=listed(verdict.unlearned),
                slight=signed(SLIGHT * analysis.unit, places(analysis.unit)),
            )
        )
    if verdict.size < analysis.classes:
        parts.append(phrase(language, "few_labels", size=f"{verdict.size:,}", classes=f"{analysis.classes:,}"))
    parts += _payoff_text(verdict.worth, analysis.limits, language)
    if verdict.worth.outcome == "undecided" and verdict.plan:
        parts += _plan_text(verdict.plan, analysis.limits, language)
    if verdict.labels and table.entries[verdict.labels.entry].learned:
        parts.append(_labels_text(verdict.labels, language))
    return " ".join(parts)


def _clean_text(verdict: SizeVerdict, limits: tuple[float, float], language: str) -> list[str]:
    """Return the score on rows without copies, where there are rows with copies."""
    if verdict.clean is None or verdict.contaminated is None:
        return []
    parts = verdict.clean, verdict.contaminated
    scores = [with_interval(one.mean, one.low, one.high, limits) for one in parts]
    rows = [f"{one.rows:,}" for one in parts]
    return [phrase(language, "clean", rows=rows[0], score=scores[0], others=rows[1], other=scores[1])]


def _plan_text(plan: Detectable, limits: tuple[float, float], language: str) -> list[str]:
    """Return what could have been found, and what it takes to find a difference worth having."""
    digits, pair = places(limits[1]), {"entry": plan.first, "other": plan.second}
    if math.isfinite(plan.value):
        out = [phrase(language, "detectable", **pair, value=number(plan.value, digits))]
    else:
        out = [phrase(language, "detectable_none", **pair)]
    wanted = number(plan.wanted, digits)
    if plan.more_draws:
        out.append(phrase(language, "more_draws", draws=plan.more_draws, wanted=wanted))
    if plan.more_rows:
        out.append(phrase(language, "more_rows", rows=f"{plan.more_rows:,}", wanted=wanted))
    if plan.more_draws is None and plan.more_rows is None:
        out.append(phrase(language, "more_nothing", wanted=wanted))
    return out


def _labels_text(worth: LabelWorth, language: str) -> str:
    """Return the worth in labels; a value beyond the measured range is called so."""
    fewest, most = (f"{end:,}" for end in worth.measured)
    below, above = phrase(language, "labels_below", labels=fewest), phrase(language, "labels_above", labels=most)
    value = {"below": below, "above": above}.get(worth.side) or phrase(
        language, "labels_about", labels=two_digits(worth.value, worth.measured)
    )
    told = {"entry": worth.entry, "size": f"{worth.size:,}", "value": value}
    if worth.surely_beyond:
        return phrase(language, "labels_surely", **told)
    low = below if worth.low is None else two_digits(worth.low, worth.measured)
    high = above if worth.high is None else two_digits(worth.high, worth.measured)
    return phrase(language, "labels_worth", **told, low=low, high=high)


def worth_span(worth: LabelWorth) -> str:
    """Return the worth in labels with its interval; ends beyond the measured range are open."""
    fewest, most = (f"{end:,}" for end in worth.measured)
    value = {"below": f"< {fewest}", "above": f"> {most}"}.get(worth.side) or two_digits(worth.value, worth.measured)
    if worth.surely_beyond:
        return value
    low = f"< {fewest}" if worth.low is None else two_digits(worth.low, worth.measured)
    high = f"> {most}" if worth.high is None else two_digits(worth.high, worth.measured)
    return f"{value} [{low}, {high}]"


def outlook_text(found: Outlook | None, language: str, limits: tuple[float, float] = (0.0, 1.0)) -> str:
    """Return what is expected at more labels, or nothing."""
    if found is None:
        return ""
    told = [f"{one.entry} {with_interval(one.value, one.low, one.high, limits)}" for one in found.entries]
    parts = [phrase(language, "outlook", labels=counted(language, [found.labels]), entries="; ".join(told))]
    if meet := found.crossover:
        names = {"first": meet.first, "second": meet.second, "limit": f"{meet.limit:,}"}
        if meet.value is None:
            parts.append(phrase(language, "crossover_none", chance=percent(meet.chance), **names))
        else:
            high = (
                phrase(language, "labels_above", labels=f"{meet.limit:,}")
                if meet.high is None
                else two_digits(meet.high)
            )
            span = {"value": two_digits(meet.value), "low": two_digits(meet.low), "high": high}
            parts.append(phrase(language, "crossover", **names, **span))
    return " ".join(parts)


def _payoff_text(payoff: Payoff, limits: tuple[float, float], language: str) -> list[str]:
    """Return whether pre-training paid, with the two differences that count. limits: of the metric."""
    if payoff.outcome == "none":
        return []
    out = [phrase(language, f"size_{payoff.outcome}")]
    for name, lead in (("classical", payoff.classical), ("control", payoff.control)):
        if lead:
            told = signed_with_interval(lead.value, lead.low, lead.high, limits)
            wins = f"{lead.wins}/{lead.draws}"
            out.append(phrase(language, f"against_{name}", entry=lead.first, other=lead.second, lead=told, wins=wins))
    if payoff.reason:
        told = {"margin": signed(MARGIN * limits[1], places(limits[1])), "needed": FLIPPED}
        told["draws"] = payoff.classical.draws if payoff.classical else 0
        out.append(phrase(language, f"because_{payoff.reason}", **told))
    return out
