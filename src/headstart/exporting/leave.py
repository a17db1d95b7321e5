"""Leave for another library: files are written, opened by that library, compared on real rows, and only then kept."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.files import is_passing, write_bytes
from headstart.core.manifest import write_folder
from headstart.exporting.card import CardFacts, model_card
from headstart.exporting.verified import Answers, Verified, compare_answers

STANDALONE = Path(__file__).parent / "standalone"  # files that leave as they are and need no headstart


@dataclass(frozen=True)
class Rows:
    """examples: what both sides are asked about; source: where they come from, in words."""

    examples: Examples
    source: str


@dataclass(frozen=True)
class Left:
    """note: how to load it, in one line; verified: what was compared, or None; why_not: then in words."""

    note: str
    verified: Verified | None = None
    why_not: str = ""

    def lines(self) -> tuple[str, ...]:
        """Return what a user is told."""
        return (self.note, self.verified.line() if self.verified else f"not verified: {self.why_not}")


class Leaves:
    """What an export is: `fill` writes, `opened` opens what was written with the library that it is for.

    package: that library, by its name on PyPI; extra: of headstart, which installs it. tolerance: largest difference.
    """

    package: ClassVar[str]
    extra: ClassVar[str]
    tolerance: ClassVar[float] = 1e-5

    @abstractmethod
    def fill(self, source: Exportable, folder: Path) -> str:
        """Write the files into an empty folder; return one line that says how to load them.

        Raises HeadstartError: why this model cannot leave this way.
        """

    @abstractmethod
    def opened(self, source: Exportable, folder: Path) -> Callable[[Examples], Answers]:
        """Return what that library answers to rows, by the name of the output."""

    @abstractmethod
    def ours(self, source: Exportable) -> Callable[[Examples], Answers]:
        """Return what headstart answers, by the same names."""

    def usage(self, source: Exportable) -> str:
        """Return the Python lines that load the folder `FOLDER`, for the card."""
        return ""

    def write(
        self, source: Exportable, folder: Path, rows: Rows | None = None, facts: Callable[[], CardFacts] = CardFacts
    ) -> Left:
        """Write a new `folder` whole, or not at all.

        rows: what is compared; without any, nothing is. facts: for the card, asked when all else is done. Raises
        HeadstartError: the model cannot leave this way, `folder` holds other files, or the answers differ.
        """
        folder = Path(folder)
        if folder.exists() and not (folder.is_dir() and all(is_passing(one.name) for one in folder.iterdir())):
            raise HeadstartError(f"{folder} is not empty: export writes a new folder, choose another name")
        left: list[Left] = []

        def fill(temporary: Path) -> None:
            note = self.fill(source, temporary)
            verified, why_not = self._verified(source, temporary, rows)
            left.append(Left(note, verified, why_not))
            card = model_card(source, facts(), left[0].lines(), self.usage(source), self.package)
            write_bytes(temporary / "README.md", card.encode())

        write_folder(folder, "export", fill)
        return left[0]

    def _verified(self, source: Exportable, folder: Path, rows: Rows | None) -> tuple[Verified | None, str]:
        """Return what was compared, or why nothing was."""
        if rows is None:
            return None, "no rows were given"
        try:
            metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return (
                None,
                f"{self.package} is not installed (pip install 'headstart[{self.extra}]'); export again with it",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what that library says of its own parts
            theirs, ours = self.opened(source, folder), self.ours(source)
            return compare_answers(source, rows.examples, theirs, self.tolerance, rows.source, ours), ""
