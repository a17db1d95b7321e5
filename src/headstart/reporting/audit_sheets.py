"""Contact sheets of what an audit lists of images: one PNG per finding, copies beside what they copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from headstart.auditing.audit import Audit
from headstart.auditing.copies import KINDS
from headstart.auditing.image_looks import COLOURS
from headstart.core.errors import HeadstartError
from headstart.images.contact_sheet import contact_sheet
from headstart.images.decode import decode

_MOST_TILES, _MOST_BYTES, _SIDE = 96, 500_000, 96  # of a sheet; px of a tile
_BY_BORDER, _GREY = "told-by-the-border", 128
Rows = list[dict[str, Any]]


def audit_sheets(audit: Audit) -> dict[str, bytes]:
    """Return PNG files by name; none where the audit was of texts. Images that are gone meanwhile are left out."""
    sheets = {}
    for name, rows in _findings(audit.data):
        pixels = [one for row in rows for one in _pixels(audit, row)][:_MOST_TILES]
        if name == _BY_BORDER:
            pixels = [_without_middle(one) for one in pixels]
        if pixels:
            sheets[f"{name}.png"] = contact_sheet(pixels, _MOST_BYTES).png
    return sheets


def _findings(data: dict[str, Any]) -> Iterator[tuple[str, Rows]]:
    """Yield (name, its rows in the order shown) of every finding; the two of a pair follow each other."""
    parts = {
        f"{kind}-copies-in-{name}": split["duplicates"][kind]
        for name, split in data["splits"].items()
        for kind in KINDS
    }
    across = {name: found["copies"] for name, found in data["across"].items() if "copies" in found}
    parts |= {f"{kind}-copies-of-test-in-{name}": found[kind] for name, found in across.items() for kind in KINDS}
    labels = data["labels"]
    parts |= {
        name: labels[key]
        for name, key in (("conflicts", "conflicts"), ("near-conflicts", "near_conflicts"))
        if key in labels
    }
    for name, found in parts.items():
        yield name, [row for group in found["listed"] for row in group]
    yield "doubtful-labels", labels.get("errors", {}).get("listed", [])
    yield _BY_BORDER, labels.get("borders", {}).get("listed", [])
    for side, rows in data["shift"].get("texts", {}).get("unlike", {}).items():
        yield f"{side}-unlike-the-other-part", rows


def _without_middle(pixels: np.ndarray) -> np.ndarray:
    """Return [H, W, C] with the middle in grey: what `image_findings.borders` has seen is the outer eighth."""
    high, wide = (max(side // COLOURS, 1) for side in pixels.shape[:2])
    out = pixels.copy()
    out[high:-high, wide:-wide] = _GREY
    return out


def _pixels(audit: Audit, row: dict[str, Any]) -> list[np.ndarray]:
    out = []
    for image in audit.pictures.get((row["split"], row["row"]), ()):
        try:
            out.append(decode(image, side=_SIDE).pixels)
        except HeadstartError:  # it cannot be decoded, or is gone
            continue
    return out
