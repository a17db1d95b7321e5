"""Colour histograms (Swain and Ballard 1991), then logistic regression: what colours alone tell, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import RouteSpec
from headstart.fitting.image_linear import ImageLinear
from headstart.vectors.colour_histogram import ColourHistogram


@dataclass(frozen=True, kw_only=True)
class ColourHistogramLogreg(ImageLinear, RouteSpec):
    """side: that of the images where none is named, at most 64."""

    vectoriser: ClassVar[type[ColourHistogram]] = ColourHistogram
