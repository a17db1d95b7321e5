"""Kills and faults at every file operation, and kills at random moments; see tests/crash/test_every_file_operation.py.

About an hour on one core, with `--full` (all kinds of kills and faults at each place) three; `-s` prints the counts.
"""

from __future__ import annotations

import collections
import random
import time
from pathlib import Path

import disk_lab
import pytest
from disk_gates import (
    FAMILIES,
    Case,
    comparing,
    disturbed,
    exporting,
    killed_again_and_again,
    pretraining,
    resuming,
    resuming_old,
    transferring,
    undisturbed,
)
from disk_lab import FAULTS, KILLS, Change
from disk_order import out_of_order
from old_artefacts import HOME
from tiny_images import image_folder

TEXT = HOME / "text.txt"
pytestmark = pytest.mark.skipif(bool(disk_lab.why_not()), reason=disk_lab.why_not())
FEW_STEPS = (
    *("--route", "finetune", "route.epochs=1", "route.least_steps=8", "route.head_steps=4"),
    *("route.choose_learning_rate=false", "route.learning_rate=1e-3"),
)
_ONLY_BYTES = ("half way", "short")  # faults of changes that write bytes


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("disk")


@pytest.fixture(scope="module")
def images(home) -> Path:
    return image_folder(home / "images", 60)


@pytest.fixture(scope="module")
def cases(home, images) -> dict[str, Case]:
    runs = {family: pretraining(family, images if family == "views" else TEXT) for family in FAMILIES}
    return runs | {
        "resumed": resuming("halves", TEXT, home / "halves"),
        "old": resuming_old(),
        "transfer": transferring(home / "halves", "--route", "bag", "route.count=2"),
        "transfer of a network": transferring(home / "mlm", *FEW_STEPS),
        "compare": comparing(home / "halves"),
        "export hf": exporting(home / "mlm", "hf"),
        "export sentence_transformers": exporting(home / "mlm", "sentence_transformers"),
    }


@pytest.fixture(scope="module")
def lab(home, cases):
    first = [cases[family].first(home / family) for family in FAMILIES]
    then = [case.first(home / name) for name, case in cases.items() if name not in (*FAMILIES, "resumed", "old")]
    with disk_lab.opened(*first, *then) as server:
        yield server


NAMES = (
    *FAMILIES,
    "resumed",
    "old",
    "transfer",
    "transfer of a network",
    "compare",
    "export hf",
    "export sentence_transformers",
)


def faults_at(number: int, change: Change, whole: bool) -> list[str]:
    """One kill and one fault at each change, in turns; whole: all that there are."""
    kills, faults = (
        [one for one in some if change.kind == "write" or one not in _ONLY_BYTES] for some in (KILLS, FAULTS)
    )
    return [*kills, *faults] if whole else [kills[number % len(kills)], faults[number % len(faults)]]


@pytest.mark.parametrize("name", NAMES)
def test_every_change(lab, home, cases, name, repetitions):
    begun, case, seen, wrong = time.monotonic(), cases[name], collections.Counter(), []
    expected, changes = undisturbed(lab, case, home)
    assert out_of_order(changes) == []
    for number, change in enumerate(changes, 1):
        for fault in faults_at(number, change, repetitions(False, True)):
            told = disturbed(lab, case, home, number, fault, expected)
            seen["kills" if fault in KILLS else "faults"] += 1
            seen["torn"] += told.torn
            seen["passed over"] += fault in FAULTS and told.ran.code == 0
            wrong += [f"change {number}, {change}, {fault}: {one}" for one in told.wrong]
    print(f"\n{name}: {len(changes)} changes, {dict(seen)}, {len(wrong)} wrong, {time.monotonic() - begun:.0f} s")
    assert wrong == []
    assert seen["torn"] > 10


@pytest.mark.parametrize("family", FAMILIES)
def test_kills_at_random_moments(lab, home, images, family):
    """50 kills at random moments in chains of five, then 14 aimed inside a save; of all four families 200 and 56."""
    case = pretraining(family, images if family == "views" else TEXT, steps=12)
    chance = random.Random(family)
    begun = time.monotonic()
    expected, changes = undisturbed(lab, case, home)
    seconds = time.monotonic() - begun
    inside = [number for number, change in enumerate(changes, 1) if "/checkpoints/.step" in change.path]
    found = []
    kills = wanted = 0
    while kills < 50:
        moments = [(chance.random() * seconds, "") for _ in range(5)]
        found.append(killed_again_and_again(lab, case, home, moments, expected))
        kills, wanted = kills + found[-1].kills, wanted + 5
        assert wanted < 500, "the kills come too late"
    for _ in range(14):
        aimed = [(chance.choice(inside), chance.choice(list(KILLS)))]
        found.append(killed_again_and_again(lab, case, home, aimed, expected))
        kills += found[-1].kills
    torn, wrong = sum(one.torn for one in found), [line for one in found for line in one.wrong]
    print(f"\n{family}: {kills} kills, {torn} torn saves, {len(wrong)} wrong, {time.monotonic() - begun:.0f} s")
    assert wrong == []
    assert torn >= 13
