"""Classes by folder: an image's label is the name of its folder, below the folder that all images share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath


def folder_labels(names: Sequence[str]) -> list[str | None]:
    """Return the label of each image from its path, parts joined by `/`; None for all where one folder holds them all.

    Of `images/Korean/a/1.png` and `images/Latin/b/2.png` these are `Korean/a` and `Latin/b`.
    """
    parents = [str(PurePosixPath(name).parent) for name in names]
    shared = os.path.commonpath(parents) if parents else ""
    labels = [str(PurePosixPath(parent).relative_to(shared)) if shared else parent for parent in parents]
    if set(labels) == {"."}:
        return [None] * len(labels)
    return [None if label == "." else label for label in labels]
