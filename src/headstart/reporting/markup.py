"""HTML markup: a page that opens offline, prints, and follows light or dark setting; its tables and notes."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

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
th{font-weight:600;vertical-align:bottom}
th:first-child,td:first-child,.left{text-align:left}.name{overflow-wrap:anywhere;min-width:8rem}
th.last{min-width:10.5rem}.glance th,.glance td{padding:.32rem .45rem}
td.span{white-space:nowrap}tbody th{background:var(--panel)}
.short :first-child,.glance :first-child{min-width:0;white-space:nowrap}
tr.best td{font-weight:650}tr.out td{color:var(--soft)}
.confusion{width:auto}.confusion th,.confusion td{text-align:center;min-width:3rem}
.confusion td:first-child{text-align:left;min-width:0}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--soft);font-size:.9rem;padding:.2rem 0}
.receipts{columns:21rem;column-gap:2rem;font-size:.74rem;line-height:1.45;white-space:pre-wrap}
svg{display:block;width:100%;height:auto;margin:.4rem 0;font-size:12px}svg text{fill:var(--ink)}
svg .tick{fill:var(--soft)}svg .strong{font-weight:650}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .grid{stroke:var(--line)}svg .axis{stroke:var(--soft);stroke-width:1.5}svg .bar{stroke-width:2.5}
svg .leader{stroke-width:1;opacity:.5;stroke-dasharray:1 2}svg .curve{fill:none;stroke-width:2}svg .band{opacity:.12}
svg .beyond{fill:none;stroke-width:1.6;stroke-dasharray:3 3;opacity:.8}svg .front{fill:none;stroke:var(--soft);
stroke-width:1.2;stroke-dasharray:5 4}svg .shade{fill:var(--panel)}
pre{background:var(--panel);padding:.7rem 1rem;border-radius:4px;white-space:pre-wrap;font-size:.84rem}
.gallery{display:flex;flex-wrap:wrap;gap:.7rem;align-items:flex-start}
.gallery figure{max-width:13.5rem}.gallery img{display:inline-block;max-width:6rem;margin-right:3px;vertical-align:top;
border:1px solid var(--line);image-rendering:pixelated}
figcaption{max-width:6rem;font-size:.74rem;line-height:1.35;color:var(--soft);font-variant-numeric:tabular-nums}
@media (max-width:30rem){.gallery img,figcaption{max-width:4.6rem}}
figcaption b{color:var(--ink);font-weight:600}
li{margin:.25rem 0}figure{margin:0;break-inside:avoid}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#ccc;--panel:#f4f4f4;--c0:#0072b2;--c1:#c24e00;
--c2:#00795a;--c3:#b0578d;--c4:#a86f00;--c5:#2686b8;--c6:#444}body{font-size:11pt}main{max-width:none;padding:0}
.wide{overflow:visible}h2{break-after:avoid}tr{break-inside:avoid}}
"""


def document(title: str, body: str, language: str) -> str:
    """Return the whole page around the HTML `body`."""
    title = escape(title)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    head += f'<meta name="color-scheme" content="light dark"><title>{title}</title><style>{STYLE}</style>'
    inside = f"<body><main><h1>{title}</h1>{body}</main></body>"
    return f'<!doctype html><html lang="{language}"><head>{head}</head>{inside}</html>\n'


def section(heading: str, *parts: str) -> str:
    """Return parts of HTML under a heading, or an empty text where all parts are empty."""
    body = "".join(parts)
    return f"<section><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def note(words: str) -> str:
    """Return a paragraph in small print."""
    return f'<p class="note">{escape(words)}</p>' if words else ""


def bullets(lines: Iterable[str]) -> str:
    """Return a list."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def folded(summary: str, body: str) -> str:
    """Return HTML that is hidden until the reader clicks on its summary."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>" if body else ""


def table_row(cells: Sequence[str], kinds: Sequence[str] = (), kind: str = "", tag: str = "td") -> str:
    """Return a row of a table; kinds: CSS class of each cell, '' or missing for no class."""
    classes = [*kinds, *[""] * (len(cells) - len(kinds))]
    inside = "".join(
        f'<{tag} class="{one}">{escape(words)}</{tag}>' if one else f"<{tag}>{escape(words)}</{tag}>"
        for words, one in zip(cells, classes)
    )
    return f'<tr class="{kind}">{inside}</tr>' if kind else f"<tr>{inside}</tr>"


def spanning(words: str, columns: int) -> str:
    """Return a row of a table that is one heading over all columns."""
    return f'<tr><th colspan="{columns}" class="left">{escape(words)}</th></tr>'


def table(name: str, head: str, bodies: Iterable[Iterable[str]], kind: str = "") -> str:
    """Return a table with an id from its heading and groups of rows (see `table_row`); '' when there is no row."""
    groups = "".join(f"<tbody>{''.join(lines)}</tbody>" for lines in bodies)
    if not groups.replace("<tbody></tbody>", ""):
        return ""
    style = f' class="{kind}"' if kind else ""
    return f'<div class="wide"><table id="{name}"{style}><thead>{head}</thead>{groups}</table></div>'


def png(data: bytes, alt: str) -> str:
    """Return a PNG file as a picture that the page holds itself; alt: what it shows, in words."""
    return f'<img src="data:image/png;base64,{base64.b64encode(data).decode()}" alt="{escape(alt)}">'


def picture(images: Iterable[str], caption: Sequence[str] = ()) -> str:
    """Return images (see `png`) that belong together, above the lines of a caption."""
    first, *others = [escape(line) for line in caption] or [""]
    words = "<br>".join([f"<b>{first}</b>", *others])
    below = f"<figcaption>{words}</figcaption>" if caption else ""
    return f"<figure>{''.join(images)}{below}</figure>"


def gallery(pictures: Iterable[str]) -> str:
    """Return pictures (see `picture`) in as many columns as there is room for."""
    return f'<div class="gallery">{"".join(pictures)}</div>'


def facts(named: Mapping[str, Any]) -> str:
    """Return `name: value` pairs as one paragraph, nested ones flattened."""
    words = [f"{name}: {as_words(value)}" for name, value in named.items()]
    return note(" · ".join(words))


def as_words(value: Any) -> str:
    """Return JSON data as words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {as_words(inner)}" for name, inner in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_words, value)) or "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
