"""What each kind of artefact is called, and which files it may hold while it grows or beside those that are listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["run", "checkpoint", "network", "task", "export", "processor", "store", "report", "sweep"]


@dataclass(frozen=True)
class Layout:
    """What an artefact is called, what mends it, and what it may hold beside the listed files.

    grows: regular expression of the paths that are written while the manifest says `growing`; appended: those of them
    that only get longer; beside: paths that are never listed. holds: paths that a new manifest takes up.
    """

    called: str
    mend: str
    grows: str = "(?!)"
    appended: tuple[str, ...] = ()
    beside: str = "(?!)"
    holds: str = ".+"


# What grows in a report says itself whether it is whole; the others are announced by the manifest.
_CELLS = r"cells/cells\.jsonl|cells/[0-9a-f]{24}\.\w+|(audit|screening(-\d+)?)\.json"
_REPORT = _CELLS + r"|exhibits\.png|report\.html|(inputs|exhibits|report)\.json"
_CURVES = r"log/.+"  # no model depends on them, and other programs write there too
LAYOUTS: dict[Kind, Layout] = {
    "run": Layout(
        "run",
        "put the file back, or pre-train again",
        grows=r"metrics\.jsonl|checkpoints/step-\d{9}/.+",
        appended=("metrics.jsonl",),
        beside=_CURVES,
    ),
    "checkpoint": Layout("checkpoint", "an earlier checkpoint is used"),
    "network": Layout("network", "copy it again or make it again"),
    "task": Layout("task model", "copy it again or make it again", beside=_CURVES),
    "export": Layout("export", "copy it again or export it again", beside=r"README\.md|LICENSE(\.\w+)?"),
    "processor": Layout("processor", "copy it again or make it again"),
    "store": Layout("token store", "delete the folder, it is made again"),
    "report": Layout(
        "report",
        "put the file back, or compare again with another --out",
        grows=_CELLS,
        appended=("cells/cells.jsonl",),
        beside=r"(winner|queue)/.+",  # an artefact of its own: a damaged one is no damage to the report; and work to do
        holds=_REPORT,  # the caller may have chosen a folder with other files
    ),
    "sweep": Layout(
        "sweep",
        "put the file back, or sweep again with another --out",
        grows=r"trials/\d{4}\.json",
        beside=rf"runs/.+|{_CURVES}",  # the runs are artefacts of their own
        holds=r"sweep\.json|trials/\d{4}\.json",
    ),
}
# These are made whole in one step, so that no writer leaves anything in them.
WHOLE: frozenset[str] = frozenset({"checkpoint", "network", "task", "export", "processor", "store"})
UNKNOWN = Layout("artefact", "copy it again or make it again")
