"""Bar H1: a masked language model beside transformers' Trainer: how much sooner the same loss, and what it is worth.

    python benchmarks/pretraining.py --data ../shared/data --work WORK [--minutes 10] [--threads 2] [--only NAMES]

200,000 unlabelled reviews of NSMC, 2,000 more are held out. Every arm is a command of its own whose budget begins with
the process: `headstart pretrain --objective mlm --minutes M` (its tokenizer is trained within the budget) and
`peer_trainer.py` (the peers get that tokenizer as a gift). Arms:

- default: 4 layers of 256, batches of 64 blocks, learning rate 5e-5, dropout .1, 15 % masked;
- tuned: 4 x 128 and 4 x 256, learning rates 3e-4 and 1e-3 with warm-up, batches of 16, no dropout, 30 % masked;
- headstart: the budgets of --ladder, in minutes.

The loss is of the same 15 % of the held-out tokens for all, each side in the rows it was trained on (a review per row;
blocks of 128 tokens), by one function. The probe: a logistic regression on mean vectors of 2,000 labelled reviews,
scored on 4,000 of dev. What is done is kept in WORK, so that the command can be stopped and given again. Prints a
Markdown table and the smallest budget of the ladder that reaches each peer's loss.
"""

from __future__ import annotations

import gzip
import lzma
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from beside_peers import Bench, compare, pretraining_options

from headstart.core.batch import TokenBatch
from headstart.training.pretrained_model import PretrainedModel

TRAIN, HELD, LABELLED, TESTED = 200_000, 2_000, 2_000, 4_000
BLOCK, ROWS = 128, 64  # tokens of a row of the peers; rows that are scored together
DEFAULT = {
    "block": BLOCK,
    "depth": 4,
    "width": 256,
    "batch": 64,
    "learning_rate": 5e-5,
    "dropout": 0.1,
    "warmup": 0,
    "mask_ratio": 0.15,
}
TUNED = {"block": BLOCK, "depth": 4, "batch": 16, "dropout": 0.0, "warmup": 0.06, "mask_ratio": 0.3}


class Masked(Bench):
    """See above."""

    objective, unit = "mlm", "line"

    @cached_property
    def text(self) -> list[Path]:
        """See `Bench.text`."""
        path = self.work / "reviews.txt"
        if not path.is_file():
            with lzma.open(self.options.data / "nsmc/unlabeled.txt.xz", "rt", encoding="utf-8") as stream:
                lines = [line for line, _ in zip(stream, range(TRAIN + HELD), strict=False)]
            (self.work / "held.txt").write_text("".join(lines[TRAIN:]), encoding="utf-8")
            path.write_text("".join(lines[:TRAIN]), encoding="utf-8")
        return [path]

    def labelled(self, name: str, count: int) -> tuple[list[str], list[str]]:
        """Return (texts, labels) of the first usable rows of a file of NSMC."""
        with gzip.open(self.options.data / f"nsmc/{name}.tsv.gz", "rt", encoding="utf-8") as stream:
            rows = [line.rstrip("\n").split("\t") for line in stream][1:]
        rows = [row for row in rows if len(row) == 3 and row[1].strip()][:count]
        return [row[1] for row in rows], [row[2] for row in rows]

    def scores(self, model: PretrainedModel, name: str) -> dict[str, float]:
        """See `Bench.scores`."""
        rows = None if name.startswith("headstart") else BLOCK
        return {"loss": masked_loss(model, self.work / "held.txt", rows), "probe": self.probe(model)}

    def probe(self, model: PretrainedModel) -> float:
        """Return the share of right answers of a logistic regression on mean vectors."""
        from sklearn.linear_model import LogisticRegressionCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        (texts, labels), (test, right) = self.labelled("train", LABELLED), self.labelled("dev", TESTED)
        linear = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=np.logspace(-4, 0, 5), cv=5, max_iter=500))
        linear.fit(model.embed(texts, pooling="mean"), labels)
        return float(linear.score(model.embed(test, pooling="mean"), right))


def masked_loss(model: PretrainedModel, held: Path, rows: int | None) -> float:
    """Return the mean loss in nats of 15 % of the held-out tokens, which depend on the tokenizer alone.

    rows: tokens of a row, across documents, or None for a row per document.
    """
    tokenizer, objective = model.processor, model.objective
    documents = [ids[: BLOCK - 2] for ids in tokenizer.encode(held.read_text(encoding="utf-8").split("\n"))]
    documents = [np.concatenate([[tokenizer.cls_id], ids, [tokenizer.sep_id]]) for ids in documents if len(ids)]
    ids, random = np.concatenate(documents).astype(np.int64), np.random.default_rng(0)
    special = np.isin(ids, [tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id, tokenizer.pad_id])
    target = (random.random(len(ids)) < 0.15) & ~special
    how, drawn = random.random(len(ids)), random.integers(len(tokenizer.special_ids), tokenizer.vocabulary, len(ids))
    shown = np.where(target & (how < 0.8), tokenizer.mask_id, np.where(target & (how >= 0.9), drawn, ids))
    ends = np.cumsum([len(one) for one in documents]) if rows is None else np.arange(rows, len(ids) + rows, rows)
    ends = np.concatenate([[0], np.minimum(ends, len(ids))])
    total = count = 0
    for first in range(0, len(ends) - 1, ROWS):
        bounds = ends[first : first + ROWS + 1]
        part = slice(bounds[0], bounds[-1])
        place = np.flatnonzero(target[part])
        batch = TokenBatch(
            ids_N=torch.from_numpy(shown[part]),
            lengths_B=torch.from_numpy(np.diff(bounds)),
            sample_B=torch.arange(len(bounds) - 1),
            extra={
                "target_position": torch.from_numpy(place),
                "target_id": torch.from_numpy(ids[part][place]),
            },
        )
        with torch.no_grad():
            scored = objective.score(model.backbone(batch), model.backbone, batch)
        total, count = total + float(scored.total), count + len(place)
    return total / count


def main() -> None:
    options = pretraining_options(__doc__, "0.2,0.33,0.5,0.75,1,10", "128:3e-4,128:1e-3,256:3e-4,256:1e-3")
    compare(Masked(options), DEFAULT, TUNED, "peer_trainer.py")


if __name__ == "__main__":
    main()
