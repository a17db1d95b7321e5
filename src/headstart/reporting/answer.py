"""What a reader wants first, on the page and in the terminal: the answer, the finalists, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import listed, number, percent, places, two_digits, with_interval
from headstart.reporting.phrases import counted, duration, phrase
from headstart.reporting.target_text import target_text
from headstart.reporting.verdict_text import headline
from headstart.statistics.analysis import FLIPPED, EntrySummary

MOST_ROWS = 6  # of the table of finalists
_LEVEL = 0.01  # of the whole fall of a loss: less than that in the last fifth is called level


@dataclass(frozen=True)
class Finalist:
    """A line of the table: scores by label count, None where there is none; best: label counts where it is chosen."""

    entry: str
    role: str
    scores: tuple[EntrySummary | None, ...]
    best: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One thing to do next; command: the line that does it, or an empty text."""

    title: str
    words: str
    command: str = ""


def audited(found: StudyFindings) -> bool:
    """Whether advice may be given: the data were audited, or the reader waived the audit."""
    return "skipped" not in (found.study.facts.get("audit") or {"skipped": True})


def answer(found: StudyFindings, language: str) -> list[str]:
    """Return the answer: was pre-training worth it; what to use; which score to expect."""
    study = found.study
    if "ablation" in study.facts:
        return _changes(found, language)
    if not found.verdicts:
        return [phrase(language, "nothing_finished")]
    out = [headline(found.verdicts, language, study)]
    if audited(found):
        out += _use(found, language)
    target = target_text(found.target, language, found.analysis.limits, study.facts.get("target"))
    return [*out, *([target] if target else [])]


def _use(found: StudyFindings, language: str) -> list[str]:
    """Return which entry to use, label counts with the same entry together, and the score at the most labels."""
    sizes: dict[str, list[int]] = {}
    for one in found.verdicts:
        if one.best and not one.few_draws:
            sizes.setdefault(one.best, []).append(one.size)
    last = found.verdicts[-1]
    if not sizes and last.best is None:
        return [phrase(language, "no_entry_shown")]
    alone = len(sizes) == 1 and len(found.verdicts) > 1
    out = [
        phrase(language, "ship_always" if alone else "ship", entry=entry, labels=counted(language, own))
        for entry, own in sizes.items()
    ]
    if last.best:
        entry = found.last.entries[last.best]
        told = {"metric": found.study.metric.name, "labels": counted(language, [found.last.size])}
        told["score"] = with_interval(entry.mean, entry.low, entry.high, found.analysis.limits)
        said = "ahead_so_far" if last.few_draws else "expect"
        out.append(phrase(language, said, entry=last.best, needed=FLIPPED, **told))
    return out


def _changes(found: StudyFindings, language: str) -> list[str]:
    """Return which change helped; an ablation does not ask whether pre-training paid."""
    told = found.study.facts["ablation"]["effects"]
    sure: dict[tuple[str, int], list[str]] = {}
    for one in told:
        if one["claim"] != "undecided":
            sure.setdefault((one["claim"], one["size"]), []).append(one["change"])
    out = [
        phrase(language, f"ablation_{claim}", labels=counted(language, [size]), changes=listed(changes))
        for (claim, size), changes in sorted(sure.items())
    ]
    if not told:
        return [phrase(language, "ablation.none")]
    return out if any(claim == "better" for claim, _ in sure) else [phrase(language, "ablation_undecided"), *out]


def finalists(found: StudyFindings, language: str) -> list[Finalist]:
    """Return the at most six lines of the table, the best at the most labels first."""
    if found.last is None:
        return []
    tables = found.analysis.tables
    cheaper = [one.cheaper for one in found.verdicts if one.cheaper]
    names = [one.best for one in reversed(found.verdicts)] + found.telling + cheaper[-1:]
    for kind in ("pretrained", "classical"):
        names += [best.entry for table in tables.values() if (best := table.best(kind))]
    names += list(found.last.entries)
    named = [name for name in dict.fromkeys(names) if name][:MOST_ROWS]
    kinds = {facts.name: facts.kind for facts in found.study.entries}
    order = [*found.last.entries, *named]
    out = []
    for name in sorted(named, key=order.index):
        role = phrase(language, f"role_{kinds[name]}")
        if name in cheaper:
            role += f", {phrase(language, 'role_cheaper')}"
        chosen = [one.size for one in found.verdicts if one.best == name and not one.few_draws]
        best = tuple(chosen) if audited(found) else ()
        out.append(Finalist(name, role, tuple(table.entries.get(name) for table in tables.values()), best))
    return out


def steps(found: StudyFindings, language: str) -> list[Step]:
    """Return what to do next, as far as it is known: labels, draws, pre-training."""
    if not found.verdicts or "ablation" in found.study.facts:
        return []
    return [*_labels(found, language), *_draws(found, language), *_pretraining(found, language)]


def winner_steps(found: StudyFindings, language: str) -> list[Step]:
    """Return what to do with the model that was left behind, by commands from the folder of the report."""
    facts, out = found.study.facts, []
    if told := facts.get("next"):
        out.append(Step(phrase(language, "next_rows"), phrase(language, "next_rows_told"), told["command"]))
    if told := facts.get("winner"):
        words = phrase(language, "next_use_told", entry=told["entry"], rows=f"{told['rows']:,}")
        out.append(Step(phrase(language, "next_use"), words, told["command"]))
    return out


def _labels(found: StudyFindings, language: str) -> list[Step]:
    """Return what two and four times the most labels would bring."""
    best, limits = found.verdicts[-1].best, found.analysis.limits
    told = [
        phrase(
            language,
            "next_labels_told",
            labels=counted(language, [one.labels]),
            score=with_interval(one.value, one.low, one.high, limits),
        )
        for one in found.forecast.get(best, ())
    ]
    return [Step(phrase(language, "next_labels", entry=best), " ".join(told))] if told else []


def _draws(found: StudyFindings, language: str) -> list[Step]:
    """Return what it takes to decide what is not decided, at the most labels where something is open."""
    undecided = [one for one in found.verdicts if one.worth.outcome == "undecided" and one.plan]
    if not undecided:
        return []
    one = undecided[-1]
    if one.few_draws:  # whatever the plan says of draws, so few decide nothing
        draws = len(found.analysis.tables[one.size].draws)
        words = phrase(language, "because_few_draws", draws=draws, needed=FLIPPED)
        return [Step(phrase(language, "next_draws"), words)]
    told = {"wanted": number(one.plan.wanted, places(found.analysis.unit)), "labels": counted(language, [one.size])}
    if one.plan.more_draws:
        each = sum(entry.seconds for entry in found.analysis.tables[one.size].entries.values())
        told["time"] = duration(language, each * one.plan.more_draws)
        words = phrase(language, "next_draws_told", draws=f"{one.plan.more_draws:,}", **told)
    elif one.plan.more_rows:
        words = phrase(language, "next_test_told", rows=two_digits(one.plan.more_rows), **told)
    else:
        words = phrase(language, "next_both_told", **told)
    return [Step(phrase(language, "next_draws"), words)]


def _pretraining(found: StudyFindings, language: str) -> list[Step]:
    """Return whether the held-out loss of the best entry's base was still falling; nothing where it is not known."""
    best = found.verdicts[-1].worth.entry or found.verdicts[-1].best
    base = next((facts.base for facts in found.study.entries if facts.name == best), None)
    fall = found.study.facts.get("bases", {}).get(base, {}).get("held_out")
    if not fall or not fall["first"] > fall["last"]:
        return []
    share = (fall["before"] - fall["last"]) / (fall["first"] - fall["last"])
    values = {"base": base, "before": f"{fall['before']:.3f}", "last": f"{fall['last']:.3f}", "share": percent(share)}
    name = "next_pretraining_falling" if share >= _LEVEL else "next_pretraining_level"
    return [Step(phrase(language, "next_pretraining"), phrase(language, name, **values))]
