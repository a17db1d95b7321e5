"""The HTML page of a report: one file, the verdict first, then the evidence, then what it takes to check it."""

from __future__ import annotations

from html import escape

from headstart.evaluation import appendix, charts, html, tables
from headstart.evaluation.summary import Findings, caveats
from headstart.evaluation.verdict import SizeVerdict, headline, outlook_text, size_text
from headstart.evaluation.words import counted, duration, led, listed, rounded, say, spanned
from headstart.evaluation.worth import LabelWorth


def page(found: Findings, language: str) -> str:
    """Return the whole page as text; all names and class labels are escaped."""
    facts = found.study.facts
    parts = [_verdict(found, language), _audit(found, language)]
    if found.analysis.tables:
        if "ablation" in facts:
            parts.append(_effects(found, language))
        parts += [tables.scores(found, language), _figures(found, language), tables.slice_tables(found, language)]
        parts += [tables.calibrated(found, language), tables.confusions(found, language), tables.power(found, language)]
    listed = html.bullets(caveats(found.study, found.analysis, language))
    parts += [appendix.absent(found, language), html.section(say(language, "caveats"), listed)]
    parts += [appendix.budget(found, language), appendix.receipts(found, language), appendix.data(found, language)]
    parts += [appendix.chosen(found, language), appendix.settings(found, language)]
    return html.document(_title(found, language), "".join(parts), language)


def _title(found: Findings, language: str) -> str:
    if "ablation" in found.study.facts:
        return say(language, "title_ablation")
    pretrained = any(facts.kind == "pretrained" for facts in found.study.rows)
    return say(language, "title" if pretrained else "title_none")


def _verdict(found: Findings, language: str) -> str:
    """Return what a manager reads: what to use, whether pre-training paid, what it costs; then the same in words."""
    study, facts = found.study, found.study.facts
    if "ablation" in facts:
        lines = _ablation_lines(found, language)
    elif not found.verdicts:
        lines = [_paragraph(say(language, "nothing_finished"), "head")]
    else:
        lines = _compared_lines(found, language)
    if folds := facts.get("settings", {}).get("folds"):
        rows = f"{len(study.truth_N):,}"
        lines.append(_paragraph(say(language, "folds", folds=folds, rows=rows, draws=study.draws), "note"))
    if study.stopped:
        planned = len(study.rows) * len(study.sizes) * study.draws
        told = say(language, f"stopped_{study.stopped}", done=len(study.cells), all=planned)
        lines.append(_paragraph(told, "note"))
    return f'<section class="verdict" aria-label="{escape(say(language, "verdict"))}">{"".join(lines)}</section>'


def _paragraph(words: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(words)}</p>' if kind else f"<p>{escape(words)}</p>"


def _ablation_lines(found: Findings, language: str) -> list[str]:
    """Return which change helped; whether pre-training paid was not asked."""
    told = found.study.facts["ablation"]
    sure = {"better": {}, "worse": {}}
    for one in told["effects"]:
        sure.get(one["claim"], {}).setdefault(one["size"], []).append(one["change"])
    lines = [
        say(language, f"ablation_{claim}", labels=counted(language, [size]), changes=listed(changes))
        for claim, by_size in sure.items()
        for size, changes in by_size.items()
    ]
    if told["effects"] and not sure["better"]:
        lines.insert(0, say(language, "ablation_undecided"))
    first, *others = told["sentences"][language].splitlines()
    return [*(_paragraph(line, "head") for line in lines), *map(_paragraph, others), _paragraph(first, "note")]


def _compared_lines(found: Findings, language: str) -> list[str]:
    facts, verdicts = found.study.facts, found.verdicts
    lines = [_paragraph(headline(verdicts, language, facts), "head")]
    if "skipped" not in (facts.get("audit") or {"skipped": True}):  # as for the headline
        lines = [_paragraph(words, "head") for words in _ship(found, language)] + lines
        lines += [_glance(found, language), _cost(found, language)]
    texts = [(one.size, size_text(one, found.analysis, language)) for one in verdicts]
    *others, last = [f"<p><b>{escape(counted(language, [size]))}.</b> {escape(text)}</p>" for size, text in texts]
    ahead = outlook_text(found.outlook, language)
    lines += [last, _paragraph(ahead) if ahead else ""]
    return [*lines, html.folded(say(language, "in_words"), "".join(others))]


def _ship(found: Findings, language: str) -> list[str]:
    """Return which row to use, label counts with the same one together."""
    sizes: dict[str, list[int]] = {}
    for one in found.verdicts:
        if one.best:
            sizes.setdefault(one.best, []).append(one.size)
    return [say(language, "ship", row=row, labels=counted(language, own)) for row, own in sizes.items()]


def _cost(found: Findings, language: str) -> str:
    """Return what the best row at the most labels costs, with its base."""
    best = found.verdicts[-1].best
    if best is None:
        return ""
    row = found.last.rows[best]
    told = {"row": best, "labels": counted(language, [found.last.size]), "time": duration(language, row.seconds)}
    words = say(language, "costs", **told)
    base = next(facts.base for facts in found.study.rows if facts.name == best)
    if seconds := found.study.facts.get("bases", {}).get(base, {}).get("seconds"):
        words += f" {say(language, 'costs_base', time=duration(language, seconds))}"
    return _paragraph(words)


def _glance(found: Findings, language: str) -> str:
    """Return the verdict as a table, a line per label count."""
    clean = any(one.clean for one in found.verdicts)
    paid = any(one.worth.outcome != "none" for one in found.verdicts)
    worth = any(one.labels for one in found.verdicts)
    titles = ["label_count", "use_row", "score", *(["clean_score"] if clean else []), *(["paid"] if paid else [])]
    titles += [*(["worth_labels"] if worth else []), "time"]
    kinds = ["", "left name", *["" if name == "paid" else "span" for name in titles[2:]]]
    lines = []
    for one in found.verdicts:
        table = found.analysis.tables[one.size]
        row = table.rows.get(one.best)
        cells = [f"{one.size:,}", one.best or "–", spanned(row.mean, one.low, one.high) if row else "–"]
        if clean:
            cells.append(spanned(one.clean.mean, one.clean.low, one.clean.high) if one.clean else "–")
        if paid:
            cells.append(_paid(one, language))
        if worth:
            learned = one.labels and table.rows[one.labels.row].learned
            cells.append(_worth(one.labels, language) if learned else "–")
        lines.append(html.row([*cells, f"{row.seconds:.1f}" if row else "–"], kinds))
    head = html.row([say(language, name) for name in titles], ["", "left"], tag="th")
    note = html.note(say(language, "glance_note")) if paid or worth else ""
    return html.table("glance", head, [lines], "glance") + note


def _paid(verdict: SizeVerdict, language: str) -> str:
    told, lead = say(language, f"paid_{verdict.worth.outcome}"), verdict.worth.classical
    span = led(lead.value, lead.low, lead.high).replace(" ", "\N{NO-BREAK SPACE}") if lead else ""
    return f"{told}, {span}" if lead else told


def _worth(worth: LabelWorth, language: str) -> str:
    """Return the worth in labels with its interval; ends outside of what was measured are open."""
    fewest, most = (f"{end:,}" for end in worth.measured)
    value = {"below": f"< {fewest}", "above": f"> {most}"}.get(worth.side) or rounded(worth.value)
    low = f"< {fewest}" if worth.low is None else rounded(worth.low)
    high = f"> {most}" if worth.high is None else rounded(worth.high)
    return f"{value} [{low}, {high}]"


def _audit(found: Findings, language: str) -> str:
    """Return what the audit found, or that there was none."""
    facts = found.study.facts.get("audit") or {"skipped": True}
    lines = facts.get("sentences", {}).get(language, [])
    if "waived" in facts:
        lines = [say(language, "audit_was_waived")]
    elif "skipped" in facts:
        lines = [*lines, say(language, "audit_was_skipped")]
    identity = facts.get("identity")
    told = html.note(say(language, "audit_identity", identity=identity)) if identity else ""
    return html.section(say(language, "audit"), html.bullets(lines), told)


def _effects(found: Findings, language: str) -> str:
    told = found.study.facts["ablation"]
    if not told["effects"]:
        return ""
    note = html.note(say(language, "effects_note", plain=told["plain"]))
    picture = f"<figure>{charts.effects(found, language)}</figure>"
    return html.section(say(language, "effects"), note, picture, tables.effect_table(found, language))


def _figures(found: Findings, language: str) -> str:
    labels = counted(language, [found.last.size])
    ahead = f" {say(language, 'forecast_note')}" if found.forecast else ""
    drawn = [("curve", charts.curve(found, language), ahead)]
    if "ablation" not in found.study.facts:
        drawn.append(("paired", charts.paired(found, language), ""))
    drawn.append(("cost", charts.cost(found, language), ""))
    out = []
    for name, svg, more in drawn:
        note = html.note(say(language, f"{name}_note") + more)
        out.append(f"<figure>{html.section(say(language, name, labels=labels), note, svg)}</figure>" if svg else "")
    return "".join(out)
