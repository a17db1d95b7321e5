"""Principal components of pixels (Turk and Pentland 1991) learned from unlabelled images, then logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import RouteSpec
from headstart.fitting.image_linear import ImageLinear
from headstart.vectors.pca import PcaVectors


@dataclass(frozen=True, kw_only=True)
class PcaLogreg(ImageLinear, RouteSpec):
    """components: most that are kept. side: that of the images where none is named, at most 32."""

    vectoriser: ClassVar[type[PcaVectors]] = PcaVectors
    components: int = 64
    default: float = 10.0

    def __post_init__(self) -> None:
        if self.components < 1:
            raise HeadstartError(f"{self.name}.components={self.components}: must be at least 1")

    def learned(self) -> dict[str, Any]:
        """Return the settings with which the vectoriser learns."""
        return {"components": self.components}
