"""Bar H4: vectors of short texts by a sentence model beside sentence-transformers.

    python benchmarks/embedding.py MODEL --data ../shared/data [--rows 2000] [--threads 2] [--rounds 3]

MODEL: a folder of sentence-transformers, such as all-MiniLM-L6-v2. The texts are the first rows of NSMC's dev set. Each
round runs every side once, in turns, each in a process of its own; seconds are those of the vectors, after a first
batch, without opening the model. Sides: sentence-transformers in fp32, headstart in fp32 and, where the machine is
quicker with it, in bf16 (`embed --precision auto`), headstart's network with weights in int8 (`nn/int8.py`). Prints a
Markdown table with the mean cosine to the vectors of sentence-transformers, and what the machine's matrix product of
that size does, so that one sees how near each side is to it.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from peers import python_of

PEER = """
import sys, time, numpy as np
from pathlib import Path
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
texts = Path(sys.argv[2]).read_text(encoding="utf-8").split("\\n")
model.encode(texts[:64])
begun = time.perf_counter()
found = model.encode(texts)
print(time.perf_counter() - begun)
np.save(sys.argv[3], found)
"""
OURS = """
import sys, time, dataclasses, numpy as np
from pathlib import Path
from headstart.core.device import set_threads
from headstart.nn.int8 import int8_copy
from headstart.training.pretrained_model import PretrainedModel
set_threads()
model, texts = PretrainedModel.open(Path(sys.argv[1])), Path(sys.argv[2]).read_text(encoding="utf-8").split("\\n")
if sys.argv[4] == "bf16":
    model = dataclasses.replace(model, dtype="bf16")
if sys.argv[4] == "int8":
    model = dataclasses.replace(model, backbone=int8_copy(model.backbone))
model.embed(texts[:64])
begun = time.perf_counter()
found = model.embed(texts)
print(time.perf_counter() - begun)
np.save(sys.argv[3], found)
"""


def peak(width: int = 384, rows: int = 1_024) -> float:
    """Return the GFLOP/s of a matrix product of the size that the network's are."""
    left, right = torch.randn(rows, width), torch.randn(width, 4 * width)
    for _ in range(20):
        left @ right
    begun = time.perf_counter()
    for _ in range(100):
        left @ right
    return 100 * 2 * rows * width * 4 * width / (time.perf_counter() - begun) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    options = parser.parse_args()
    with gzip.open(options.data / "nsmc/dev.tsv.gz", "rt", encoding="utf-8") as stream:
        texts = [line.split("\t")[1] for line in stream][1 : options.rows + 1]
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    torch.set_num_threads(options.threads)
    sides = {
        "sentence-transformers, fp32": (python_of(options.peers), PEER, ""),
        "headstart, fp32": (sys.executable, OURS, "fp32"),
        "headstart, bf16 where it is quicker": (sys.executable, OURS, "bf16"),
        "headstart, int8": (sys.executable, OURS, "int8"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    vectors = {}
    with tempfile.TemporaryDirectory() as work:
        text, out = Path(work) / "texts.txt", Path(work) / "vectors.npy"
        text.write_text("\n".join(texts), encoding="utf-8")
        for _ in range(options.rounds):
            for name, (python, program, how) in sides.items():
                command = [str(python), "-W", "ignore", "-c", program, str(options.model), str(text), str(out), how]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(done.stderr)
                seconds[name].append(float(done.stdout.split()[-1]))
                vectors[name] = np.load(out)
    first = next(iter(sides))
    print(f"{len(texts):,} texts, {options.threads} threads; [1024, 384] x [384, 1536]: {peak():.0f} GFLOP/s\n")
    print("| side | texts/s, median | range | times sentence-transformers | cosine |\n|---|---|---|---|---|")
    for name, taken in seconds.items():
        rates = sorted(len(texts) / one for one in taken)
        rate, base = statistics.median(rates), len(texts) / statistics.median(seconds[first])
        unit = [found / np.linalg.norm(found, axis=1, keepdims=True) for found in (vectors[name], vectors[first])]
        cosine = float((unit[0] * unit[1]).sum(1).mean())
        print(f"| {name} | {rate:.0f} | {rates[0]:.0f} to {rates[-1]:.0f} | {rate / base:.2f} | {cosine:.4f} |")


if __name__ == "__main__":
    main()
