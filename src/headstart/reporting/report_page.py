"""The HTML page of a report: the verdict first, then the evidence, then what a reader needs to check it."""

from __future__ import annotations

from html import escape

from headstart.comparing.exhibits import Exhibits
from headstart.comparing.verdict import SizeVerdict
from headstart.core.item_nouns import some_items
from headstart.reporting import appendix, charts, gallery, markup, tables
from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import listed, signed_with_interval, two_digits, with_interval
from headstart.reporting.phrases import counted, duration, phrase
from headstart.reporting.remarks import caveats
from headstart.reporting.screening_part import screening
from headstart.reporting.verdict_text import headline, missing_classical, outlook_text, size_text
from headstart.statistics.worth import LabelWorth


def report_page(found: StudyFindings, language: str, shown: Exhibits) -> str:
    """Return the whole page as text; all names and class labels are escaped. shown: what is at hand of the data."""
    facts = found.study.facts
    parts = [_verdict(found, language), _audit(found, language)]
    if found.analysis.tables:
        if "ablation" in facts:
            parts.append(_effects(found, language))
        parts += [tables.scores(found, language), _figures(found, language), tables.slice_tables(found, language)]
        parts += [tables.calibrated(found, language), tables.confusions(found, language)]
        parts += [gallery.mistakes(found, shown, language), tables.power(found, language)]
    parts.append(gallery.seen(shown, language))
    parts.append(screening(found, language))
    told = markup.bullets(caveats(found.study, found.analysis, language))
    parts += [appendix.absent(found, language), markup.section(phrase(language, "caveats"), told)]
    parts += [appendix.budget(found, language), appendix.receipts(found, language), appendix.data(found, language)]
    parts += [appendix.chosen(found, language), appendix.settings(found, language)]
    return markup.document(_title(found, language), "".join(parts), language)


def _title(found: StudyFindings, language: str) -> str:
    if "ablation" in found.study.facts:
        return phrase(language, "title_ablation")
    pretrained = any(facts.kind == "pretrained" for facts in found.study.entries)
    return phrase(language, "title" if pretrained else "title_none")


def _verdict(found: StudyFindings, language: str) -> str:
    """Return the part that decides: what to use, whether pre-training paid, what it costs; then the same in words."""
    study, facts = found.study, found.study.facts
    if "ablation" in facts:
        lines = _ablation_lines(found, language)
    elif not found.verdicts:
        lines = [_paragraph(phrase(language, "nothing_finished"), "head")]
    else:
        lines = _compared_lines(found, language)
    if folds := facts.get("settings", {}).get("folds"):
        rows = f"{study.test_rows:,}"
        lines.append(_paragraph(phrase(language, "folds", folds=folds, rows=rows, draws=study.draws), "note"))
    if study.stopped and not (study.questions and study.stopped == "time"):  # draws are as many as the time allows
        planned = len(study.entries) * len(study.sizes) * study.draws
        told = phrase(language, f"stopped_{study.stopped}", done=len(study.cells), all=planned)
        lines.append(_paragraph(told, "note"))
    return f'<section class="verdict" aria-label="{escape(phrase(language, "verdict"))}">{"".join(lines)}</section>'


def _paragraph(words: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(words)}</p>' if kind else f"<p>{escape(words)}</p>"


def _ablation_lines(found: StudyFindings, language: str) -> list[str]:
    """Return which change helped; an ablation does not ask whether pre-training paid."""
    told = found.study.facts["ablation"]
    sure = {"better": {}, "worse": {}}
    for one in told["effects"]:
        sure.get(one["claim"], {}).setdefault(one["size"], []).append(one["change"])
    lines = [
        phrase(language, f"ablation_{claim}", labels=counted(language, [size]), changes=listed(changes))
        for claim, by_size in sure.items()
        for size, changes in by_size.items()
    ]
    if told["effects"] and not sure["better"]:
        lines.insert(0, phrase(language, "ablation_undecided"))
    first, *others = told["sentences"][language].splitlines()
    return [*(_paragraph(line, "head") for line in lines), *map(_paragraph, others), _paragraph(first, "note")]


def _compared_lines(found: StudyFindings, language: str) -> list[str]:
    facts, verdicts = found.study.facts, found.verdicts
    lines = [_paragraph(headline(verdicts, language, found.study), "head")]
    lines += map(_paragraph, missing_classical(found.study, language))
    if "skipped" not in (facts.get("audit") or {"skipped": True}):  # as for the headline
        lines = [_paragraph(words, "head") for words in _ship(found, language)] + lines
        lines += [_glance(found, language), _cost(found, language)]
    texts = [(one.size, size_text(one, found.analysis, language)) for one in verdicts]
    *others, last = [f"<p><b>{escape(counted(language, [size]))}.</b> {escape(text)}</p>" for size, text in texts]
    ahead = outlook_text(found.outlook, language, found.analysis.limits)
    lines += [last, _paragraph(ahead) if ahead else ""]
    return [*lines, markup.folded(phrase(language, "in_words"), "".join(others))]


def _ship(found: StudyFindings, language: str) -> list[str]:
    """Return which entry to use, label counts with the same entry together."""
    sizes: dict[str, list[int]] = {}
    for one in found.verdicts:
        if one.best:
            sizes.setdefault(one.best, []).append(one.size)
    return [phrase(language, "ship", entry=entry, labels=counted(language, own)) for entry, own in sizes.items()]


def _cost(found: StudyFindings, language: str) -> str:
    """Return what the best entry at the most labels costs, with its base."""
    best = found.verdicts[-1].best
    if best is None:
        return ""
    entry = found.last.entries[best]
    told = {"entry": best, "labels": counted(language, [found.last.size]), "time": duration(language, entry.seconds)}
    words = phrase(language, "costs", **told)
    base = next(facts.base for facts in found.study.entries if facts.name == best)
    if seconds := found.study.facts.get("bases", {}).get(base, {}).get("seconds"):
        words += f" {phrase(language, 'costs_base', time=duration(language, seconds))}"
    return _paragraph(words)


def _glance(found: StudyFindings, language: str) -> str:
    """Return the verdict as a table, a line per label count."""
    limits = found.analysis.limits
    clean = any(one.contaminated for one in found.verdicts)
    paid = any(one.worth.outcome != "none" for one in found.verdicts)
    worth = any(one.labels for one in found.verdicts)
    titles = ["label_count", "use_row", "score", *(["clean_score"] if clean else []), *(["paid"] if paid else [])]
    titles += [*(["worth_labels"] if worth else []), "time"]
    kinds = ["", "left name", *["" if name == "paid" else "span" for name in titles[2:]]]
    lines = []
    for one in found.verdicts:
        table = found.analysis.tables[one.size]
        entry = table.entries.get(one.best)
        cells = [
            f"{one.size:,}",
            one.best or "–",
            with_interval(entry.mean, one.low, one.high, limits) if entry else "–",
        ]
        if clean:
            cells.append(with_interval(one.clean.mean, one.clean.low, one.clean.high, limits) if one.clean else "–")
        if paid:
            cells.append(_paid(one, limits, language))
        if worth:
            learned = one.labels and table.entries[one.labels.entry].learned
            cells.append(_worth(one.labels, language) if learned else "–")
        lines.append(markup.table_row([*cells, f"{entry.seconds:.1f}" if entry else "–"], kinds))
    head = markup.table_row([phrase(language, name) for name in titles], ["", "left"], tag="th")
    note = markup.note(phrase(language, "glance_note")) if paid or worth else ""
    return markup.table("glance", head, [lines], "glance") + note


def _paid(verdict: SizeVerdict, limits: tuple[float, float], language: str) -> str:
    told, lead = phrase(language, f"paid_{verdict.worth.outcome}"), verdict.worth.classical
    if not lead:
        return told
    span = signed_with_interval(lead.value, lead.low, lead.high, limits).replace(" ", "\N{NO-BREAK SPACE}")
    return f"{told}, {span}"


def _worth(worth: LabelWorth, language: str) -> str:
    """Return the worth in labels with its interval; ends beyond the measured range are open."""
    fewest, most = (f"{end:,}" for end in worth.measured)
    value = {"below": f"< {fewest}", "above": f"> {most}"}.get(worth.side) or two_digits(worth.value, worth.measured)
    if worth.surely_beyond:
        return value
    low = f"< {fewest}" if worth.low is None else two_digits(worth.low, worth.measured)
    high = f"> {most}" if worth.high is None else two_digits(worth.high, worth.measured)
    return f"{value} [{low}, {high}]"


def _audit(found: StudyFindings, language: str) -> str:
    """Return what the audit found, or that there was none."""
    facts = found.study.facts.get("audit") or {"skipped": True}
    lines = facts.get("sentences", {}).get(language, [])
    items = some_items(found.takes, language)
    if "waived" in facts:
        lines = [phrase(language, "audit_was_waived", items=items)]
    elif "skipped" in facts:
        lines = [*lines, phrase(language, "audit_was_skipped", items=items)]
    identity = facts.get("identity")
    told = markup.note(phrase(language, "audit_identity", identity=identity)) if identity else ""
    return markup.section(phrase(language, "audit"), markup.bullets(lines), told)


def _effects(found: StudyFindings, language: str) -> str:
    told = found.study.facts["ablation"]
    if not told["effects"]:
        return ""
    note = markup.note(phrase(language, "effects_note", unchanged=told["unchanged"]))
    picture = f"<figure>{charts.effects(found, language)}</figure>"
    return markup.section(phrase(language, "effects"), note, picture, tables.effect_table(found, language))


def _figures(found: StudyFindings, language: str) -> str:
    labels = counted(language, [found.last.size])
    ahead = f" {phrase(language, 'forecast_note')}" if found.forecast else ""
    drawn = [("curve", charts.curve(found, language), ahead)]
    if "ablation" not in found.study.facts:
        drawn.append(("paired", charts.paired(found, language), ""))
    drawn.append(("cost", charts.cost(found, language), ""))
    out = []
    for name, svg, more in drawn:
        note = markup.note(phrase(language, f"{name}_note") + more)
        out.append(
            f"<figure>{markup.section(phrase(language, name, labels=labels), note, svg)}</figure>" if svg else ""
        )
    return "".join(out)
