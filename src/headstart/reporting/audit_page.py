"""The HTML page of an audit: one file that opens offline; the sentences first, then every finding by file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from headstart.auditing.audit import Audit
from headstart.core.errors import HeadstartError
from headstart.core.item_nouns import one_item
from headstart.images.contact_sheet import thumbnail
from headstart.images.decode import decode
from headstart.reporting import markup
from headstart.reporting.audit_text import audit_sentences, script_name
from headstart.reporting.number_text import percent_tenths
from headstart.reporting.phrases import LANGUAGES

_STYLE = """
:root{--paper:#fff;--ink:#1b1b1b;--soft:#5f6368;--line:#dcdfe3;--panel:#f5f7f9;--mark:#0072b2}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#eceff1;--soft:#a4abb3;--line:#343a41;--panel:#1f242a;
--mark:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif;word-break:keep-all;
overflow-wrap:anywhere}
main{max-width:62rem;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1.2rem}h2{font-size:1.15rem;margin:2.4rem 0 .4rem}
.verdict{background:var(--panel);border-left:4px solid var(--mark);padding:.6rem 1.2rem;border-radius:4px}
.verdict p{margin:.5rem 0}.verdict p:first-child{font-weight:650}
.note{color:var(--soft);font-size:.86rem;margin:.2rem 0 .7rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.32rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th,td{overflow-wrap:normal}td.item{overflow-wrap:anywhere}td.number,th.number{text-align:right;white-space:nowrap}.where{color:var(--soft);white-space:nowrap}
td img{display:inline-block;margin-right:4px;vertical-align:middle;border:1px solid var(--line);
image-rendering:pixelated}
details{margin:.5rem 0}summary{cursor:pointer;font-weight:600}
@media print{body{font-size:11pt}main{max-width:none;padding:0}details>*{display:block}}
"""
# What a profile may hold: quantiles by name, and shares by name.
_SPANS, _SHARES = ("characters", "words", "width", "height", "bytes"), ("scripts", "channels")
_THUMBNAIL, _MOST_THUMBNAILS = 64, 200_000  # px of a side; bytes of all of them on one page
_PHRASES = {
    "title": ("What is in the data?", "데이터에 무엇이 들어 있나?"),
    "profile": ("Profile", "데이터 개요"),
    "split": ("Split", "구분"),
    "rows": ("Rows", "행"),
    "characters": ("Characters: median (5–95 %)", "글자 수: 중앙값 (5–95 %)"),
    "words": ("Words: median (5–95 %)", "어절 수: 중앙값 (5–95 %)"),
    "empty_text": ("Empty", "빈 행"),
    "empty_image": ("One colour all over", "한 가지 색뿐"),
    "scripts": ("Letters", "문자"),
    "width": ("Width in pixels: median (5–95 %)", "너비(픽셀): 중앙값 (5–95 %)"),
    "height": ("Height: median (5–95 %)", "높이: 중앙값 (5–95 %)"),
    "bytes": ("Bytes: median (5–95 %)", "바이트: 중앙값 (5–95 %)"),
    "channels": ("Channels", "색"),
    "channels_1": ("grey", "흑백"),
    "channels_3": ("colour", "컬러"),
    "ends_text": ("Shortest and longest rows", "가장 짧은 행과 가장 긴 행"),
    "ends_image": ("Smallest and largest images", "가장 작은 이미지와 가장 큰 이미지"),
    "ledger": ("Rows read, used, skipped", "읽은 행, 사용한 행, 건너뛴 행"),
    "read": ("Read", "읽음"),
    "used": ("Used", "사용"),
    "skipped": ("Skipped", "건너뜀"),
    "copies": ("Copies of test rows in {where}", "{where} 안의 시험 행 복사본"),
    "copies_train": ("Copies of training rows in {where}", "{where} 안의 학습 행 복사본"),
    "single": ("Each {item} of a pair that is also in {where}", "{where}에도 있는 쌍의 개별 {item}"),
    "duplicates": ("Copies within {where}", "{where} 내부의 중복"),
    "exact": ("exact", "완전 일치"),
    "normalised": ("normalised", "정규화 후 일치"),
    "near": ("near", "거의 같음"),
    "groups": ("Groups on both sides", "양쪽에 있는 그룹"),
    "conflicts": ("Same {item}, different labels", "같은 {item}, 다른 라벨"),
    "errors": ("Labels to look at, worst first", "확인할 라벨 (가장 의심스러운 것부터)"),
    "label": ("Label", "라벨"),
    "rather": ("Rather", "추정 라벨"),
    "word": ("Word", "말"),
    "where": ("Where", "위치"),
    "copy_of": ("is a copy of", "원본"),
    "shift": ("Words that are commoner on one side", "한쪽에서 더 흔한 말"),
    "classes": ("Classes", "클래스"),
    "train": ("training data", "학습 데이터"),
    "test": ("test data", "시험 데이터"),
    "corpus": ("corpus", "라벨 없는 {item}"),
    "of": ("{shown} of {all} shown; all are counted.", "{all}개 중 {shown}개를 보입니다. 수는 모두 센 것입니다."),
    "identity": ("Identity of this audit (SHA-256)", "이 점검의 식별자 (SHA-256)"),
}


@dataclass
class _Voice:
    """What the parts of a page share: the audit, the language, and the bytes of pictures that the page holds so far."""

    audit: Audit
    language: str
    held: int = field(default=0, init=False)

    @property
    def takes(self) -> str:
        """What the items are, `text` or `image`."""
        return self.audit.data.get("takes", "text")

    def say(self, name: str, **values: object) -> str:
        """Return a phrase with the items called by their noun."""
        item = one_item(self.takes, self.language)
        return _PHRASES[name][LANGUAGES.index(self.language)].format(item=item, **values)

    @property
    def item(self) -> str:
        """The heading above items."""
        return one_item(self.takes, self.language).capitalize()

    def quote(self, row: dict[str, Any]) -> str:
        """Return the cell that quotes a row: its text, or its images while there is room for them, with their names."""
        images = []
        for image in self.audit.pictures.get((row["split"], row["row"]), ()):
            if self.held > _MOST_THUMBNAILS:
                break
            try:
                small = thumbnail(decode(image, side=_THUMBNAIL).pixels, _THUMBNAIL)
            except HeadstartError:  # it cannot be decoded, or is gone; the words say what it was
                continue
            self.held += len(small)
            images.append(markup.png(small, row["text"]))
        return f'<td class="item">{"".join(images)}{escape(row["text"])}</td>'


def audit_page(audit: Audit, language: str) -> str:
    """Return the whole page as text; all names, labels and texts are escaped."""
    voice, data = _Voice(audit, language), audit.data
    said = "".join(f"<p>{escape(line)}</p>" for line in audit_sentences(data, language))
    parts = [f'<section class="verdict">{said}</section>', _profiles(data, voice), _ledgers(data, voice)]
    parts += [_across(name, found, voice) for name, found in data["across"].items()]
    parts += [_groups(data.get("groups"), voice), _labels(data["labels"], voice), _shift(data["shift"], voice)]
    for name, split in data["splits"].items():
        parts.append(_kinds(voice.say("duplicates", where=voice.say(name)), split["duplicates"], voice))
        ends = [[_place(row), voice.quote(row)] for row in [*split["shortest"], *split["longest"]]]
        title = f"{voice.say(f'ends_{voice.takes}')}: {voice.say(name)}"
        parts.append(_fold(title, _table([voice.say("where"), voice.item], ends)))
    parts.append(f'<p class="note">{voice.say("identity")}: {audit.identity}</p>')
    title = escape(voice.say("title"))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = f"<main><h1>{title}</h1>{''.join(parts)}</main>"
    return (
        f'<!doctype html><html lang="{language}"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n'
    )


def _cell(value: object, number: bool = False) -> str:
    kind = ' class="number"' if number else ""
    return f"<td{kind}>{escape(str(value))}</td>"


def _place(row: dict[str, Any]) -> str:
    """Return where a row is: file and line, else split and number."""
    where = f"{row['file']}:{row['line']}" if "file" in row else f"{row['split']} {row['row']}"
    return f'<td class="where">{escape(where)}</td>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _fold(title: str, inner: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{inner}</details>"


def _profiles(data: dict[str, Any], voice: _Voice) -> str:
    """Return a table of the splits; its columns are what the kind of items has: characters, or widths of images."""
    shapes: dict[str, dict[str, Any]] = {}
    for name, split in data["splits"].items():
        both = "profile_second" in split
        shapes[voice.say(name) + " (1)" * both] = split["profile"]
        if both:
            shapes[voice.say(name) + " (2)"] = split["profile_second"]
    spans = [what for what in _SPANS if any(shape.get(what) for shape in shapes.values())]
    shares = [what for what in _SHARES if any(shape.get(what) for shape in shapes.values())]
    rows = []
    for name, shape in shapes.items():
        cells = [name, f"{shape['rows']:,}", *(_span(shape[what]) for what in spans), f"{shape['empty']:,}"]
        for what in shares:
            named = (
                (script_name(part, voice.language) if what == "scripts" else voice.say(f"{what}_{part}"), value)
                for part, value in list(shape[what].items())[:4]
            )
            cells.append(", ".join(f"{part} {percent_tenths(value)}" for part, value in named))
        rows.append([_cell(cell) for cell in cells])
    titles = [voice.say(name) for name in ("split", "rows", *spans, f"empty_{voice.takes}", *shares)]
    return f"<h2>{voice.say('profile')}</h2>" + _table(titles, rows)


def _span(quantiles: dict[str, float]) -> str:
    return f"{quantiles['0.5']:,.0f} ({quantiles['0.05']:,.0f}–{quantiles['0.95']:,.0f})" if quantiles else "–"


def _ledgers(data: dict[str, Any], voice: _Voice) -> str:
    rows = []
    for name, ledger in data["ledger"].items():
        if isinstance(ledger, dict) and "read" in ledger:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger["skipped"].items()) or "0"
            rows.append([_cell(v) for v in (voice.say(name), f"{ledger['read']:,}", f"{ledger['used']:,}", reasons)])
    names = [voice.say(name) for name in ("split", "read", "used", "skipped")]
    return f"<h2>{voice.say('ledger')}</h2>" + _table(names, rows) if rows else ""


def _across(name: str, found: dict[str, Any], voice: _Voice) -> str:
    titles = {"copies": "copies" if found["of"] == "test" else "copies_train", "single_texts": "single"}
    parts = [
        _kinds(voice.say(title, where=voice.say(name)), found[part], voice)
        for part, title in titles.items()
        if part in found
    ]
    return "".join(parts)


def _kinds(title: str, found: dict[str, Any], voice: _Voice) -> str:
    """Return a section with a table for each kind of copy that was found."""
    head = [voice.say("where"), voice.item, voice.say("copy_of"), voice.item]
    parts = []
    for kind in ("exact", "normalised", "near"):
        pairs, count = found[kind]["listed"], found[kind]["rows"]
        rows = [[_place(one), voice.quote(one), _place(other), voice.quote(other)] for one, other in pairs]
        if rows:
            inner = _table(head, rows) + _shown(len(rows), count, voice)
            parts.append(_fold(f"{voice.say(kind)}: {count:,}", inner))
        else:
            parts.append(f'<p class="note">{voice.say(kind)}: {count:,}</p>')
    return f"<h2>{escape(title)}</h2>{''.join(parts)}"


def _shown(shown: int, count: int, voice: _Voice) -> str:
    return f'<p class="note">{voice.say("of", shown=f"{shown:,}", all=f"{count:,}")}</p>' if shown < count else ""


def _groups(found: dict[str, Any] | None, voice: _Voice) -> str:
    if not found or not found["listed"]:
        return ""
    rows = [[_cell(row["group"]), _place(row), voice.quote(row)] for row in found["listed"]]
    inner = _table(["group", voice.say("where"), voice.item], rows) + _shown(len(rows), found["test_rows"], voice)
    return f"<h2>{voice.say('groups')}</h2>{_fold(str(found['groups']), inner)}"


def _labels(found: dict[str, Any], voice: _Voice) -> str:
    parts, head = [], [voice.say("label"), voice.say("where"), voice.item]
    if (conflicts := found.get("conflicts")) and conflicts["listed"]:
        flat = [row for group in conflicts["listed"] for row in group]
        rows = [[_cell(row["label"]), _place(row), voice.quote(row)] for row in flat]
        inner = _table(head, rows) + _shown(len(rows), conflicts["rows"], voice)
        parts.append(f"<h2>{voice.say('conflicts')}</h2>{_fold(str(conflicts['texts']), inner)}")
    errors = found.get("errors", {})
    if errors.get("listed"):
        rows = [
            [_cell(f"{row['label']} ({row['own']:.2f})"), _cell(f"{row['rather']} ({row['other']:.2f})")]
            + [_place(row), voice.quote(row)]
            for row in errors["listed"]
        ]
        head.insert(1, voice.say("rather"))
        inner = _table(head, rows) + _shown(len(rows), errors["rows"], voice)
        parts.append(f"<h2>{voice.say('errors')}</h2>{_fold(str(errors['rows']), inner)}")
    return "".join(parts)


def _shift(found: dict[str, Any], voice: _Voice) -> str:
    sides = found.get("texts", {}).get("words", {})
    rows = [
        [_cell(voice.say(side)), _cell(row["word"]), _cell(f"{row['train']:,}"), _cell(f"{row['test']:,}")]
        for side, items in sides.items()
        for row in items
    ]
    out = ""
    if rows:
        head = ["", voice.say("word"), voice.say("train"), voice.say("test")]
        out += f"<h2>{voice.say('shift')}</h2>{_table(head, rows)}"
    if classes := found.get("classes", {}).get("classes"):
        rows = [[_cell(name), *(_cell(percent_tenths(share)) for share in shares)] for name, shares in classes.items()]
        head = [voice.say("classes"), voice.say("train"), voice.say("test")]
        out += f"<h2>{voice.say('classes')}</h2>{_fold(str(len(rows)), _table(head, rows))}"
    return out
