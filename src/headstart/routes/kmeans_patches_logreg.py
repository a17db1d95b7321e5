"""k-means patches (Coates and Ng 2012): centres of patches of unlabelled images, then logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import RouteSpec
from headstart.fitting.image_linear import ImageLinear
from headstart.vectors.kmeans_patches import PatchVectors


@dataclass(frozen=True, kw_only=True)
class KmeansPatchesLogreg(ImageLinear, RouteSpec):
    """centres: of patches of patch x patch pixels (where none is named 6, of small images half a side), read at every
    stride-th place, averaged over cells x cells parts of the image; without unlabelled images they are learned from the
    labelled ones. side: that of the images where none is named, at most 32."""

    vectoriser: ClassVar[type[PatchVectors]] = PatchVectors
    centres: int = 200
    patch: int | None = None
    stride: int = 1
    cells: int = 4
    default: float = 10.0

    def __post_init__(self) -> None:
        for name, least in {"centres": 2, "patch": 2, "stride": 1, "cells": 1}.items():
            if (value := getattr(self, name)) is not None and value < least:
                raise HeadstartError(f"{self.name}.{name}={value}: must be at least {least}")

    def learned(self) -> dict[str, Any]:
        """Return the settings with which the vectoriser learns."""
        return {"centres": self.centres, "patch": self.patch, "stride": self.stride, "cells": self.cells}
