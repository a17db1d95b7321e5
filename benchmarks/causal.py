"""Bar H2: a causal language model beside transformers' Trainer and a plain loop: how much sooner the same loss.

    python benchmarks/causal.py --data ../shared/data --work WORK [--minutes 10] [--threads 2] [--only NAMES]

16 English novels, the last 2 % of each held out. Every arm is a command of its own whose budget begins with the
process: `headstart pretrain --objective causal --minutes M` (its tokenizer is trained within the budget; the peers get
that tokenizer as a gift) and, of the peers, rows of 256 tokens:

- default: `peer_trainer.py` as run_clm trains GPT-2: 4 layers of 256, batches of 8, learning rate 5e-5, dropout .1;
- tuned: `peer_loop.py`, a plain loop in the manner of nanoGPT: random rows, no dropout, AdamW, warm-up and a cosine by
  the clock, 4 x 128 and 4 x 256, learning rates 1e-3 and 3e-3;
- headstart: the budgets of --ladder, in minutes.

Bits per byte are of the held-out text, by one function, which moves windows of 256 tokens on by half. What is done is
kept in WORK, so that the command can be stopped and given again. Prints a Markdown table.
"""

from __future__ import annotations

import gzip
from functools import cached_property
from pathlib import Path

from beside_peers import Bench, compare, pretraining_options

from headstart.language_models.bits_per_byte import bits_per_byte
from headstart.training.pretrained_model import PretrainedModel

HELD = 0.02  # of each novel
BLOCK = 256
DEFAULT = {
    "block": BLOCK,
    "depth": 4,
    "width": 256,
    "batch": 8,
    "learning_rate": 5e-5,
    "dropout": 0.1,
    "warmup": 0,
    "mask_ratio": None,
}
TUNED = {"block": BLOCK, "depth": 4, "batch": 8, "warmup": 0.02}


class Causal(Bench):
    """See above."""

    objective, unit = "causal", "file"

    @cached_property
    def text(self) -> list[Path]:
        """See `Bench.text`."""
        train, held = self.work / "train", self.work / "held"
        if not held.is_dir():
            train.mkdir(exist_ok=True)
            held.mkdir()
            for path in sorted((self.options.data / "gutenberg_en").glob("*.txt.gz")):
                text = gzip.decompress(path.read_bytes()).decode("utf-8")
                border = int((1 - HELD) * len(text))
                (train / path.stem).write_text(text[:border], encoding="utf-8")
                (held / path.stem).write_text(text[border:], encoding="utf-8")
        return sorted(train.iterdir())

    def scores(self, model: PretrainedModel, name: str) -> dict[str, float]:
        """See `Bench.scores`."""
        texts = (path.read_text(encoding="utf-8") for path in sorted((self.work / "held").iterdir()))
        return {"bits per byte": bits_per_byte(model, texts).bits_per_byte}


def main() -> None:
    options = pretraining_options(__doc__, "0.33,0.5,1,2,4,7,10", "128:1e-3,128:3e-3,256:1e-3")
    compare(Causal(options), DEFAULT, TUNED, "peer_loop.py")


if __name__ == "__main__":
    main()
