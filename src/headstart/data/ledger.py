"""The row ledger: every row read is used or skipped for a named reason; the first complaints name file and line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from headstart.core.errors import HeadstartError, one_line

KEPT_COMPLAINTS = 20
_MOST_LOST = 0.2  # of the rows
_MANY = 20  # lost rows, from which on fewer may be lost:
_MOST_OF_MANY = 0.05
_FEWEST_LOST = 3  # rows that stop


@dataclass
class Ledger:
    """Counts of one pass over the data: read = used + skipped.

    A reader rejects the rows that it cannot yield (`reject`, counted in `lost` too); whoever takes a row counts it
    (`begin`) and answers it with `use` or `skip`. broken: by file, the share of a damaged compressed file that could be
    unpacked; None: its end is missing. complaints: the first 20 as 'file:line: reason'. Notes record what was guessed.
    changed: how many items were changed on reading, by change. columns: what the first task file calls its `text`,
    `text2`, `label` and `group`.
    """

    read: int = 0
    used: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    noted: dict[str, dict[str, None]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    changed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    broken: dict[str, float | None] = field(default_factory=dict)

    def begin(self, rows: int = 1) -> None:
        """Count rows as read."""
        self.read += rows

    def use(self, rows: int = 1) -> None:
        """Count rows as used."""
        self.used += rows

    def skip(self, reason: str, source: str, line: int, detail: str = "") -> None:
        """Count the row as skipped for `reason` (a short phrase shared by rows) and remember where."""
        self.skipped[reason] += 1
        self.complain(f"{reason} ({detail})" if detail else reason, source, line)

    def reject(self, reason: str, source: str, line: int, detail: str = "") -> None:
        """Count a row that could not even be read: read and skipped at once."""
        self.begin()
        self.lost[reason] += 1
        self.skip(reason, source, line, detail)

    def need_most(self, allowed: float | None) -> None:
        """Raise HeadstartError where more rows were lost than `allowed`, a share; None: a fifth, of many a twentieth.

        What is learned from the rest of a file may be about something else: rows are seldom lost at random.
        """
        for source, share in self.broken.items():
            if (share or 0.0) < 1 - (_MOST_OF_MANY if allowed is None else allowed):
                told = "its end is missing" if share is None else f"{share:.0%} of the compressed file can be read"
                raise HeadstartError(f"{source}: damaged, {told}; get it again, or go on with what there is: --lost 1")
        lost = self.lost.total()
        most = (_MOST_OF_MANY if lost >= _MANY else _MOST_LOST) if allowed is None else allowed
        if lost > most * self.read and (lost >= _FEWEST_LOST or allowed is not None):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.lost.most_common(3))
            raise HeadstartError(
                f"{lost:,} of {self.read:,} rows cannot be read ({reasons}; first: {self.complaints[0]}); mend the "
                "file, say how it is to be read (--encoding, --delimiter, --quoting), or go on without them: --lost 1"
            )

    def withdraw(self, reason: str, source: str, line: int, detail: str = "") -> None:
        """Turn a row that was counted as used into a skipped one (it proved useless later on)."""
        self.used -= 1
        self.skip(reason, source, line, detail)

    def complain(self, reason: str, source: str, line: int | None = None) -> None:
        """Remember a complaint that is no row of its own, such as a damaged end of a file."""
        if len(self.complaints) < KEPT_COMPLAINTS:
            where = source if line is None else f"{source}:{line}"
            self.complaints.append(one_line(f"{where}: {reason}"))

    def note(self, message: str, source: str) -> None:
        """Record what was decided for `source`; equal messages of many files become one note."""
        self.noted.setdefault(one_line(message), {})[one_line(source)] = None

    def tell(self, noun: str, change: str) -> None:
        """Count an item that was changed on reading: `tell("images", "turned upright as EXIF says")`."""
        self.changed[f"{noun}: {change}"] += 1

    @property
    def notes(self) -> list[str]:
        """What was guessed, decided or changed, one line each, with the file, or the number of files or items."""
        guessed = [
            f"{next(iter(sources))}: {message}" if len(sources) == 1 else f"{len(sources)} files: {message}"
            for message, sources in self.noted.items()
        ]
        return guessed + [f"{count:,} {change}" for change, count in self.changed.most_common()]

    @property
    def balanced(self) -> bool:
        """Whether read = used + skipped."""
        return self.read == self.used + sum(self.skipped.values())

    def summary(self) -> str:
        """Return one line of counts, and a second one with the first complaint when there is any."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.skipped.most_common())
        line = f"{self.read:,} rows read, {self.used:,} used, {sum(self.skipped.values()):,} skipped"
        line += f" ({reasons})" if reasons else ""
        return f"{line}\nfirst complaint: {self.complaints[0]}" if self.complaints else line

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data; `from_dict` reads it back."""
        return {
            "read": self.read,
            "used": self.used,
            "skipped": dict(self.skipped),
            "complaints": list(self.complaints),
            "notes": self.notes,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ledger:
        """Build a ledger from `to_dict` data (notes stay text of their own). Raises HeadstartError: damaged data."""
        try:
            ledger = cls(int(data["read"]), int(data["used"]), Counter(data["skipped"]), list(data["complaints"]))
        except (KeyError, TypeError, ValueError) as error:
            raise HeadstartError(f"row ledger is damaged ({error!r})") from None
        for note in data.get("notes", []):
            source, _, message = note.partition(": ")
            ledger.note(message, source)
        return ledger
