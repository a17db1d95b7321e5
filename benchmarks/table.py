"""Write a report.json as a Markdown table for benchmarks/results.

Command: python benchmarks/table.py REPORT/report.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def number(value: float | None) -> str:
    """Write .123, or a dash."""
    return "-" if value is None else f"{value:.3f}".removeprefix("0")


def table(report: dict) -> str:
    """Return mean, half of the 95 % interval and sd over draws by entry and label count, best first."""
    sizes = report["sizes"]
    found = {(entry["entry"], size["labels"]): entry for size in sizes for entry in size["entries"]}
    order = [entry["entry"] for entry in sizes[-1]["entries"]]
    lines = ["| entry | " + " | ".join(f"{s['labels']} labels" for s in sizes) + " | seconds at the largest |"]
    lines.append("|---|" + "---|" * (len(sizes) + 1))
    for name in order:
        cells = []
        for size in sizes:
            entry = found.get((name, size["labels"]))
            half = None if entry is None or entry["low"] is None else (entry["high"] - entry["low"]) / 2
            cells.append(
                "-" if entry is None else f"{number(entry['mean'])} ±{number(half)} (sd {number(entry['sd'])})"
            )
        seconds = found[name, sizes[-1]["labels"]]["seconds"]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {seconds:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(table(report))
    print()
    print("\n\n".join(report["verdict"]["en"]))
    print()
    print("draws by label count:", {size["labels"]: len(size["draws"]) for size in report["sizes"]})
    print("versions:", report["facts"]["versions"], "made:", report["facts"]["made"])
