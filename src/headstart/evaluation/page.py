"""The HTML page of a report: one file that opens offline, prints, and follows the reader's light or dark setting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from headstart.evaluation import charts
from headstart.evaluation.analysis import Analysis, RowSummary, SizeTable
from headstart.evaluation.study import Study
from headstart.evaluation.summary import caveats, confusion, gathered_notes, remark
from headstart.evaluation.verdict import SizeVerdict, decide, headline, size_text
from headstart.evaluation.words import counted, number, say, signed

CONFUSION_CLASSES = 20

STYLE = """
:root{--paper:#fff;--ink:#1b1b1b;--soft:#5f6368;--line:#dcdfe3;--panel:#f5f7f9;
--c0:#0072b2;--c1:#c24e00;--c2:#00795a;--c3:#b0578d;--c4:#a86f00;--c5:#2686b8;--c6:#444}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#eceff1;--soft:#a4abb3;--line:#343a41;--panel:#1f242a;
--c0:#56b4e9;--c1:#ff8a3d;--c2:#2fc79a;--c3:#e39ac6;--c4:#e8b13c;--c5:#8fd0f5;--c6:#c9ced4}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif;word-break:keep-all;
overflow-wrap:anywhere}
main{max-width:62rem;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1.2rem}h2{font-size:1.15rem;margin:2.4rem 0 .4rem}
.verdict{background:var(--panel);border-left:4px solid var(--c0);padding:.9rem 1.2rem;border-radius:4px}
.verdict p{margin:.5rem 0}.verdict .head{font-size:1.15rem;font-weight:650}
.note{color:var(--soft);font-size:.86rem;margin:.2rem 0 .7rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.32rem .6rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
th,td{overflow-wrap:normal}td:first-child{overflow-wrap:anywhere;min-width:9.5rem}
.confusion td:first-child{min-width:0}th{font-weight:600;vertical-align:bottom}
th:first-child,td:first-child,.left{text-align:left}
th.last{min-width:9.5rem}td.span{white-space:nowrap}tbody th{background:var(--panel);text-align:left}
tr.best td{font-weight:650}tr.out td{color:var(--soft)}
.confusion{width:auto}.confusion th,.confusion td{text-align:center;min-width:3rem}
svg{display:block;width:100%;height:auto;margin:.4rem 0;font-size:12px}svg text{fill:var(--ink)}
svg .tick{fill:var(--soft)}svg .strong{font-weight:650}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .grid{stroke:var(--line)}svg .axis{stroke:var(--soft);stroke-width:1.5}svg .bar{stroke-width:2.5}
svg .leader{stroke-width:1;opacity:.45}svg .curve{fill:none;stroke-width:2}svg .band{opacity:.12}
pre{background:var(--panel);padding:.7rem 1rem;border-radius:4px;white-space:pre-wrap;font-size:.84rem}
li{margin:.25rem 0}figure{margin:0;break-inside:avoid}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#ccc;--panel:#f4f4f4;--c0:#0072b2;--c1:#c24e00;
--c2:#00795a;--c3:#b0578d;--c4:#a86f00;--c5:#2686b8;--c6:#444}body{font-size:11pt}main{max-width:none;padding:0}
.wide{overflow:visible}h2{break-after:avoid}tr,.verdict{break-inside:avoid}}
"""


def page(study: Study, analysis: Analysis, language: str) -> str:
    """Return the whole page as text; all names and class labels are escaped."""
    verdicts = decide(study, analysis)
    title = escape(say(language, "title"))
    parts = [_verdict(study, analysis, verdicts, language)]
    if analysis.tables:
        parts += [_scores(study, analysis, verdicts, language), *_figures(analysis, language)]
        parts.append(_confusion(study, verdicts, language))
    parts += [_chosen(study, language), _data(study, language), _settings(study, language)]
    items = "".join(f"<li>{escape(one)}</li>" for one in caveats(study, analysis, language))
    parts.append(f"<h2>{escape(say(language, 'caveats'))}</h2><ul>{items}</ul>")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    head += f'<meta name="color-scheme" content="light dark"><title>{title}</title><style>{STYLE}</style>'
    body = f"<main><h1>{title}</h1>{''.join(parts)}</main>"
    return f'<!doctype html><html lang="{language}"><head>{head}</head><body>{body}</body></html>\n'


def _verdict(study: Study, analysis: Analysis, verdicts: Sequence[SizeVerdict], language: str) -> str:
    if not verdicts:
        lines = [f'<p class="head">{escape(say(language, "nothing_finished"))}</p>']
    else:
        lines = [f'<p class="head">{escape(headline(verdicts, language))}</p>']
    for one in verdicts:
        label = escape(counted(language, [one.size]))
        lines.append(f"<p><b>{label}.</b> {escape(size_text(one, analysis, language))}</p>")
    if study.stopped:
        planned = len(study.rows) * len(study.sizes) * study.draws
        told = say(language, f"stopped_{study.stopped}", done=len(study.cells), all=planned)
        lines.append(f'<p class="note">{escape(told)}</p>')
    return f'<section class="verdict" aria-label="{escape(say(language, "verdict"))}">{"".join(lines)}</section>'


def _scores(study: Study, analysis: Analysis, verdicts: Sequence[SizeVerdict], language: str) -> str:
    columns = ("row", "mean", "interval", "sd", "difference", "time", "draws", "remark")
    head = "".join(f"<th>{escape(say(language, name))}</th>" for name in columns[:-1])
    head += f'<th class="left last">{escape(say(language, columns[-1]))}</th>'
    bodies = []
    for verdict in verdicts:
        table = analysis.tables[verdict.size]
        lines = [f'<tr><th colspan="8">{escape(counted(language, [table.size]))}</th></tr>']
        lines += [_score_line(study, row, table, verdict, language) for row in table.rows.values()]
        for name, reasons in study.failures.items():
            if table.size in reasons and name not in table.rows:
                told = escape(say(language, "remark_failed", reason=reasons[table.size]))
                lines.append(f'<tr class="out"><td>{escape(name)}</td><td colspan="7" class="left">{told}</td></tr>')
        bodies.append(f"<tbody>{''.join(lines)}</tbody>")
    values = {"metric": study.metric.name, "test": f"{len(study.truth_N):,}", "answer": analysis.constant_class}
    note = say(language, "scores_note", constant=number(analysis.constant), **values)
    heading = f"<h2>{escape(say(language, 'scores'))}</h2>{_note(note)}{_note(say(language, 'differences_note'))}"
    return f'{heading}<div class="wide"><table><thead><tr>{head}</tr></thead>{"".join(bodies)}</table></div>'


def _score_line(study: Study, row: RowSummary, table: SizeTable, verdict: SizeVerdict, language: str) -> str:
    classical = table.best("classical")
    lead = table.difference(row.row, classical.row) if classical and classical.row != row.row else None
    gap = f"{signed(lead.value)} [{signed(lead.low)}, {signed(lead.high)}]" if lead else "–"
    span = "–" if row.low != row.low else f"[{number(row.low)}, {number(min(row.high, 1.0))}]"
    cells = [number(row.mean), span, number(row.sd), gap, f"{row.seconds:.1f}", f"{len(row.scores)}"]
    kind = (
        ' class="best"'
        if row.row == verdict.best
        else ' class="out"'
        if row.row in (*verdict.unlearned, *verdict.unshown, "majority")
        else ""
    )
    middle = "".join(f'<td class="span">{cell}</td>' for cell in cells)
    told = escape(remark(study, row, table, verdict, language))
    return f'<tr{kind}><td>{escape(row.row)}</td>{middle}<td class="left">{told}</td></tr>'


def _figures(analysis: Analysis, language: str) -> Iterable[str]:
    labels = counted(language, [max(analysis.tables)])
    drawn = (
        ("curve", charts.curve(analysis, language)),
        ("paired", charts.paired(analysis, language)),
        ("cost", charts.cost(analysis, language)),
    )
    for name, picture in drawn:
        if picture:
            heading = f"<h2>{escape(say(language, name, labels=labels))}</h2>{_note(say(language, f'{name}_note'))}"
            yield f"<figure>{heading}{picture}</figure>"


def _confusion(study: Study, verdicts: Sequence[SizeVerdict], language: str) -> str:
    last = verdicts[-1]
    if last.best is None or len(study.classes) > CONFUSION_CLASSES:
        return ""
    counts_CC = confusion(study, last.best, last.size)
    shares = counts_CC / np.maximum(counts_CC.sum(1, keepdims=True), 1)
    head = "".join(f"<th>{escape(name)}</th>" for name in study.classes)
    lines = []
    for name, share_C in zip(study.classes, shares):
        cells = "".join(
            f'<td style="background:color-mix(in srgb,var(--c0) {share * 60:.0f}%,var(--paper))">{100 * share:.0f}</td>'
            for share in share_C
        )
        lines.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    heading = escape(say(language, "confusion", row=last.best, labels=counted(language, [last.size])))
    table = f'<table class="confusion"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    note = _note(say(language, "confusion_note"))
    return f'<figure><h2>{heading}</h2>{note}<div class="wide">{table}</div></figure>'


def _chosen(study: Study, language: str) -> str:
    notes = gathered_notes(study)
    lines = []
    for name, by_size in notes.items():
        for size, told in by_size.items():
            words = "; ".join(f"{key} {value}" for key, value in told.items())
            lines.append(f'<tr><td>{escape(name)}</td><td>{size}</td><td class="left">{escape(words)}</td></tr>')
    if not lines:
        return ""
    head = (
        f'<th>{escape(say(language, "row"))}</th><th>{escape(say(language, "axis_labels"))}</th><th class="left"></th>'
    )
    heading = f"<h2>{escape(say(language, 'chosen'))}</h2>{_note(say(language, 'chosen_note'))}"
    return (
        f'{heading}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _data(study: Study, language: str) -> str:
    counts = study.facts.get("classes", {})
    head = "".join(f"<th>{escape(say(language, name))}</th>" for name in ("class", "training", "test"))
    lines = [
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{counts[part][name]:,}</td>" for part in counts) + "</tr>"
        for name in study.classes[:50]
        if counts
    ]
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>" if lines else ""
    ledger = _facts(study.facts.get("data", {})) + _facts(study.facts.get("ledger", {}))
    ledger += "".join(_facts({name: _flat(receipt)}) for name, receipt in study.facts.get("bases", {}).items())
    return f'<h2>{escape(say(language, "data"))}</h2>{ledger}<div class="wide">{table}</div>'


def _settings(study: Study, language: str) -> str:
    shown = {"metric": study.metric.to_dict(), **study.facts.get("settings", {}), **study.facts.get("versions", {})}
    if "made" in study.facts:
        shown["made"] = study.facts["made"]
    out = f"<h2>{escape(say(language, 'settings'))}</h2>{_facts(shown)}"
    if command := study.facts.get("command"):
        out += f"<h2>{escape(say(language, 'rerun'))}</h2><pre>{escape(str(command))}</pre>"
    return out


def _flat(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of a base's receipt that fit in a line; report.json has the others."""
    return {name: value for name, value in receipt.items() if not isinstance(value, dict | list | tuple)}


def _facts(facts: dict[str, Any]) -> str:
    """Return `name: value` pairs as one paragraph, nested ones flattened."""
    words = [f"{escape(str(name))}: {escape(_plain(value))}" for name, value in facts.items()]
    return f'<p class="note">{" · ".join(words)}</p>' if words else ""


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _note(words: str) -> str:
    return f'<p class="note">{escape(words)}</p>'
