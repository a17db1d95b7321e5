"""--seeds 0,1,2: a run or task model once per seed, in folders seed-0, seed-1 ..., and what they have in common."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.commands.results import InFolder, TableResult
from headstart.commands.session import holds_anything, need_folder
from headstart.core.errors import HeadstartError
from headstart.core.files import is_passing
from headstart.core.json_files import write_json

FILE = "seeds.json"
_FOLDER = re.compile(r"seed-\d+(-report(-\d+)?)?")  # a report: where `pretrain` says that compare writes one


@dataclass(frozen=True, repr=False)
class SeveralSeeds(InFolder, TableResult):
    """folder: of the folders of all seeds; rows: a row per finished seed; pooled: a row per figure over all seeds.

    missing: seeds that are not finished. stopped: the signal that ended the command, or ''. next_command: what uses
    the first of them.
    """

    folder: Path
    rows: list[dict[str, Any]]
    pooled: list[dict[str, Any]]
    missing: tuple[int, ...] = ()
    stopped: str = ""
    next_command: str = ""

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per finished seed: seed, folder and its figures."""
        return self.rows

    def told(self) -> list[str]:
        """See `TableResult`."""
        seeds = ", ".join(str(row["seed"]) for row in self.rows) or "none"
        return [*map(_pooled_line, self.pooled), f"{self.folder}, seeds {seeds}", *self._left()]

    def _left(self) -> list[str]:
        left = ", ".join(map(str, self.missing))
        return [f"not finished: seeds {left}; the same command makes what is missing"] if left else []

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal that stopped it."""
        import signal

        return 128 + signal.Signals[self.stopped].value if self.stopped else 0

    def summary(self) -> str:
        """Return a line per seed, then what they have in common."""
        lines = []
        for row in self.rows:
            figures = [f"{name.replace('_', ' ')} {_figure(one)}" for name, one in row.items() if name not in _PLACES]
            lines.append(f"seed {row['seed']}: {', '.join(figures)}")
        lines += [*map(_pooled_line, self.pooled), *self._left()]
        return "\n".join([*lines, *([f"next: {self.next_command}"] if self.next_command else [])])


_PLACES = ("seed", "folder")


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _pooled_line(row: dict[str, Any]) -> str:
    told = f"{row['figure'].replace('_', ' ')}: mean {row['mean']:.4f} over {row['seeds']} seeds"
    if "low" in row:
        told += f", 95 % interval {row['low']:.4f} to {row['high']:.4f} (seeds and test rows)"
    elif row["seeds"] > 1:
        told += f", range {row['least']:.4f} to {row['most']:.4f}"
    return told + (f" ({row['remark']})" if row.get("remark") else "")


def asked_seeds(text: str | None, seed: int | None) -> list[int]:
    """Return the seeds of `--seeds 0,1,2`, [] without. Raises HeadstartError: no whole numbers, --seed beside it."""
    if text is None:
        return []
    if seed is not None:
        raise HeadstartError(f"--seed {seed} beside --seeds {text}: give one of them")
    parts = [part.strip() for part in str(text).split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise HeadstartError(f"--seeds {text}: expected whole numbers with commas between them, such as 0,1,2")
    return list(dict.fromkeys(map(int, parts)))


def seed_folders(out: Path, seeds: Sequence[int]) -> dict[int, Path]:
    """Return the folder of every seed. Raises HeadstartError: `out` cannot be made, or holds something else."""
    need_folder(out)
    names = [path.name for path in out.iterdir()] if holds_anything(out) else []
    if strange := [name for name in names if not _FOLDER.fullmatch(name) and name != FILE and not is_passing(name)]:
        raise HeadstartError(
            f"{out} exists and holds {strange[0]}, which no --seeds made; give a new folder or that of the same command"
        )
    return {seed: out / f"seed-{seed}" for seed in seeds}


def spread(figure: str, values: Sequence[float]) -> dict[str, Any]:
    """Return a row of `SeveralSeeds.pooled`: mean and range of a figure over seeds."""
    return {
        "figure": figure,
        "seeds": len(values),
        "mean": statistics.fmean(values),
        "least": min(values),
        "most": max(values),
    }


def written(found: SeveralSeeds) -> SeveralSeeds:
    """Write `seeds.json` into the folder of a result and return the result. Raises OSError."""
    rows = [row | {"folder": Path(row["folder"]).name} for row in found.rows]
    write_json(found.folder / FILE, {"seeds": rows, "pooled": found.pooled, "missing": list(found.missing)})
    return found
