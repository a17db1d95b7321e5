"""Bar H6: tokenising and packing a text beside `datasets` and `tokenizers`, and the memory for a long text.

    python benchmarks/preparation.py TEXT [--rounds 3] [--peers .venv-peers] [--gigabyte]

TEXT holds a document per line. All sides get one WordPiece tokenizer of 16,384 ids, trained by headstart beforehand.
Each round runs every side once, in turns, each in a process of its own:

- headstart: the text as a store of ids, ready to train from (checked, counted, written durably);
- datasets: `load_dataset("text")`, `map` of the tokenizer, `map` of group_texts, as examples of transformers do;
- datasets, two processes: the same with num_proc=2;
- encode_batch: `tokenizers` alone, all texts in memory, nothing written.

Seconds are those of the work, without imports; medians and ranges. --gigabyte: also the memory that headstart takes for
one gigabyte made by repeating the text. Prints a Markdown table.
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

OURS = """
import resource, sys, tempfile, time, torch
from pathlib import Path
from headstart.data.corpus import Corpus
from headstart.data.token_store import write_store
from headstart.text.fast_tokenizer import FastTokenizer
from headstart.core.device import set_threads
set_threads()
tokenizer, used = FastTokenizer.load(Path(sys.argv[2])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.perf_counter()
with tempfile.TemporaryDirectory() as folder:
    store = write_store(Corpus(sys.argv[1], unit="line"), tokenizer, Path(folder) / "store")
    seconds = time.perf_counter() - begun
print(seconds, store.tokens, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) // 1024)
"""
DATASETS = """
import os, sys, tempfile, time
from itertools import chain
home = tempfile.TemporaryDirectory()
os.environ |= {"HF_HOME": home.name, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
from datasets import load_dataset
from transformers import AutoTokenizer
tokenizer, processes, block = AutoTokenizer.from_pretrained(sys.argv[2]), int(sys.argv[3]) or None, 128
begun = time.perf_counter()
data = load_dataset("text", data_files=sys.argv[1], split="train")
tokenise = lambda rows: tokenizer(rows["text"], return_special_tokens_mask=True)
data = data.map(tokenise, batched=True, remove_columns=["text"], num_proc=processes)
def group(rows):
    joined = {name: list(chain(*values)) for name, values in rows.items()}
    length = len(joined["input_ids"]) // block * block
    return {name: [values[i : i + block] for i in range(0, length, block)] for name, values in joined.items()}
data = data.map(group, batched=True, num_proc=processes)
print(time.perf_counter() - begun, len(data) * block, 0)
"""
ENCODE = """
import sys, time
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[2] + "/tokenizer.json")
begun = time.perf_counter()
texts = open(sys.argv[1], encoding="utf-8").read().splitlines()
found = tokenizer.encode_batch(texts, add_special_tokens=False)
print(time.perf_counter() - begun, sum(len(one.ids) for one in found), 0)
"""


def measured(python: Path | str, program: str, *arguments: object) -> tuple[float, int, int]:
    """Return (seconds, tokens, MiB of memory above the start) of a program in a process of its own."""
    command = [str(python), "-W", "ignore", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, tokens, memory = done.stdout.split()[-3:]
    return float(seconds), int(tokens), int(memory)


def tokenizer_for(text: Path, folder: Path) -> None:
    """Train the tokenizer that all sides use."""
    from headstart.core import registry
    from headstart.data.corpus import Corpus

    folder.mkdir()
    registry.load("processor", "wordpiece")().train(Corpus(text, unit="line").documents(), 16_384).save(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--gigabyte", action="store_true")
    options = parser.parse_args()
    peers = python_of(options.peers)
    with tempfile.TemporaryDirectory() as work:
        tokenizer = Path(work) / "tokenizer"
        tokenizer_for(options.text, tokenizer)
        sides = {
            "headstart": lambda: measured(sys.executable, OURS, options.text, tokenizer),
            "datasets": lambda: measured(peers, DATASETS, options.text, tokenizer, 0),
            "datasets, two processes": lambda: measured(peers, DATASETS, options.text, tokenizer, 2),
            "encode_batch": lambda: measured(peers, ENCODE, options.text, tokenizer),
        }
        found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, run in sides.items():
                found[name].append(run())
                print(f"{name}: {found[name][-1][0]:.1f} s", file=sys.stderr)
        megabytes = options.text.stat().st_size / 1e6
        print(f"{megabytes:.0f} MB, {os.cpu_count()} cores, {options.rounds} rounds\n")
        print("| side | seconds, median (range) | tokens | times headstart |\n|---|---|---|---|")
        own = statistics.median(seconds for seconds, _, _ in found["headstart"])
        for name, rounds in found.items():
            seconds = sorted(one for one, _, _ in rounds)
            middle = statistics.median(seconds)
            low, high = seconds[0], seconds[-1]
            print(f"| {name} | {middle:.1f} ({low:.1f}-{high:.1f}) | {rounds[0][1]:,} | {middle / own:.1f} |")
        print(f"\nMemory of headstart above its start: {max(one for _, _, one in found['headstart']):,} MiB")
        if options.gigabyte:
            long, data = Path(work) / "long.txt", options.text.read_bytes()
            with open(long, "wb") as stream:
                while stream.tell() < 10**9:
                    stream.write(data)
            seconds, tokens, memory = measured(sys.executable, OURS, long, tokenizer)
            print(f"1 GB: {seconds:.1f} s, {tokens:,} tokens, {memory:,} MiB above the start")


if __name__ == "__main__":
    main()
