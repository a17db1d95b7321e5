"""Bar J8, decoding: photographs a second that become pixels of a run, by one core and by all.

    python benchmarks/image_decoding.py --data ../shared/data/flower_photos/train.zip [--rounds 3]

Each photograph is decoded, turned upright, cut and resized, as `pretrain` does before it trains. Wall clock, one thread
and all cores in turns in one process; the fastest round counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from headstart.core import registry
from headstart.core.device import in_threads, set_threads
from headstart.data.read_request import ReadRequest, read_labelled_rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows, _ = read_labelled_rows(ReadRequest(paths=given.data), lambda line: None)
    images, cores = list(rows.items), len(os.sched_getaffinity(0))
    set_threads(1)
    processor = registry.load("processor", "pixels")().train(images)
    best = dict.fromkeys((1, cores), float("inf"))
    for _ in range(given.rounds):
        for threads in best:
            set_threads(threads)
            begun = time.monotonic()
            in_threads(processor.read, images)
            best[threads] = min(best[threads], time.monotonic() - begun)
    size = sum(len(image.read()) for image in images) / len(images)
    print(f"{len(images):,} images, {size / 1000:.0f} kB on average, to {processor.shape.height} pixels a side\n")
    print("| threads | images/s | times one |\n|---|---|---|")
    for threads, seconds in best.items():
        print(f"| {threads} | {len(images) / seconds:,.0f} | {best[1] / seconds:.2f} |")


if __name__ == "__main__":
    main()
