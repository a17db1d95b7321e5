"""COCO annotations: one JSON object of images, categories and annotations; an image of one category has it as label.

Lin et al. 2014 (arXiv:1405.0312) and https://cocodataset.org/#format-data. Boxes and outlines are not read.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, decode, is_writable, read_whole, refuse

_BEGIN = re.compile(rb"\s*\{\s*\"(info|licenses|images|annotations|categories)\"\s*:\s*[\[{]")
_KEYS = re.compile(rb"\"(file_name|image_id|category_id|supercategory)\"\s*:")
_MOST_BYTES = 1 << 30  # of the file, which is held in memory
_TRIED = 20  # images by which their folder is found
_FIX = "a COCO file is one JSON object with lists called images, annotations and categories"


@dataclass(frozen=True, kw_only=True)
class Coco(ReaderSpec):
    """A row is {"image", "label"}; label: the one category of an image's annotations, None for several or none.

    Images lie beside the file, in `images`, or as usual in a folder named like the file (`annotations/val.json` and
    `images/val`, `annotations/instances_train2017.json` and `train2017`).
    """

    takes: ClassVar[Literal["image"]] = "image"
    suffixes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the bytes open a JSON object of images, annotations or categories."""
        return _BEGIN.match(head) is not None and _KEYS.search(head) is not None

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield the images in their order; `line` counts them. Raises HeadstartError: not one whole JSON value."""
        value = _load(source)
        categories = _categories(value, source, ledger)
        folder = _folder(Path(source.name), [_name(image) for image in value["images"][:_TRIED]])
        if folder != Path(source.name).parent:
            ledger.note(f"images are read from {folder}", source.name)
        several = 0
        for number, image in enumerate(value["images"], 1):
            if (name := _name(image)) is None:
                ledger.reject("no file_name", source.name, number)
                continue
            try:
                found = ImageRef.from_file(folder / name)
            except HeadstartError as error:
                ledger.reject("no such image", source.name, number, str(error))
                continue
            own = categories.get(_id(image, "id"), set())
            several += len(own) > 1
            yield Row({"image": found, "label": next(iter(own)) if len(own) == 1 else None}, source.name, number)
        if several:
            why = "they have no label; cut their boxes out to folders by class"
            ledger.note(f"{several:,} images are of several categories: {why}", source.name)


def _load(source: Source) -> dict[str, Any]:
    """Return the whole object. Raises HeadstartError."""
    raw = read_whole(source, _MOST_BYTES)
    if len(raw) > _MOST_BYTES:
        raise refuse(source.name, f"larger than {_MOST_BYTES >> 30} GiB", "split it")
    text, fault = decode(raw)
    if text is None:
        raise refuse(source.name, f"not valid UTF-8 ({fault})", _FIX)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise refuse(source.name, f"not valid JSON ({where})", _FIX) from None
    except (RecursionError, ValueError) as error:
        raise refuse(source.name, f"not readable JSON ({type(error).__name__})", _FIX) from None
    if not isinstance(value, dict) or not isinstance(value.get("images"), list):
        raise refuse(source.name, "no list called images", _FIX)
    return value


def _categories(value: dict[str, Any], source: Source, ledger: Ledger) -> dict[Any, set[str]]:
    """Return by image the names of the categories of its annotations; faulty annotations are told of."""
    names = {_id(one, "id"): one.get("name") for one in _objects(value, "categories")} | {None: None}
    known = {_id(one, "id") for one in value["images"]} - {None}
    out: dict[Any, set[str]] = defaultdict(set)
    faulty = 0
    for one in _objects(value, "annotations"):
        name, image = names.get(_id(one, "category_id")), _id(one, "image_id")
        if isinstance(name, str) and name.strip() and image in known and is_writable(name):
            out[image].add(name)
        else:
            faulty += 1
    if faulty:
        ledger.note(f"{faulty:,} annotations name no known image or category", source.name)
    return out


def _objects(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = value.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _id(one: Any, key: str) -> int | str | None:
    """Return a number or name by which objects refer to each other, or None."""
    found = one.get(key) if isinstance(one, dict) else None
    return found if isinstance(found, int | str) else None


def _name(image: Any) -> str | None:
    name = image.get("file_name") if isinstance(image, dict) else None
    return name if isinstance(name, str) and name and is_writable(name) else None


def _folder(path: Path, names: list[str | None]) -> Path:
    """Return the first usual folder that holds one of these images; that of the file itself where none does."""
    parts = [path.stem, path.stem.rpartition("_")[2]]
    beside = [path.parent, path.parent.parent]
    places = [*beside, *(one / "images" for one in beside)]
    places += [one / part for one in places for part in parts]
    return next((one for one in places if any(name and os.path.isfile(one / name) for name in names)), path.parent)
