"""Bar E9: Fashion-MNIST as npz archives and as folders of PNGs: equal weights, equal draws, equal scores; who wins.

    python benchmarks/pictures.py --data ../shared/data --work WORK [--minutes 5]

Writes both forms of the same images in the same order into WORK. 200 steps on each: weights, and the scores of routes
without a clock, must be equal. Then pre-trains on each for the minutes and compares on 10, 100 and 1,000 labels, 10
draws. Prints a Markdown table; the exit code is 1 when anything differs. One thread; about 35 minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROUTES = "majority,probe,finetune,knn,scratch,pixels_logreg,hog_svm"
EXACT = "probe,knn,pixels_logreg,hog_svm"
LABELS = ("--labels", "10,100,1000", "--draws", "10", "--deep")
FORMS = ("npz", "png")


def headstart(*arguments: object) -> None:
    """Run the program in a process of its own with one thread, and say what was run."""
    words = [str(argument) for argument in (*arguments, "--threads", 1, "--seed", 0)]
    print(f"$ headstart {shlex.join(words)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "headstart", *words], check=True, stdout=subprocess.DEVNULL)


def write_forms(data: Path, work: Path) -> dict[tuple[str, str], Path]:
    """Write each part as an archive and as a folder per class; return the places by (form, part)."""
    places = {}
    for part in ("train", "dev"):
        with np.load(data / "fashion_mnist" / f"{part}.npz") as archive:
            x, y = archive["x"], archive["y"]
        rows = np.argsort(y, kind="stable")  # the order in which folders are read
        places["npz", part], places["png", part] = work / f"{part}.npz", work / part
        if places["npz", part].exists():
            continue
        for row in rows:
            folder = work / part / str(y[row])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(x[row]).save(folder / f"{row:05d}.png", compress_level=1)
        np.savez(places["npz", part], x=x[rows], y=y[rows])
    return places


def weights_of(run: Path) -> str:
    """Return the SHA-256 of a run's last weights."""
    newest = sorted((run / "checkpoints").iterdir())[-1]
    return hashlib.sha256((newest / "weights.safetensors").read_bytes()).hexdigest()


def scores_of(report: Path) -> list[tuple[str, int, int, float]]:
    """Return (route, labels, draw, score) of every cell."""
    cells = json.loads((report / "report.json").read_text())["cells"]
    return sorted((cell["entry"].split()[0], cell["size"], cell["draw"], cell["score"]) for cell in cells)


def print_table(report: Path, form: str) -> None:
    """Print scores, and what the probe is ahead by, with intervals."""
    told = json.loads((report / "report.json").read_text())
    for table in told["sizes"]:
        rows = {one["entry"].split()[0]: one for one in table["entries"]}
        scores = "; ".join(
            f"{name} {one['mean']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for name, one in rows.items()
        )
        leads = []
        for pair in table["pairs"]:
            first, second = pair["first"].split()[0], pair["second"].split()[0]
            for name, other, sign in ((first, second, 1), (second, first, -1)):
                if name in ("probe", "finetune") and other in ("pixels_logreg", "scratch", "hog_svm"):
                    ends = sorted((sign * pair["low"], sign * pair["high"]))
                    leads.append(f"{name} - {other} {sign * pair['value']:+.3f} ({ends[0]:+.3f} to {ends[1]:+.3f})")
        print(f"| {form} | {table['labels']:,} | {len(table['draws'])} | {scores} | {'; '.join(leads)} |", flush=True)


def main() -> None:
    """Run it all and print the table; the exit code is 1 when weights or scores differ between the forms."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    places = write_forms(given.data, given.work)
    weights, scores = [], []
    for form in FORMS:
        run, exact = given.work / f"run_{form}", given.work / f"exact_{form}"
        files = ("--data", places[form, "train"], "--test", places[form, "dev"])
        if not exact.exists():
            headstart("pretrain", places[form, "train"], "--out", exact, "--steps", 200)
        headstart("compare", exact, *files, *LABELS, "--routes", EXACT, "--minutes", 12, "--out", f"{exact}_report")
        weights.append(weights_of(exact))
        scores.append(scores_of(Path(f"{exact}_report")))
        if not run.exists():
            headstart("pretrain", places[form, "train"], "--out", run, "--minutes", given.minutes)
        headstart("compare", run, *files, *LABELS, "--routes", ROUTES, "--minutes", 8, "--out", f"{run}_report")
    print("| form | labels | draws | accuracy | differences |\n|---|---|---|---|---|")
    for form in FORMS:
        print_table(given.work / f"run_{form}_report", form)
    same = weights[0] == weights[1], scores[0] == scores[1]
    print(f"\n200 steps: weights equal {same[0]} ({weights[0][:12]}); {len(scores[0])} scores equal {same[1]}")
    raise SystemExit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
