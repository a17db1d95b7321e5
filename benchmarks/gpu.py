"""Bar H7: what one GPU does, as the table of the guide: one command, at most ten minutes.

    python benchmarks/gpu.py [--text TEXT] [--device cuda] [--seconds 20] [--small]

Prints a Markdown table, a row as soon as it is known, each with tokens, n-gram ids or images a second, the share of the
chip's peak (an 8192-cubed bf16 product in the same process), seconds from the start of training to the end of its
first step, and GPU memory:

- mlm, causal: 12 layers of 768, batches of 65,536 tokens;
- halves: batches of 65,536 n-gram ids;
- views: ResNet-18, images of 32 x 32 pixels, 512 a batch;
- preparing the text: tokenizer and store.

TEXT holds a document per line; without it, 100,000 made-up lines. --small: small networks, for a machine without a
GPU, which shows that the script runs and nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from headstart.core.device import device_name, pick_device, use_device
from headstart.data.corpus import Corpus
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.training.events import Event
from headstart.training.loop import fit, start_state
from headstart.training.prepare import Prepared, prepared
from headstart.training.run_folder import RunFolder
from headstart.training.run_spec import RunSpec

LARGE = {
    "mlm": ["backbone.depth=12", "backbone.width=768", "backbone.heads=12", "backbone.mlp_width=1536"],
    "causal": ["backbone.depth=12", "backbone.width=768", "backbone.heads=12"],
    "halves": [],
    "views": ["backbone=resnet", "batches.images=512", "objective.crop=32"],
}
SMALL = {"mlm": ["backbone.depth=1"], "causal": ["backbone.depth=1"], "halves": [], "views": ["batches.images=32"]}


def made_up_text(path: Path) -> Path:
    """Write 100,000 lines of words by Zipf's law."""
    random = np.random.default_rng(0)
    rank = np.minimum(random.zipf(1.3, 1_800_000), 30_000).reshape(100_000, 18)
    path.write_text("\n".join(" ".join(f"w{one}" for one in line) for line in rank.tolist()), encoding="utf-8")
    return path


def made_up_images(folder: Path, count: int) -> Path:
    """Write images of noise over two colours."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        pixels = random.integers(0, 128, (32, 32, 3)) + random.integers(0, 128, 3)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def peak(side: int) -> float:
    """Return the FLOP/s of a product of matrices of this side, bf16 on a GPU, the best of ten."""
    device = pick_device()
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    one = torch.randn(side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(10):
        begun = time.perf_counter()
        one @ one
        _wait()
        best = min(best, time.perf_counter() - begun)
    return 2 * side**3 / best


def _wait() -> None:
    if pick_device().type == "cuda":
        torch.cuda.synchronize()


def timed(spec: RunSpec, run: Prepared, seconds: float) -> tuple[float, float, float]:
    """Return (units a second after the first step, seconds until the end of the first step, steps)."""
    begun, ends = time.perf_counter(), []

    def watch(event: Event) -> None:
        if event.kind == "step":
            if not ends:
                _wait()
            ends.append((time.perf_counter(), event.units))

    plan = dataclasses.replace(spec.training, steps=None, seconds=seconds, evaluate_seconds=10**9, save_seconds=10**9)
    fit(start_state(run.objective, run.backbone, plan), run.batches, plan, [watch])
    _wait()
    done = time.perf_counter()
    (first, units), (_, all_units) = ends[0], ends[-1]
    return (all_units - units) / (done - first), first - begun, len(ends)


def flops_per_unit(run: Prepared, objective: str) -> float:
    """Return 6 x the parameters of matrices that a token passes, the head by the share that is scored; 0 = not told."""
    if objective not in ("mlm", "causal"):
        return 0.0
    matrices = sum(p.numel() for name, p in run.backbone.named_parameters() if p.ndim == 2 and "word" not in name)
    scored = 1.0 if objective == "causal" else getattr(run.objective.spec, "mask_ratio", 0.15)
    return 6 * (matrices + scored * run.backbone.vocabulary * run.backbone.width)


def rows(options: argparse.Namespace, work: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    top = peak(512 if options.small else 8192)
    yield f"{device_name(pick_device())}, torch {torch.__version__}, peak {top / 1e12:.1f} TFLOP/s"
    yield ""
    yield "| work | parameters | units/s | TFLOP/s | of peak | first step, s | preparing, s | steps | GPU memory, MB |"
    yield "|---|---|---|---|---|---|---|---|---|"
    text = options.text or made_up_text(work / "texts.txt")
    images = made_up_images(work / "images", 64 if options.small else 4_096)
    for objective, settings in (SMALL if options.small else LARGE).items():
        takes = "image" if objective == "views" else "text"
        facts = Facts({"paths": [str(images if takes == "image" else text)]}, 600.0, None, 0, not options.small, takes)
        recipe, _ = choose_recipe(objective, facts)
        spec = recipe.resolve(facts).override(settings)
        begun = time.perf_counter()
        home = RunFolder(work / objective)
        home.path.mkdir()
        run = prepared(spec, Corpus(**spec.corpus), home, "", lambda text: None)
        preparing = time.perf_counter() - begun
        speed, first, steps = timed(spec, run, options.seconds)
        used = speed * flops_per_unit(run, objective)
        cuda = pick_device().type == "cuda"
        memory = f"{torch.cuda.max_memory_allocated() // 10**6:,}" if cuda else "-"
        share = f"{used / 1e12:.1f} | {used / top:.1%}" if used else "- | -"
        size = sum(p.numel() for p in run.backbone.parameters()) / 1e6
        seconds = f"{first:.1f} | {preparing:.1f}"
        yield f"| {objective} | {size:.1f} M | {speed:,.0f} | {share} | {seconds} | {steps} | {memory} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    use_device(options.device)
    with tempfile.TemporaryDirectory() as work:
        for line in rows(options, Path(work)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
