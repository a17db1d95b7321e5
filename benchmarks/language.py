"""Bar B4: language models on running text, each beside a Kneser-Ney n-gram model of the same tokens.

Commands: python benchmarks/language.py shakespeare --work WORK    (characters, 10 minutes, the usual 90/10 split)
          python benchmarks/language.py gutenberg --work WORK      (16 novels, byte-pair tokens, last 2 % held out)
Prints a table for benchmarks/results: bits per byte and nats per character of text that was never seen. Two cores.
"""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from pathlib import Path

import headstart as hs
from headstart.core.device import set_threads
from headstart.training.describe import describe


@dataclass(frozen=True)
class Model:
    """recipe and settings of a run."""

    recipe: str
    settings: tuple[str, ...]


_CHARACTERS = ("tokenizer=char", "batches.max_length=256")
SETS = {
    "shakespeare": {
        "transformer": Model("causal", _CHARACTERS),
        "gpt2": Model("gpt2", _CHARACTERS),
        "lstm": Model(
            "causal", (*_CHARACTERS, "backbone=lstm", "batches.max_length=128", "training.learning_rate=4e-3")
        ),
    },
    "gutenberg": {
        "transformer": Model("causal", ()),
        "lstm": Model("causal", ("backbone=lstm", "batches.max_length=64", "training.learning_rate=4e-3")),
    },
}
_VOCABULARY = {"shakespeare": None, "gutenberg": 4096}


def split(name: str, data: Path, work: Path) -> tuple[Path, Path]:
    """Write (train, held-out) text once and return where: the last tenth, or the last fiftieth of every novel."""
    train, held = work / f"{name}-train", work / f"{name}-held"
    if not held.is_dir():
        train.mkdir(parents=True, exist_ok=True)
        held.mkdir()
        one = name == "shakespeare"
        for path in sorted((data / ("tiny_shakespeare" if one else "gutenberg_en")).glob("*.txt.gz")):
            text = gzip.decompress(path.read_bytes()).decode("utf-8")
            border = 1_003_854 if one else int(0.98 * len(text))
            (train / path.stem).write_text(text[:border], encoding="utf-8")
            (held / path.stem).write_text(text[border:], encoding="utf-8")
    return train, held


def main() -> None:
    """Train and score every model of one set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    set_threads(given.threads)
    train, held = split(given.set, given.data, given.work)
    lines, control = [], None
    for name, model in SETS[given.set].items():
        if given.models and name not in given.models:
            continue
        run = given.work / f"{given.set}-{name}-{given.seed}"
        if not (run / "run.json").is_file():
            hs.pretrain(
                [str(train)],
                out=run,
                recipe=model.recipe,
                minutes=given.minutes,
                unit="file",
                vocabulary=_VOCABULARY[given.set],
                seed=given.seed,
                settings=["held_out=0", *model.settings],
            )
        score = hs.evaluate(run, [str(held)])
        low, high = score.interval()
        what = describe(hs.PretrainedModel.open(run))
        cells = f"{score.bits_per_byte:.4f} ({low:.4f} to {high:.4f}) | {score.nats_per_character:.4f}"
        lines.append(f"| {name} | {what} | {given.minutes:g} | {cells} |")
        control = score.control
    if control is not None:
        lines.append(f"| Kneser-Ney, order 5 | the same tokens | 0 | {control:.4f} | |")
    print("\n| model | network | minutes | bits per byte, 95 % interval | nats per character |\n|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
