"""Few labelled rows: one test part against cross-validation of the half that screening does not see.

    python benchmarks/small_pools.py --data dev.tsv.gz --run RUN [--files 60]

Files of 200 and 500 rows are drawn from a large labelled file; a logistic regression of frozen vectors against naive
Bayes of characters, 64 labels, 12 draws. The true lead is that of 25 draws on 3,000 rows of the large file. `folds of
all` leaves no rows to choose routes on and is there for comparison.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from headstart.commands.reading import say
from headstart.comparing.draws import draw, overlap
from headstart.core.seeds import numpy_generator
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.data.splits import fold_parts
from headstart.statistics.blocks import TestBlocks
from headstart.statistics.intervals import Bounds, estimate
from headstart.training.pretrained_model import PretrainedModel

_ROWS, _DRAWS, _LABELS, _FOLDS = 5_000, 12, 64, 4


class Lead:
    """The lead by asked row, in right answers, of frozen vectors over characters."""

    def __init__(self, texts: Sequence[str], labels_N: np.ndarray, base: PretrainedModel):
        vectors_ND = base.embed(texts)
        self.vectors_ND = (vectors_ND - vectors_ND.mean(0)) / vectors_ND.std(0)
        self.counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), min_df=2).fit_transform(texts).tocsr()
        self.labels_N = labels_N

    def __call__(self, learnt: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return -1, 0 or 1 for each asked row."""
        truth_N, own_N = self.labels_N[asked], self.labels_N[learnt]
        one = LogisticRegression(C=0.01, max_iter=200).fit(self.vectors_ND[learnt], own_N)
        two = MultinomialNB(alpha=0.3).fit(self.counts[learnt], own_N)
        hits = (model.predict(given[asked]) == truth_N for model, given in ((one, self.vectors_ND), (two, self.counts)))
        return np.subtract(*(hit_N.astype(float) for hit_N in hits))


def one_part(lead: Lead, rows: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, float]:
    """Return (leads [D, N], overlap) on one test part of this share."""
    test, pool = np.split(rows, [int(share * len(rows))])
    drawn = [pool[one[_LABELS]] for one in draw(lead.labels_N[pool], [_LABELS], _DRAWS, seed)]
    return np.stack([lead(learnt, test) for learnt in drawn]), overlap(drawn)


def folds(lead: Lead, asked: np.ndarray, others: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Return (leads [D, N], overlap) on rows that are asked in folds; `others` are only learnt."""
    leads_DN, first = np.zeros((_DRAWS, len(asked))), []
    for number in range(_DRAWS):
        parts = fold_parts(lead.labels_N[asked], _FOLDS, seed, number)
        for place, (learnt, held) in enumerate(parts):
            pool = np.concatenate([asked[learnt], others])
            drawn = pool[draw(lead.labels_N[pool], [_LABELS], number + 1, seed)[number][_LABELS]]
            leads_DN[number, held] = lead(drawn, asked[held])
            first += [drawn] if place == 0 else []
    return leads_DN, overlap(first)


def judged(leads_DN: np.ndarray, shared: float, truth: float) -> tuple[bool, bool, float]:
    """Return whether the interval covers the truth and leaves out zero, and half of its width."""
    blocks = TestBlocks.make(leads_DN.shape[1])
    weights_G = blocks.weights()
    values_DG = np.stack([blocks.sums(lead_N[:, None])[:, 0] for lead_N in leads_DN]) / weights_G.mean()
    low, high = estimate(values_DG, shared, leads_DN.shape[1], bounds=Bounds.of_difference((0.0, 1.0))).interval()
    return low <= truth <= high, low > 0 or high < 0, (high - low) / 2


def main() -> None:
    """Print a table: coverage, share of files that tell the two apart, half width."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--files", type=int, default=60)
    given = parser.parse_args()
    examples = read_labelled_rows(ReadRequest(paths=given.data), say)[0]
    random = numpy_generator(0, "small pools")
    examples = examples.take(random.permutation(len(examples))[:_ROWS])
    lead = Lead(examples.items, np.asarray(examples.labels), PretrainedModel.open(given.run))
    whole = np.arange(len(examples))
    drawn = [one[_LABELS] for one in draw(lead.labels_N, [_LABELS], 25, 99)]
    truth = float(np.mean([lead(learnt, np.setdiff1d(whole, learnt)[:3_000]).mean() for learnt in drawn]))
    print(f"true lead {truth:.3f}\n\n| rows, design | covers, % | told apart, % | half width |\n|---|---|---|---|")
    for rows in (200, 500):
        files = [random.permutation(whole)[:rows] for _ in range(given.files)]
        half = rows // 2
        designs = {
            "test part of a quarter": [one_part(lead, file, 0.25, n) for n, file in enumerate(files)],
            "test part of a half": [one_part(lead, file, 0.5, n) for n, file in enumerate(files)],
            "folds of a half": [folds(lead, file[:half], file[half:], n) for n, file in enumerate(files)],
            "folds of all": [folds(lead, file, file[:0], n) for n, file in enumerate(files)],
        }
        for name, found in designs.items():
            covers, apart, width = np.mean([judged(*one, truth) for one in found], axis=0)
            print(f"| {rows}, {name} | {100 * covers:.0f} | {100 * apart:.0f} | {width:.3f} |", flush=True)


if __name__ == "__main__":
    main()
