"""What writes curves: scalars by step under names, for a program that draws them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping


class CurveWriter(ABC):
    """Writes the scalars of one curve after the other; a curve is one fit of the training loop."""

    @abstractmethod
    def begin(self, curve: str, step: int) -> Mapping[str, int]:
        """Start a curve, or go on with what an earlier process wrote of it up to `step`.

        What was written of later steps is dropped where that is possible. Returns the last step of every scalar that
        stays. Raises HeadstartError: a service refuses.
        """

    @abstractmethod
    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of scalars, by name, at a step of the curve that was begun last."""

    @abstractmethod
    def close(self) -> None:
        """Write out what is waiting; may be called without a curve."""
