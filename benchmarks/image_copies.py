"""Bar J6: planted copies of images: how many are found, how many others are called copies, how long 60,000 take.

    python benchmarks/image_copies.py --data ../shared/data [--out FOLDER] [--sets fashion_mnist,flower_photos,nuclei]

Into each set 1 % of its images are planted once more for each change: as they are (as PNG), as JPEG of quality 50,
resized by .5, .75, 1.5 or 2 with one of three filters, mirrored, and cut to 90 % of both sides at a random place. A
planted copy is found when the audit names its original, or another copy of that, as what it copies. All others that
are called copies of something unplanted count as false, whatever they look like; those are on a contact sheet
in --out, pairs side by side, since some are one image twice. Small sets are planted several times, 100 copies of a
change at least. Across: the same copies as test rows, held against the set. One core; Markdown to standard output.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.auditing import image_items
from headstart.auditing.copies import Copies, first_with, inside
from headstart.auditing.image_copies import how
from headstart.core.device import set_threads
from headstart.core.examples import ImageRef
from headstart.images.contact_sheet import contact_sheet
from headstart.images.decode import decode

FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
SHARE, FEWEST, CROP = 0.01, 100, 0.9
Random = np.random.Generator


def _encoded(image: Image.Image, kind: str = "PNG", **settings: object) -> ImageRef:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return ImageRef.from_bytes(stream.getvalue())


def _resized(image: Image.Image, random: Random) -> ImageRef:
    by = random.choice([0.5, 0.75, 1.5, 2])
    sides = [max(1, round(side * by)) for side in image.size]
    return _encoded(image.resize(sides, FILTERS[random.integers(3)]))


def _cropped(image: Image.Image, random: Random) -> ImageRef:
    wide, high = (round(CROP * side) for side in image.size)
    left, top = random.integers(image.width - wide + 1), random.integers(image.height - high + 1)
    return _encoded(image.crop((left, top, left + wide, top + high)))


CHANGES: dict[str, Callable[[Image.Image, Random], ImageRef]] = {
    "exact": lambda image, random: _encoded(image),
    "JPEG 50": lambda image, random: _encoded(image, "JPEG", quality=50),
    "resized": _resized,
    "mirrored": lambda image, random: _encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "90 % crop": _cropped,
}
BARS = {"exact": 0.99, "JPEG 50": 0.97, "resized": 0.97, "mirrored": 0.97, "90 % crop": 0.9, "false": 0.005}


def images_of(data: Path, name: str) -> list[ImageRef]:
    """Return all images of a set, encoded as its readers give them."""
    if name == "fashion_mnist":
        parts = [np.load(data / name / f"{part}.npz")["x"] for part in ("train", "dev")]
        return [_encoded(Image.fromarray(pixels), "PPM") for pixels in np.concatenate(parts)]
    archives = {"flower_photos": ("train.zip", "dev.zip"), "nuclei": ("nuclei.zip",)}[name]
    found = []
    for archive in archives:
        with zipfile.ZipFile(data / name / archive) as files:
            names = sorted(one for one in files.namelist() if one.endswith(".jpg"))
            found += [ImageRef.from_bytes(files.read(one)) for one in names]
    return found


def planted(images: Sequence[ImageRef], count: int, seed: int) -> tuple[list[ImageRef], np.ndarray, list[str]]:
    """Return copies of `count` images for each change, other images for each; rows of the originals; the changes."""
    random = np.random.default_rng([seed, 7])
    rows = random.permutation(len(images))[: count * len(CHANGES)]
    names = [name for name in CHANGES for _ in range(count)]
    copies = []
    for row, name in zip(rows, names):
        copies.append(CHANGES[name](Image.fromarray(decode(images[row]).pixels.squeeze()), random))
    return copies, rows, names


def found_inside(images: Sequence[ImageRef], copies: Sequence[ImageRef], rows: np.ndarray) -> tuple[np.ndarray, list]:
    """Return which copies are named as copies of their originals, and the pairs of unplanted images that are named."""
    every = [*images, *copies]
    folds = image_items.folds(every)
    found = inside(every, folds)
    mate_N = np.where(
        found.exact_N >= 0, found.exact_N, np.where(found.normalised_N >= 0, found.normalised_N, found.near_N)
    )
    first_N = first_with(folds[: len(images)])  # some sets hold equal pixels twice
    origin_N = first_N[np.concatenate([np.arange(len(images)), rows])]
    right = (mate_N >= 0) & (origin_N[mate_N] == origin_N)
    false = np.flatnonzero((found.near_N[: len(images)] >= 0) & ~right[: len(images)])
    return right[len(images) :], [(int(row), int(origin_N[found.near_N[row]])) for row in false]


def found_across(images: Sequence[ImageRef], copies: Sequence[ImageRef], rows: np.ndarray) -> np.ndarray:
    """Return which copies, as test rows, are named as copies of their originals among the streamed images."""
    target = Copies(copies, image_items.folds(copies))
    for start in range(0, len(images), 8_192):
        some = images[start : start + 8_192]
        target.add(some, image_items.folds(some))
    first_N = first_with(image_items.folds(images))
    at_N = target.result()[1]
    return (at_N >= 0) & (first_N[at_N] == first_N[rows])


def write_sheet(images: Sequence[ImageRef], pairs: Sequence[tuple[int, int]], path: Path) -> None:
    """Write the pairs side by side, four a row."""
    shown = [decode(images[row]).pixels for pair in pairs[:160] for row in pair]
    path.write_bytes(contact_sheet(shown, 2_000_000).png)


def measure(name: str, images: list[ImageRef], out: Path | None) -> bool:
    """Print the lines of one set; return whether it keeps the bars."""
    count = max(1, round(SHARE * len(images)))
    hits: dict[str, list[bool]] = {change: [] for change in CHANGES}
    across: dict[str, list[bool]] = {change: [] for change in CHANGES}
    rates, pairs, seconds = [], {}, []
    for seed in range(-(-FEWEST // count)):
        copies, rows, names = planted(images, count, seed)
        begun = time.process_time()
        right, false = found_inside(images, copies, rows)
        seconds.append(time.process_time() - begun)
        other = found_across(images, copies, rows)
        for change, one, two in zip(names, right, other):
            hits[change].append(bool(one))
            across[change].append(bool(two))
        rates.append(len(false) / len(images))
        pairs |= {tuple(sorted(pair)): None for pair in false}
    mean = {change: float(np.mean(found)) for change, found in hits.items()}
    kept = all(mean[change] >= BARS[change] for change in CHANGES) and max(rates) <= BARS["false"]
    cells = [f"{mean[change]:.3f} ({np.mean(across[change]):.3f})" for change in CHANGES]
    print(
        f"| {name} | {len(images):,} | {len(hits['exact']):,} | {' | '.join(cells)} | {max(rates):.4f} "
        f"| {seconds[0]:.0f} |"
    )
    if pairs and out is not None:
        folds = image_items.folds([images[row] for pair in pairs for row in pair])
        kinds = Counter(how(one, other) for one, other in zip(folds[::2], folds[1::2]))
        print(f"{name}: {len(pairs)} pairs of unplanted images ({dict(kinds)}), {out / name}.png", file=sys.stderr)
        write_sheet(images, list(pairs), out / f"{name}.png")
    sys.stdout.flush()
    return kept


def main() -> None:
    """Measure every set; the exit code is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", default="nuclei,flower_photos,fashion_mnist")
    parser.add_argument("--first", type=int, help="so many images of each set only")
    given = parser.parse_args()
    set_threads(1)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
    print("| set | images | copies of a change | " + " | ".join(CHANGES) + " | others called copies | CPU s |")
    print("|" + "---|" * (len(CHANGES) + 5))
    kept = [measure(name, images_of(given.data, name)[: given.first], given.out) for name in given.sets.split(",")]
    raise SystemExit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
