"""Bar A2: pretrain (halves, mlm), then compare, on a public domain, with the same settings for every domain.

Command: python benchmarks/domains.py nsmc --data ../shared/data --work WORK
Writes WORK/halves, WORK/mlm, WORK/report and prints the table for benchmarks/results. About 55 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Domain:
    """corpus, train, test: files below the data folder; text, label: columns; labels: counts to compare at."""

    corpus: str
    train: str
    test: str
    text: str
    label: str
    labels: str


DOMAINS = {
    "nsmc": Domain(
        "nsmc/unlabeled.txt.xz", "nsmc/train.tsv.gz", "nsmc/dev.tsv.gz", "document", "label", "16,64,256,1000"
    ),
    "hate": Domain(
        "ko_hate_speech/unlabeled.txt.gz",
        "ko_hate_speech/train.tsv.gz",
        "ko_hate_speech/dev.tsv.gz",
        "comments",
        "hate",
        "16,64,256,1000",
    ),
}


def headstart(*arguments: object) -> None:
    """Run one command of the program, as a user would."""
    subprocess.run([sys.executable, "-m", "headstart", *map(str, arguments)], check=True)


def main() -> None:
    """Run one domain from raw text to report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain", choices=DOMAINS)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--halves-minutes", type=float, default=8.0)
    parser.add_argument("--mlm-minutes", type=float, default=10.0)
    parser.add_argument("--compare-minutes", type=float, default=30.0)
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args()
    domain = DOMAINS[given.domain]
    for objective, minutes in (("halves", given.halves_minutes), ("mlm", given.mlm_minutes)):
        headstart(
            "pretrain", given.data / domain.corpus, "--out", given.work / objective, "--objective", objective,
            "--minutes", minutes,
        )  # fmt: skip
    headstart(
        "compare", given.work / "halves", given.work / "mlm", "--data", given.data / domain.train,
        "--test", given.data / domain.test, "--text", domain.text, "--label", domain.label, "--labels", domain.labels,
        "--draws", given.draws, "--minutes", given.compare_minutes, "--out", given.work / "report",
    )  # fmt: skip


if __name__ == "__main__":
    main()
