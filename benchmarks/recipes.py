"""Every recipe on the same text for the same time, each judged as a source of document vectors beside TF-IDF and PPMI.

Command: python benchmarks/recipes.py --data ../shared/data --work WORK --minutes 2
Pre-trains every recipe on the 140,000 reviews of NSMC train (no label is read), then compares `probe` on all of them,
10 draws of 64 and 256 labels. The runs stay in WORK (RUN/metrics.jsonl has the losses). About 35 minutes on 2 cores at
2 minutes each. One seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import headstart as hs
from headstart.core import registry
from headstart.core.device import set_threads

_OWN_RUN = ("distilbert",)  # needs a teacher: benchmarks/student.py


def main() -> None:
    """Pre-train every recipe and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--recipes", nargs="*", default=[n for n in registry.names("recipe") if n not in _OWN_RUN])
    parser.add_argument("--also", nargs="*", type=Path, default=[], help="other runs to compare")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only-train", action="store_true", help="leave the comparison to a later call")
    given = parser.parse_args()
    set_threads(given.threads)
    for name in given.recipes:
        if not (given.work / name / "run.json").is_file():
            hs.pretrain(
                [str(given.data / "nsmc/train.tsv.gz")],
                column="document",
                out=given.work / name,
                recipe=name,
                minutes=given.minutes,
                threads=given.threads,
            )
    if given.only_train:
        return
    compared = hs.compare(
        [given.work / name for name in given.recipes] + given.also,
        data=[str(given.data / "nsmc/train.tsv.gz")],
        test=[str(given.data / "nsmc/dev.tsv.gz")],
        text="document",
        label="label",
        labels="64,256",
        draws=10,
        minutes=15.0,
        routes="probe,tfidf_logreg,ppmi_logreg",
        out=given.work / "report",
        threads=given.threads,
    )
    print(compared.summary())


if __name__ == "__main__":
    main()
