"""The audit of a data set: row ledger, profile, copies, leaks, doubtful labels, shifts, as plain JSON data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.auditing.copies import KINDS, Copies
from headstart.auditing.doubtful_labels import FEWEST, conflicts, suspects
from headstart.auditing.image_findings import agreeing, borders, near_conflicts
from headstart.auditing.parts import LISTED, CorpusRows, Part, Pictures, Portion, Progress, documents
from headstart.auditing.two_sample import FEWEST as FEWEST_OF_A_SIDE
from headstart.auditing.two_sample import class_shares, told_apart, two_sample
from headstart.core.examples import Examples, ImageRef

_LISTED_LABELS, _LISTED_UNLIKE = 200, 24
Embed = Callable[[Sequence[Any]], np.ndarray]


@dataclass(frozen=True)
class Audit:
    """What was found. data: plain JSON, a function of the inputs alone.

    slices: `contaminated` and `clean`, bool [test rows]: test rows with or without a copy (exact, normalised or near; a
    pair counts as a whole) in the training rows; `read_before`, where there is a corpus: with a copy there, which holds
    no labels. Empty without test rows. pictures: the images of rows
    that `data` tells of, by split and number of the row.
    """

    data: dict[str, Any]
    slices: dict[str, np.ndarray]
    pictures: Pictures = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The SHA-256 of `data` as canonical JSON, by which a report says which audit it rests on."""
        text = json.dumps(self.data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def run_audit(
    train: Examples,
    test: Examples | None = None,
    corpus: CorpusRows | None = None,
    *,
    ledger: Mapping[str, Any] | None = None,
    seed: int = 0,
    embed: Embed | None = None,
    doubt_by_vectors: bool = True,
    progress: Progress = lambda line: None,
) -> Audit:
    """Look through `train`, `test` and a `corpus` for what makes scores lie.

    corpus: called once; its documents (or `Row`s, which are named by file and line) are streamed and never kept. They
    are compared with the test rows, without test rows with the training rows. ledger: of the files, becomes part of the
    data. embed: a network's vectors of items, float32 [N, D], by which near copies of images are checked and labels are
    doubted; without `doubt_by_vectors`, labels are doubted as without a network, for which not every row must be read.
    progress: called with a line of text at each long step.
    """
    pictures: Pictures = {}
    given = {"train": train} | ({} if test is None else {"test": test})
    parts = {name: Part(name, examples, pictures) for name, examples in given.items()}
    data: dict[str, Any] = {
        "format": 1,
        "task": train.task,
        "takes": train.takes,
        "pairs": train.second is not None,
        "seed": seed,
        "ledger": dict(ledger or {}),
        "splits": {},
        "across": {},
    }
    for name, part in parts.items():
        progress(f"{name}: profile and duplicates of {len(part):,} rows")
        data["splits"][name] = part.summary()
    target = parts.get("test", parts["train"])
    hit_N, read_N = np.zeros(len(target), bool), None
    if test is not None:
        progress(f"test against train: {len(target):,} rows against {len(parts['train']):,}")
        data["across"]["train"], hit_N = _across(target, parts["train"].portions(), parts["train"])
        data["groups"] = _groups(parts)
    if corpus is not None:
        data["across"]["corpus"], read_N = _across(target, documents(corpus, progress, pictures), None)
    data["labels"] = _labels(parts, seed, embed if doubt_by_vectors else None, progress)
    data["shift"] = _shift(parts, seed, progress)
    if embed is not None and train.takes == "image":
        progress("near copies, by the vectors of the base")
        _check_near(data, pictures, train.items, embed)
    slices = {} if test is None else {"contaminated": hit_N, "clean": ~hit_N}
    if test is not None and read_N is not None:
        slices["read_before"] = read_N
    data["slices"] = {name: int(mask.sum()) for name, mask in slices.items()}
    # Half characters that a file may hold have no place in JSON.
    return Audit(json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")), slices, pictures)


def _check_near(data: dict[str, Any], pictures: Pictures, some: Sequence[ImageRef], embed: Embed) -> None:
    """Note at each listed near copy how alike a network's vectors are, and how many are more so than by chance."""
    found = [part["duplicates"]["near"] for part in data["splits"].values()]
    found += [across["copies"]["near"] for across in data["across"].values() if "copies" in across]
    listed = [pair for near in found for pair in near["listed"]]
    images = [[pictures.get((row["split"], row["row"]), (None,))[0] for row in pair] for pair in listed]
    whole = [(pair, tuple(both)) for pair, both in zip(listed, images) if None not in both]
    told = agreeing([both for _, both in whole], some, embed)
    for (pair, _), cosine in zip(whole, told.pop("cosines")):
        pair[1]["cosine"] = cosine
    data["near_by_vectors"] = told


def _across(target: Part, portions: Iterable[Portion], train: Part | None) -> tuple[dict[str, Any], np.ndarray]:
    """Compare `target` with a stream of portions: (what was found, which target rows have a copy).

    Pairs are also compared by single texts. A corpus (train: None) holds no pairs, so only single texts are compared.
    """
    pairs = target.examples.second is not None
    whole = Copies(target.items, target.folds) if train is not None or not pairs else None
    single = Copies(target.single, target.single_folds) if pairs else None
    each = 1 if train is None else 2  # single texts of a row of the stream
    mates: dict[int, dict[str, Any]] = {}
    folds: dict[int, str] = {}
    seen = 0
    for some in portions:
        numbers = set() if whole is None else {number - seen for number in whole.add(some.items, some.folds)}
        if single is not None:
            numbers |= {number // each - seen for number in single.add(some.single, some.single_folds)}
        mates |= {seen + at: some.where(at) for at in numbers}
        folds |= {seen + at: some.folds[at] for at in numbers}
        seen += len(some.items)
    out: dict[str, Any] = {"compared": seen, "of": target.name, "rows": len(target)}
    hit_N = np.zeros(len(target), bool)
    if whole is not None:
        kind_N, at_N = whole.result()
        out["copies"], hit_N = _listed(target, kind_N, at_N, mates), kind_N > 0
        for pair, row in zip(out["copies"]["near"]["listed"], np.flatnonzero(kind_N == len(KINDS))):
            pair[1] = pair[1] | target.kind.how(target.folds[row], folds[int(at_N[row])])
        if train is not None and target.labels is not None and train.labels is not None:
            same = np.flatnonzero((kind_N == 1) | (kind_N == 2))
            out["copies"]["other_label"] = sum(target.labels[row] != train.labels[at_N[row]] for row in same)
    if single is not None:
        kind_S, at_S = single.result()
        out["single_texts"] = _listed(target, kind_S, at_S // each, mates)
    return out, hit_N


def _listed(target: Part, kind_S: np.ndarray, at_S: np.ndarray, mates: dict[int, dict]) -> dict[str, Any]:
    """Return the number of target rows with a copy, their share, and for each kind its number and first rows."""
    rows = len(target)
    side = np.where(kind_S == 0, len(KINDS) + 1, kind_S).reshape(-1, rows).argmin(axis=0) if rows else 0
    place_N = np.arange(rows) + rows * side
    kind_N, at_N = kind_S[place_N], at_S[place_N]
    count = int((kind_N > 0).sum())
    out: dict[str, Any] = {"rows": count, "share": round(count / max(rows, 1), 4)}
    for number, kind in enumerate(KINDS, 1):
        found = np.flatnonzero(kind_N == number)
        listed = [[target.where(row), mates[int(at_N[row])]] for row in found[:LISTED]]
        out[kind] = {"rows": len(found), "listed": listed}
    return out


def _groups(parts: dict[str, Part]) -> dict[str, Any] | None:
    """Return the groups that have both training and test rows; None when rows have no groups."""
    train, test = (parts[name].examples.groups for name in ("train", "test"))
    if train is None or test is None:
        return None
    both = set(train) & set(test)
    rows = [row for row, group in enumerate(test) if group in both]
    listed = [{"group": str(test[row])} | parts["test"].where(row) for row in rows[:LISTED]]
    return {
        "groups": len(both),
        "test_rows": len(rows),
        "share": round(len(rows) / max(len(test), 1), 4),
        "listed": listed,
    }


def _labels(parts: dict[str, Part], seed: int, embed: Embed | None, progress: Progress) -> dict[str, Any]:
    """Return conflicting labels over all rows, and suspected label errors of the training rows."""
    train = parts["train"]
    every = [(part, row) for part in parts.values() if part.labels is not None for row in range(len(part))]
    if train.labels is None:
        return {"skipped": "no labels"}
    labels = [label for part in parts.values() if part.labels is not None for label in part.labels]
    found = conflicts([part.folds[row] for part, row in every], labels)
    listed = [
        [{"label": str(labels[at])} | every[at][0].where(every[at][1]) for at in group] for group in found[:LISTED]
    ]
    out: dict[str, Any] = {
        "conflicts": {"texts": len(found), "rows": sum(map(len, found)), "listed": [group[:10] for group in listed]}
    }
    if train.examples.takes == "image":
        out["near_conflicts"] = near_conflicts(train.found.near_N, train.labels, train.where, LISTED)
    examples = train.examples
    if examples.task != "classify" or examples.labels is None:
        return out | {"errors": {"skipped": f"task {examples.task} has no classes"}}
    if len(train) < FEWEST or len(np.unique(examples.labels)) < 2:
        return out | {"errors": {"skipped": f"fewer than {FEWEST} rows or than two classes"}}
    progress(f"train: held-out scores of {len(train):,} labels")
    features = _features(train, embed)
    doubt = suspects(features, examples.labels, len(examples.classes), train.folds, seed)
    some = list(zip(doubt.rows, doubt.said, doubt.own, doubt.other))[:_LISTED_LABELS]
    listed_rows = [
        {"label": examples.classes[examples.labels[row]], "rather": examples.classes[said]}
        | {"own": round(float(own), 3), "other": round(float(other), 3)}
        | train.where(row)
        for row, said, own, other in some
    ]
    share = round(len(doubt.rows) / max(doubt.judged, 1), 4)
    counted = {"rows": len(doubt.rows), "share": share, "clear": doubt.clear, "judged": doubt.judged}
    if examples.takes == "image" and examples.second is None:
        found = borders(examples.items, examples.labels, len(examples.classes), train.folds, seed)
        listed = [{"label": examples.classes[examples.labels[row]]} | train.where(row) for row in found.pop("told")]
        out["borders"] = found | {"listed": listed[:_LISTED_UNLIKE]}
    return out | {"errors": counted | {"accuracy": round(doubt.accuracy, 4), "listed": listed_rows}}


def _features(part: Part, embed: Embed | None) -> Any:
    """Return what the classifier of labels reads: a network's vectors, standardised, where there is one."""
    examples = part.examples
    if embed is None:
        return part.kind.features(examples.items, examples.second)
    sides = [np.asarray(embed(items), np.float32) for items in (examples.items, examples.second) if items is not None]
    vectors = np.concatenate(sides, axis=1)
    return (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-6)


def _shift(parts: dict[str, Part], seed: int, progress: Progress) -> dict[str, Any]:
    """Return how test rows differ from training rows: in their texts, and in class shares."""
    if "test" not in parts:
        return {"skipped": "no test part"}
    train, test = parts["train"], parts["test"]
    out: dict[str, Any] = {}
    (train_rows, train_items, train_folds), (test_rows, test_items, test_folds) = train.apart(), test.apart()
    if min(len(train_items), len(test_items)) < FEWEST_OF_A_SIDE:
        rows = "rows" if train.passages is None else "passages"
        out["texts"] = {"skipped": f"fewer than {FEWEST_OF_A_SIDE} {rows}"}
    else:
        progress("test against train: can they be told apart?")
        out["texts"] = found = two_sample(train_items, test_items, train_folds, test_folds, seed)
        unlike = found.pop("unlike")
        if told_apart(found):
            sides = (("test", test, test_rows), ("train", train, train_rows))
            found["unlike"] = {
                name: [part.where(rows[at]) for at in unlike[name][:_LISTED_UNLIKE]] for name, part, rows in sides
            }
    one, other = train.examples, test.examples
    if one.labels is not None and other.labels is not None and one.classes == other.classes:
        out["classes"] = class_shares(one.labels, other.labels, one.classes)
    return out
