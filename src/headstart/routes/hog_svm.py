"""Histograms of oriented gradients, then a linear SVM (Dalal and Triggs 2005): the strong baseline of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import RouteSpec
from headstart.fitting.image_linear import ImageLinear
from headstart.fitting.linear import Family
from headstart.vectors.hog import HogVectors


@dataclass(frozen=True, kw_only=True)
class HogSvm(ImageLinear, RouteSpec):
    """side: 32, 64 or 96 where none is named."""

    vectoriser: ClassVar[type[HogVectors]] = HogVectors
    family: ClassVar[Family] = "svm"
