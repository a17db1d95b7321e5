"""The HTML page of an audit: one file that opens offline; the sentences first, then every finding by file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headstart.auditing.audit import Audit
from headstart.core.errors import HeadstartError
from headstart.core.item_nouns import one_item
from headstart.images.contact_sheet import thumbnail
from headstart.images.decode import decode
from headstart.reporting.audit_text import audit_sentences, part_words, script_name
from headstart.reporting.number_text import percent_tenths
from headstart.reporting.pages import fill
from headstart.reporting.phrases import named, phrase

# What a profile may hold: quantiles by name, and shares by name.
_SPANS, _SHARES = ("characters", "words", "width", "height", "bytes"), ("scripts", "channels")
_THUMBNAIL, _MOST_THUMBNAILS = 64, 200_000  # px of a side; bytes of all of them on one page


@dataclass
class _Pictures:
    """The images of quoted rows, while there is room for them; held: the bytes of those that the page has so far."""

    audit: Audit
    held: int = field(default=0, init=False)

    def __call__(self, row: dict[str, Any]) -> list[bytes]:
        """Return the images of a row as PNG files."""
        out = []
        for image in self.audit.pictures.get((row["split"], row["row"]), ()):
            if self.held > _MOST_THUMBNAILS:
                break
            try:
                out.append(thumbnail(decode(image, side=_THUMBNAIL).pixels, _THUMBNAIL))
            except HeadstartError:  # it cannot be decoded, or is gone; the words say what it was
                continue
            self.held += len(out[-1])
        return out


def audit_page(audit: Audit, language: str) -> str:
    """Return the whole page as text; all names, labels and texts are escaped."""
    data = audit.data
    takes = data.get("takes", "text")
    item = one_item(takes, language)
    told = {
        "a": lambda name, **values: phrase(language, f"audit_page.{name}", item=item, **values),
        "part_words": lambda name: part_words(data, name, language),
        "pictures": _Pictures(audit),
        "property": lambda name: named(language, "gate.property", name),
        "profiles": _profiles(data, takes, language),
        "sentences": audit_sentences(data, language),
    }
    return fill("audit.html.j2", language, data=data, takes=takes, item=item, identity=audit.identity, **told)


def _profiles(data: dict[str, Any], takes: str, language: str) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the lines of a table of the splits: characters of texts, or widths of images."""
    shapes: dict[str, dict[str, Any]] = {}
    for name, split in data["splits"].items():
        both = "profile_second" in split
        shapes[part_words(data, name, language) + " (1)" * both] = split["profile"]
        if both:
            shapes[part_words(data, name, language) + " (2)"] = split["profile_second"]
    spans = [what for what in _SPANS if any(shape.get(what) for shape in shapes.values())]
    shares = [what for what in _SHARES if any(shape.get(what) for shape in shapes.values())]
    titles = [phrase(language, f"audit_page.{name}") for name in ("split", "rows", *spans, f"empty_{takes}", *shares)]
    lines = []
    for name, shape in shapes.items():
        cells = [name, f"{shape['rows']:,}", *(_span(shape[what]) for what in spans), f"{shape['empty']:,}"]
        cells += [_share(what, shape[what], language) for what in shares]
        lines.append(cells)
    return titles, lines


def _span(quantiles: dict[str, float]) -> str:
    return f"{quantiles['0.5']:,.0f} ({quantiles['0.05']:,.0f}–{quantiles['0.95']:,.0f})" if quantiles else "–"


def _share(what: str, shares: dict[str, float], language: str) -> str:
    told = []
    for part, share in list(shares.items())[:4]:
        name = script_name(part, language) if what == "scripts" else phrase(language, f"audit_page.{what}_{part}")
        told.append(f"{name} {percent_tenths(share)}")
    return ", ".join(told)
