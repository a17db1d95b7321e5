"""The table of rows to label next: an empty label column for a spreadsheet, read again by `transfer` as it is."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from headstart.core.examples import Examples, ImageRef
from headstart.core.files import write_bytes
from headstart.data.sheet_cells import FILE, LINE, guarded

_ENDINGS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp", b"BM": ".bmp"}


def write_sheet(rows: Examples, out: Path, columns: Mapping[str, str | None]) -> None:
    """Write the rows in their order: item, second item of pairs, label (empty), file and line they were read from.

    columns: what training files call them (`Ledger.columns`), so that the table can be read beside these files.
    UTF-8 with a byte-order mark, without which Excel shows no Korean. Images are named by their path from the folder of
    the table; those that lie in no file of their own are written beside it, into `NAME_images`. Raises OSError.
    """
    names = [columns.get("text") or rows.takes]
    names += [] if rows.second is None else [columns.get("text2") or f"{rows.takes}2"]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*names, columns.get("label") or "label", FILE, LINE])
    for number, (file, line) in enumerate(rows.places):
        items = [rows.items[number]] if rows.second is None else [rows.items[number], rows.second[number]]
        table.writerow([*(_cell(item, out) for item in items), "", guarded(Path(file).name), line])
    write_bytes(out, b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace"))


def _cell(item: str | ImageRef, out: Path) -> str:
    if not isinstance(item, ImageRef):
        return guarded(item)
    path = item.path
    if path is None:
        data = item.read()
        ending = next((end for start, end in _ENDINGS.items() if data.startswith(start)), ".tif")
        path = out.with_name(f"{out.stem}_images") / f"{item.digest[:16]}{ending}"
        write_bytes(path, data)
    return guarded(os.path.relpath(path, out.parent))
