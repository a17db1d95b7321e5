"""Scattering, moduli of wavelets locally averaged (Bruna and Mallat 2013), then logistic regression; nothing is learned
before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import RouteSpec
from headstart.fitting.image_linear import ImageLinear
from headstart.vectors.scattering import ScatteringVectors


@dataclass(frozen=True, kw_only=True)
class ScatteringLogreg(ImageLinear, RouteSpec):
    """side: a multiple of 4; where none is named that of the images, 16 to 32."""

    vectoriser: ClassVar[type[ScatteringVectors]] = ScatteringVectors
    default: float = 10.0
