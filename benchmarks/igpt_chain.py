"""Bar J4: the chain of image GPT on Fashion-MNIST, pixels and codes: which layer reads best, and when it passes pixels.

    python benchmarks/igpt_chain.py --data ../shared/data --work WORK --minutes 2 5 10 20 30 --beside views \
        > benchmarks/results/DATE-igpt-chain.md

Each recipe is pre-trained anew for each number of minutes, on all training images without labels, because the learning
rate follows the budget; runs and vectors that lie in WORK are taken as they are. Every layer is read by the same linear
probe: vectors of 3,000 training images, standardised with their own statistics, brought to length 1; nested draws with
equally many labels of each class; tested on 2,000 dev images. One thread. Differences are paired, with 95 % intervals
over draws and test rows. Pre-training takes the minutes that are named: 2 h 44 min with those above.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from headstart.core.device import set_threads
from headstart.core.examples import ImageRef
from headstart.core.seeds import numpy_generator
from headstart.data.corpus import Corpus
from headstart.fitting.linear import fit_linear
from headstart.images.squares import squares
from headstart.nn.pooling import pool
from headstart.statistics.intervals import Estimate, estimate
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.hog import HogVectors
from headstart.vectors.pixels import PixelVectors
from headstart.vectors.transform import VectorTransform

POOL, TEST, CLASSES, AT_ONCE = 3_000, 2_000, 10, 128


class Rows(NamedTuple):
    """items: POOL + TEST images; labels_N: their classes."""

    items: list[ImageRef]
    labels_N: np.ndarray


class Row(NamedTuple):
    """A line of the table. right: by number of labels whether each test row was right in each draw, [D, TEST]."""

    name: str
    layer: int | None
    right: dict[int, np.ndarray]

    def mean(self, labels: int) -> float:
        """Return the accuracy."""
        return float(self.right[labels].mean())


def read_rows(data: Path) -> Rows:
    """Return POOL random training images and TEST random dev images, in random order."""
    items: list[ImageRef] = []
    labels = []
    for part, count in (("train", POOL), ("dev", TEST)):
        path = data / "fashion_mnist" / f"{part}.npz"
        every = list(Corpus([str(path)]).documents())
        rows = numpy_generator(0, "igpt chain", part).permutation(len(every))[:count]
        items += [every[row] for row in rows]
        labels.append(np.load(path)["y"][rows])
    return Rows(items, np.concatenate(labels).astype(np.int64))


def pretrained(recipe: str, minutes: float, data: Path, work: Path) -> Path:
    """Pre-train where it was not done yet, in a process of its own; its seconds of the processor are written beside."""
    run = work / f"{recipe}-{minutes:g}"
    if not (run / "run.json").is_file():
        words = ["pretrain", str(data / "fashion_mnist" / "train.npz"), "--out", str(run), "--recipe", recipe]
        words += ["--minutes", f"{minutes:g}", "--threads", "1"]
        print(f"$ headstart {' '.join(words)}", file=sys.stderr, flush=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.monotonic()
        subprocess.run([sys.executable, "-m", "headstart", *words], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = {"wall": time.monotonic() - begun, "processor": after.ru_utime - before.ru_utime}
        run.with_suffix(".json").write_text(json.dumps(took))
    return run


@torch.no_grad()
def layers_of(run: Path, items: list[ImageRef]) -> list[np.ndarray]:
    """Return the vectors of each layer, embeddings first, float32 [N, D] each; made once."""
    kept = run.with_suffix(".npz")
    if kept.is_file():
        with np.load(kept) as arrays:
            return [arrays[name] for name in sorted(arrays.files)]
    base = PretrainedModel.open(run)
    found: list[list[np.ndarray]] = []
    for low in range(0, len(items), AT_ONCE):
        encoded = base.processor.encode(items[low : low + AT_ONCE])
        batch = base.processor.collate([base.processor.windows(one, base.max_length)[0] for one in encoded])
        features = base.backbone(batch, layers=True)
        # The last layer is read as `probe` reads it: of small_resnet its readout, which is none of the stages.
        vectors = [pool(features, base.auto_pooling, layer) for layer in range(base.backbone.depth)]
        found.append([one.float().numpy() for one in (*vectors, pool(features, base.auto_pooling))])
    layers = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    np.savez(kept, **{f"{number:02}": layer for number, layer in enumerate(layers)})
    return layers


def probed(name: str, layer: int | None, vectors_ND: np.ndarray, labels_N: np.ndarray, draws: dict[int, int]) -> Row:
    """Return the right answers of the linear probe; draws: their number by labels."""
    features_ND = VectorTransform.standardising(vectors_ND[:POOL], "pool").apply(vectors_ND)
    right: dict[int, list[np.ndarray]] = {labels: [] for labels in draws}
    for draw in range(max(draws.values())):
        order = numpy_generator(draw, "igpt chain draw").permutation(POOL)
        by_class = [order[labels_N[order] == one] for one in range(CLASSES)]
        for labels, most in draws.items():
            if draw < most:
                rows = np.concatenate([own[: labels // CLASSES] for own in by_class])
                linear, _ = fit_linear(features_ND[rows], labels_N[rows], CLASSES, default=1.0, seed=draw)
                right[labels].append(linear.predict_proba(features_ND[POOL:]).argmax(1) == labels_N[POOL:])
    return Row(name, layer, {labels: np.array(found, float) for labels, found in right.items()})


def lead(first: Row, second: Row, labels: int) -> Estimate:
    """Return by how much the first is ahead."""
    return estimate(first.right[labels] - second.right[labels], overlap=labels / POOL, rows=TEST)


def number(value: float) -> str:
    """Write .123."""
    return f"{value:.3f}".removeprefix("0")


def told(made: Estimate) -> str:
    """Return a difference with its interval: +.012 (-.003 to +.027)."""
    value, low, high = (f"{one:+.3f}".replace("0.", ".", 1) for one in (made.value, *made.interval()))
    return f"{value} ({low} to {high})"


def print_scores(rows: list[Row], plain: Row, sizes: list[int]) -> None:
    """Print every row: mean and standard deviation over draws, and the difference from pixels."""
    print("| row | layer | " + " | ".join(f"{labels:,} labels | minus pixels" for labels in sizes) + " |")
    print("|---|---|" + "---|---|" * len(sizes))
    for row in rows:
        cells = []
        for labels in sizes:
            spread = row.right[labels].mean(1).std(ddof=1) if len(row.right[labels]) > 1 else 0.0
            cells += [
                f"{number(row.mean(labels))} (sd {number(spread)})",
                "" if row is plain else told(lead(row, plain, labels)),
            ]
        print(f"| {row.name} | {'' if row.layer is None else row.layer} | " + " | ".join(cells) + " |")
    print(flush=True)


def print_chain(runs: dict[tuple[str, float], list[Row]], plain: Row, sizes: list[int]) -> None:
    """Print for each run the layer that reads best, and for each recipe when it passes pixels."""
    print("| recipe | minutes | labels | best layer | of | accuracy | minus pixels | minus last layer |")
    print("|---|---|---|---|---|---|---|---|")
    passed: dict[tuple[str, int], float] = {}
    for (recipe, minutes), layers in runs.items():
        for labels in sizes:
            best = max(layers, key=lambda row: row.mean(labels))
            ahead = lead(best, plain, labels)
            last = "" if best is layers[-1] else told(lead(best, layers[-1], labels))
            cells = [recipe, f"{minutes:g}", f"{labels:,}", best.layer, layers[-1].layer, number(best.mean(labels))]
            print("| " + " | ".join(map(str, [*cells, told(ahead), last])) + " |")
            if ahead.value > 0:
                passed.setdefault((recipe, labels), minutes)
    print()
    for recipe, most in dict(runs.keys()).items():  # the minutes of the last run
        for labels in sizes:
            when = passed.get((recipe, labels))
            how = f"passes raw pixels after {when:g} minutes" if when else f"is below raw pixels after {most:g} minutes"
            print(f"- {recipe}, {labels:,} labels: the best layer {how}")
    print(flush=True)


def main() -> None:
    """Pre-train, embed, probe and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10, 20, 30])
    parser.add_argument("--recipes", nargs="+", default=["igpt", "vqvae_igpt"])
    parser.add_argument("--beside", nargs="*", default=["views"], help="recipes for the most minutes, last layer alone")
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 100, 1_000])
    parser.add_argument("--draws", type=int, default=10, help="of 1,000 labels half as many")
    given = parser.parse_args()
    set_threads(1)
    given.work.mkdir(parents=True, exist_ok=True)
    draws = {labels: max(given.draws // (1 + (labels >= 1_000)), 2) for labels in given.labels}
    rows, most = read_rows(given.data), max(given.minutes)
    asked = [(recipe, minutes) for recipe in given.recipes for minutes in sorted(given.minutes)]
    folders = {
        key: pretrained(*key, given.data, given.work) for key in [*asked, *((one, most) for one in given.beside)]
    }
    pictures_NSSC = squares(rows.items, 28, grey=True)
    kinds = {"pixels": PixelVectors, "HOG": HogVectors}
    classical = {name: kind.learn(pictures_NSSC).rows(pictures_NSSC) for name, kind in kinds.items()}
    scored = [probed(name, None, found, rows.labels_N, draws) for name, found in classical.items()]
    runs: dict[tuple[str, float], list[Row]] = {}
    for (recipe, minutes), run in folders.items():
        name, layers = f"{recipe}, {minutes:g} min", list(enumerate(layers_of(run, rows.items)))
        asked_layers = layers if recipe in given.recipes else layers[-1:]
        found = [probed(name, number, layer, rows.labels_N, draws) for number, layer in asked_layers]
        scored += found
        if recipe in given.recipes:
            runs[recipe, minutes] = found
    plain = scored[0]
    print_scores(scored, plain, given.labels)
    print_chain(runs, plain, given.labels)
    for run in folders.values():
        steps = json.loads((run / "run.json").read_text())["result"]["step"]
        took = json.loads(run.with_suffix(".json").read_text())
        seconds = f"{took['wall']:.0f} s by the clock, {took['processor']:.0f} s of the processor"
        print(f"- {run.name}: {steps:,} steps, {seconds}")


if __name__ == "__main__":
    main()
