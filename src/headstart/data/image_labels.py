"""Classes by folder: an image's label is the name of its folder, below the folder that all images share.

Two kinds of folders are no classes: parts of a data set (train, test ...), and masks that lie beside images.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from headstart.data.ledger import Ledger

_PARTS = {"train", "training", "dev", "val", "valid", "validation", "test", "testing"}
_IMAGES = {"images", "image", "imgs", "img", "jpegimages"}
_MASKS = {"masks", "mask", "segmentation", "segmentations", "segmentationclass", "segmentationobject", "groundtruth"}


def folder_labels(names: Sequence[str]) -> list[str | None]:
    """Return the label of each image from its path, parts joined by `/`; None for all where one folder holds them all.

    Of `images/Korean/a/1.png` and `images/Latin/b/2.png` these are `Korean/a` and `Latin/b`; of `train/cat/1.png` and
    `test/dog/2.png` they are `cat` and `dog`. Roots and steps upwards, which names in archives may have, say nothing of
    a class.
    """
    folders = [_folders(name) for name in names]
    if (depth := _depth_of_parts(folders)) is not None:
        folders = [found[:depth] + found[depth + 1 :] for found in folders]
    parents = [str(PurePosixPath(*found)) for found in folders]
    shared = os.path.commonpath(parents) if parents else ""
    labels = [str(PurePosixPath(parent).relative_to(shared)) if shared else parent for parent in parents]
    if set(labels) == {"."}:
        return [None] * len(labels)
    return [None if label == "." else label for label in labels]


def without_masks(names: Sequence[str]) -> list[bool]:
    """Return for each path whether it is an image: not in a folder of masks that lies beside one of images."""
    folders = [_folders(name) for name in names]
    beside = {found[:depth] for found in folders for depth, folder in enumerate(found) if folder.casefold() in _IMAGES}
    return [
        not any(folder.casefold() in _MASKS and found[:depth] in beside for depth, folder in enumerate(found))
        for found in folders
    ]


def note_folders(names: Sequence[str], others: Sequence[str], source: str, ledger: Ledger) -> None:
    """Note what was taken for parts and masks. names: paths of all images; others: of the files that are none."""
    folders = [_folders(name) for name in names]
    if (depth := _depth_of_parts(folders)) is not None:
        parts = ", ".join(sorted({found[depth] for found in folders}))
        ledger.note(f"folders {parts} are parts of the data, not classes; give one alone to use only that", source)
    if masks := without_masks(names).count(False):
        ledger.note(f"passed over {masks:,} masks, which lie beside the images and are none", source)
    if others:
        some = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
        why = "; boxes and outlines are no classes of whole images, cut them out to folders by class"
        why += ", or give a COCO .json itself" * any(name.lower().endswith(".json") for name in others)
        boxes = any(name.lower().endswith((".json", ".xml")) for name in others)
        ledger.note(f"passed over {len(others):,} that are no images ({some}){why if boxes else ''}", source)


def _folders(name: str) -> tuple[str, ...]:
    """Return the folders of a path, without its root and without steps upwards."""
    parts = PurePosixPath(name).parent.parts
    return tuple(part for part in parts if part.strip("/") not in ("", ".", ".."))


def _depth_of_parts(folders: Sequence[tuple[str, ...]]) -> int | None:
    """Return the first depth at which every image is in a folder with the name of a part, and in two or more."""
    for depth in range(min(map(len, folders), default=0)):
        found = {folder[depth].casefold() for folder in folders}
        if len(found) > 1 and found <= _PARTS:
            return depth
    return None
