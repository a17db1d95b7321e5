"""Bar J3: one drawing of each of five characters of an alphabet never seen, and few digits with mirrored views and not.

    python benchmarks/one_shot.py omniglot --data ../shared/data --work WORK [--settings route.epochs=40 ...]
    python benchmarks/one_shot.py mnist --data ../shared/data --work WORK [--minutes 5] [--seeds 1]

omniglot: every alphabet is kept back in turn; a network is trained from random weights to name the characters of the
others, in four directions each (`transfer --route scratch`), then route `prototypes` reads its vectors in 5-way 1-shot
episodes of the alphabet that was kept back: five of its characters, one drawing of each shown, one other drawing of
each asked. Vectors are standardised by unlabelled drawings: those of the other alphabets, or (`own`) those of the
alphabet that was kept back. The row without training (random weights) and raw pixels stand beside it. mnist:
contrastive pre-training with and without mirrored views, then `compare` at 10 and 100 labels. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shlex
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.core.examples import Examples, ImageRef
from headstart.fitting.workspace import Workspace
from headstart.images.squares import squares
from headstart.routes.prototypes import Prototypes
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.transform import unit_rows

WAYS, EPISODES, SIDE = 5, 400, 56
TURNS = (0, 90, 180, 270)  # degrees: a turned character is another one to learn (arXiv:1605.06065, 1606.04080)
SETTINGS = (
    *("route.epochs=12", "route.batch=64", "route.choose_learning_rate=false", "route.head_steps=0"),
    *("route.learning_rate=0.003", "route.weight_decay=0.05", "route.label_smoothing=0.1"),
    *("route.augment.shift=0.1", "route.augment.operations=2", "route.augment.magnitude=0.4"),
)


def headstart(*arguments: object) -> None:
    """Run the program in a process of its own with one thread, and say what was run."""
    words = [str(argument) for argument in (*arguments, "--threads", 1)]
    print(f"$ headstart {shlex.join(words)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "headstart", *words], check=True, stdout=subprocess.DEVNULL)


def unpack(data: Path, work: Path) -> dict[str, list[Path]]:
    """Unpack the drawings into WORK/all; return the folders of characters by alphabet."""
    with zipfile.ZipFile(data / "omniglot_small" / "omniglot_small.zip") as archive:
        archive.extractall(work / "all")
    alphabets = sorted(path for path in (work / "all" / "images").iterdir() if path.is_dir())
    return {path.name: sorted(path.iterdir()) for path in alphabets}


def episodes(characters: list[Path], seed: int) -> list[tuple[Examples, Examples]]:
    """Return (one drawing of each of five characters, one other drawing of each) so often."""
    random, out = np.random.default_rng(seed), []
    drawings = [[ImageRef.from_file(path) for path in sorted(folder.iterdir())] for folder in characters]
    for _ in range(EPISODES):
        chosen = random.choice(len(drawings), WAYS, replace=False)
        both = [random.choice(len(drawings[one]), 2, replace=False) for one in chosen]
        names = tuple(characters[one].name for one in chosen)
        shown, asked = (
            Examples(
                [drawings[one][pair[at]] for one, pair in zip(chosen, both)], labels=np.arange(WAYS), classes=names
            )
            for at in (0, 1)
        )
        out.append((shown, asked))
    return out


def right(base: PretrainedModel, pool: list[ImageRef], asked: list[tuple[Examples, Examples]]) -> np.ndarray:
    """Return the share of right answers of each episode; the statistics of vectors are those of the pool."""
    workspace = Workspace(base, lambda: iter(pool))
    answers = [Prototypes().run(shown, workspace, seed=0).predict_proba(new).argmax(1) for shown, new in asked]
    return np.array([(one == new.labels).mean() for one, (_, new) in zip(answers, asked)])


def by_pixels(asked: list[tuple[Examples, Examples]], side: int) -> np.ndarray:
    """Return the share of right answers of each episode by the cosine of pixels."""

    def rows(examples: Examples) -> np.ndarray:
        return unit_rows(255.0 - squares(examples.items, side, grey=True).reshape(len(examples), -1))

    return np.array([((rows(new) @ rows(shown).T).argmax(1) == new.labels).mean() for shown, new in asked])


def omniglot(data: Path, work: Path, settings: list[str]) -> None:
    """Print a line for each alphabet that was kept back, and their mean."""
    alphabets, table = unpack(data, work), []
    print("| kept back | characters | pixels | random weights | trained on the others | own statistics | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for held, characters in alphabets.items():
        seen, task, run = work / f"without-{held}", work / f"task-{held}", work / f"run-{held}"
        for folder in (folder for name, own in alphabets.items() if name != held for folder in own):
            for turn in TURNS:
                place = seen / f"{folder.parent.name}-{folder.name}-{turn}"
                place.mkdir(parents=True, exist_ok=True)
                for drawing in folder.iterdir():
                    with Image.open(drawing) as image:
                        image.rotate(turn).save(place / drawing.name)
        images = [ImageRef.from_file(path) for path in sorted(seen.rglob("*.png"))]
        headstart("pretrain", seen, "--out", run, "--steps", 1, f"processor.side={SIDE}")
        begun = _children()
        headstart("transfer", run, "--data", seen, "--route", "scratch", "--out", task, *(settings or SETTINGS))
        spent = _children() - begun
        trained, asked = PretrainedModel.open(task / "network"), episodes(characters, seed=0)
        own = [ImageRef.from_file(path) for folder in characters for path in sorted(folder.iterdir())]
        scores = [by_pixels(asked, SIDE), right(trained.fresh(0), images, asked)]
        scores += [right(trained, images, asked), right(trained, own, asked)]
        table.append([one.mean() for one in scores])
        errors = [1.96 * one.std() / np.sqrt(EPISODES) for one in scores]
        shown = " | ".join(f"{one:.3f} ± {error:.3f}" for one, error in zip(table[-1], errors))
        print(f"| {held} | {len(characters)} | {shown} | {spent:.0f} |", flush=True)
    print("| mean | | " + " | ".join(f"{one:.3f}" for one in np.mean(table, 0)) + " | |")


def _children() -> float:
    """Return the CPU seconds of all finished child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def mnist(data: Path, work: Path, minutes: float, seeds: int) -> None:
    """Print the probe's scores with mirrored views and without, at 10 and 100 labels."""
    train, test = (data / "mnist" / f"{part}.npz" for part in ("train", "test"))
    print("| views | seed | labels | probe | others |\n|---|---|---|---|---|")
    for seed in range(seeds):
        for flip in (0.0, 0.5):
            run, report = work / f"flip-{flip}-{seed}", work / f"report-{flip}-{seed}"
            headstart("pretrain", train, "--out", run, "--minutes", minutes, "--seed", seed, f"objective.flip={flip}")
            routes = ("--routes", "probe,prototypes,hog_svm", "--labels", "10,100", "--draws", 10, "--deep")
            asked = ("--data", train, "--test", test, *routes, "--audit", "skip", "--minutes", 10)
            headstart("compare", run, *asked, "--out", report)
            for one in json.loads((report / "report.json").read_text())["sizes"]:
                told = {re.split(r"\W", entry["entry"])[0]: entry for entry in one["entries"]}
                others = ", ".join(f"{name} {entry['mean']:.3f}" for name, entry in told.items() if name != "probe")
                probe = told["probe"]
                span = f"{probe['mean']:.3f} ({probe['low']:.3f} to {probe['high']:.3f})"
                print(f"| flip {flip} | {seed} | {one['labels']} | {span} | {others} |", flush=True)


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("omniglot", "mnist"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--settings", nargs="*", default=[])
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    if given.what == "omniglot":
        omniglot(given.data, given.work, given.settings)
    else:
        mnist(given.data, given.work, given.minutes, given.seeds)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
