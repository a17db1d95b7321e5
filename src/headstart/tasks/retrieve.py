"""Retrieval: the second item that belongs to each first item (answers, paraphrases), or another item of its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef, digest, takes_of
from headstart.core.item_nouns import one_item
from headstart.core.spec import TaskSpec
from headstart.data.columns import guess_text
from headstart.data.labels import folded, parse_label, sort_classes
from headstart.data.ledger import Ledger
from headstart.data.matching import Match
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import GUESSES, read_labelled


@dataclass(frozen=True, kw_only=True)
class RetrieveTask(TaskSpec):
    """Rows are pairs of items that belong together; candidates are all second items of the file.

    With a label column rows are single items: candidates are all others of the file, and those of the same class are
    right (image to image: Oh Song et al. 2016, arXiv:1511.06452).
    """

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    head: ClassVar[str] = "retrieve"
    metric: ClassVar[str] = "mrr"
    answers: ClassVar[Literal["numbers"]] = "numbers"
    together: ClassVar[bool] = True

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of files of pairs, or of items of named classes; see `read_labelled`.

        Raises HeadstartError: no such column, no usable row, neither a second item nor a label, or both.
        """
        remembered = request.remembered or {}
        if request.label is not None and request.text2 is not None:
            raise HeadstartError(
                f"label={request.label}, text2={request.text2}: task retrieve takes pairs (--text2) or items of one "
                "class (--label), not both"
            )
        by_class = request.label is not None or (request.text2 is None and "label" in remembered)
        rows, ledger = read_labelled(
            request,
            (lambda value, items: parse_label(value, None)) if by_class else lambda _, items: Match(items[-1], 1.0, 1),
            guesses=GUESSES if by_class else {"text": guess_text},
        )
        if by_class:
            rows = folded(rows, ledger)
            found = sort_classes(rows.targets)
            index = {name: place for place, name in enumerate(found)}
            labels_N = np.array([index[name] for name in rows.targets], np.int64)
            return rows.examples(labels=labels_N, classes=found, targets=rows.targets, task=self.name), ledger
        if not rows.second:
            item = one_item(takes_of(rows.items))
            raise HeadstartError(
                f"task retrieve needs pairs or classes; {rows.where}: name the second {item} with --text2, or with "
                "--label the column that tells what belongs together"
            )
        return rows.examples(targets=rows.targets, task=self.name), ledger

    def to_json(self, answer: Match) -> dict[str, Any]:
        """Return the best match, its score, and the rank of the right second item."""
        match = answer.text.name if isinstance(answer.text, ImageRef) else answer.text
        return {"match": match, "score": round(answer.score, 6), "rank": answer.rank}

    def metric_inputs(self, answers: list[Match], examples: Examples) -> tuple[list[int], list[int]]:
        """Return (number of different second items, rank of the right one) of each row.

        Of items of classes: (how many others there are for one that is right, rank of the first right one).
        """
        ranks = [answer.rank for answer in answers]
        if examples.second is None:
            same_N = np.bincount(examples.labels)[examples.labels] - 1
            return ((len(examples) - 1) // np.maximum(same_N, 1)).tolist(), ranks
        return [len(set(map(digest, examples.second)))] * len(examples), ranks

    def quality(self, answers: list[Match], examples: Examples) -> list[float]:
        """Return the reciprocal rank of the right item."""
        return [1.0 / answer.rank for answer in answers]
