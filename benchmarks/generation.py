"""Bar H5: writing 256 tokens with GPT-2 beside `generate` of transformers, one text and many at once.

    python benchmarks/generation.py [--threads 2] [--rounds 3] [--peers .venv-peers]

Two networks with random weights, made by transformers and opened by both sides: GPT-2 of 124 M parameters and a small
one (6 layers of 256, 8,192 ids). Each side writes greedily from the same 16 ids, in a process of its own, in turns;
seconds are those of writing, with headstart's choice of int8 (packing included), without opening the model. Prints a
Markdown table, with the cosine of the logits of int8 and fp32 after the prompt.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from peers import python_of

TOKENS = 256
MAKE = """
import sys
from transformers import GPT2Config, GPT2LMHeadModel, set_seed
set_seed(0)
large = {} if sys.argv[2] == "large" else {"n_layer": 6, "n_embd": 256, "n_head": 8, "vocab_size": 8192}
GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0, **large)).save_pretrained(sys.argv[1])
"""
PEER = """
import sys, time, torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
ids = torch.arange(100, 116).repeat(int(sys.argv[2]), 1)
how = {"attention_mask": torch.ones_like(ids), "do_sample": False, "pad_token_id": 0}
with torch.no_grad():
    model.generate(ids, max_new_tokens=4, min_new_tokens=4, **how)
    begun = time.perf_counter()
    found = model.generate(ids, max_new_tokens=int(sys.argv[4]), min_new_tokens=int(sys.argv[4]), **how)
print(time.perf_counter() - begun, found[:, 16:].numel(), 1.0)
"""
OURS = """
import sys, time, numpy as np, torch
from headstart.core.device import set_threads
from headstart.language_models.bits_per_byte import LanguageModel
from headstart.language_models.generation import quicker
from headstart.nn.decoding import greedy, write
from headstart.training.pretrained_model import PretrainedModel
set_threads()
model, many = LanguageModel(PretrainedModel.open(sys.argv[1])), int(sys.argv[2])
begun_ids = [np.arange(100, 116)] * many
write(model.step, *model.read(begun_ids), most=4, end_id=-1, choose=greedy)
begun = time.perf_counter()
quick = quicker(model, begun_ids, int(sys.argv[4]), sys.argv[3])
found = write(quick.step, *model.read(begun_ids), most=int(sys.argv[4]), end_id=-1, choose=greedy)
seconds = time.perf_counter() - begun
logits, carry = model.read(begun_ids)
told = [one.step(logits.argmax(1), carry)[0].flatten() for one in (model, quick)]
print(seconds, sum(len(one.ids) for one in found), float(torch.cosine_similarity(*told, dim=0)))
"""


def measured(python: Path | str, program: str, *arguments: object, threads: int) -> tuple[float, float]:
    """Return (tokens a second, cosine) of a program in a process of its own."""
    command = [str(python), "-W", "ignore", "-c", program, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, tokens, cosine = done.stdout.split()[-3:]
    return float(tokens) / float(seconds), float(cosine)


def with_tokenizer(folder: Path) -> None:
    """Add a tokenizer, which headstart wants beside a network; its ids are those that the network has."""
    from headstart.core import registry

    texts = ["a text of a few words", "another one"] * 20
    registry.load("processor", "bpe")().train(iter(texts), 280).save(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    options = parser.parse_args()
    peers = python_of(options.peers)
    print(f"{options.threads} threads, {options.rounds} rounds, {TOKENS} tokens\n")
    print("| network | texts | side | tokens/s, median (range) | times generate | cosine |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        for size in ("large", "small"):
            folder = Path(work) / size
            subprocess.run([peers, "-W", "ignore", "-c", MAKE, folder, size], check=True, capture_output=True)
            with_tokenizer(folder)
            for many in (1, 16):
                sides = {"generate": (peers, PEER, ""), "headstart fp32": (sys.executable, OURS, "fp32")}
                sides["headstart"] = (sys.executable, OURS, "auto")
                found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
                for _ in range(options.rounds):
                    for name, (python, program, how) in sides.items():
                        found[name].append(
                            measured(python, program, folder, many, how or "-", TOKENS, threads=options.threads)
                        )
                peer = statistics.median(speed for speed, _ in found["generate"])
                for name, rounds in found.items():
                    speeds = sorted(speed for speed, _ in rounds)
                    middle = statistics.median(speeds)
                    told = f"{middle:.1f} ({speeds[0]:.1f}-{speeds[-1]:.1f}) | {middle / peer:.2f} | {rounds[0][1]:.4f}"
                    print(f"| {size} | {many} | {name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
