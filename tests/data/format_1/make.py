"""Make artefacts of format 1 with the program that wrote that format (commit 70dc567); see core/test_migration.py.

Command: PYTHONPATH=OLD/src python tests/data/format_1/make.py, in an environment of the old program. It writes beside
itself. Paths of the machine are taken out of run.json and inputs.json, which no manifest of format 1 lists.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import tempfile
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}  # the latter: fp32 wins every race

import torch

from headstart.commands.app import main

HOME = Path(__file__).resolve().parent
TOPICS = {
    "film": ("film", "actor", "scene", "story", "영화", "배우", "연기"),
    "food": ("bread", "soup", "taste", "dinner", "음식", "요리", "식당"),
}
SAME = "--threads 1 training.dtype=fp32 batches.tokens=256 training.save_steps=4 --steps 8"
RUNS = {
    "halves": "--objective halves --vocabulary 120 backbone.width=8 backbone.mlp_width=8",
    "mlm": "--objective mlm --vocabulary 60 backbone.width=8 backbone.depth=1 backbone.heads=2 backbone.mlp_width=8 "
    "objective.rate=0.4 batches.window=24",
}
TRAINED = "route.epochs=1 route.least_steps=3 route.head_steps=2 route.choose_rate=no route.rate=0.01"
TASKS = {
    "probe": "halves --route probe",
    "finetune": f"mlm --route finetune {TRAINED}",
    "seeds": "mlm --route seeds route.count=2 "
    "route.member=finetune:epochs=1:least_steps=3:head_steps=2:choose_rate=no:rate=0.01",
}


def headstart(command: str) -> None:
    try:
        main(command.split())
    except SystemExit as done:
        if done.code:
            raise


def write_data() -> None:
    source = random.Random(5)
    rows = [(" ".join(source.choices(words, k=8)), name) for _ in range(40) for name, words in TOPICS.items()]
    Path("text.txt").write_text("".join(f"{text}\n" for text, _ in rows), encoding="utf-8")
    for name, some in (("train", rows[:32]), ("test", rows[32:52])):
        lines = ["document\tlabel", *("\t".join(row) for row in some)]
        Path(f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make() -> None:
    write_data()
    Path("expected").mkdir()
    for name, settings in RUNS.items():
        headstart(f"pretrain text.txt --out {name} {settings} {SAME}")
        headstart(f"embed {name} text.txt --out expected/{name}.npy")
        last = Path(name, "checkpoints/step-000000008")  # the runs go on from the middle and must end as they did
        shutil.copy(last / "weights.safetensors", f"expected/{name}.safetensors")
        shutil.rmtree(last)
        headstart(f"embed {name} text.txt --out expected/{name}_middle.npy")
    labels = "--data train.tsv --test test.tsv --labels 8 --draws 2 --audit skip"
    headstart(f"compare halves {labels} --routes probe,tfidf_nb --threads 1 --language en --out report probe.usual=3.0")
    for name, settings in TASKS.items():
        headstart(f"transfer {settings} --data train.tsv --out {name} --threads 1")
        headstart(f"predict {name} test.tsv --out expected/{name}.jsonl")
    headstart("export mlm --out export")
    headstart("embed export text.txt --out expected/export.npy")
    for path in (*Path().glob("*/run.json"), Path("report/inputs.json")):
        path.write_text(path.read_text(encoding="utf-8").replace(f"{Path.cwd()}/", ""), encoding="utf-8")
    told = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = [line.split(":")[1].strip() for line in told if line.startswith("model name")]
    about = {"cpu": cpu[0], "python": platform.python_version(), "torch": torch.__version__}
    Path("expected/about.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        make()
        for path in Path().iterdir():
            target = HOME / path.name
            shutil.rmtree(target, ignore_errors=True) if path.is_dir() else target.unlink(missing_ok=True)
            shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
