"""Each verb that writes, with a fault at every change of the disk: one line that names the path; then it works."""

from __future__ import annotations

import disk_lab
import pytest
from disk_verbs import VERBS, Verbs, fault_at

pytestmark = pytest.mark.skipif(bool(disk_lab.why_not()), reason=disk_lab.why_not())


@pytest.fixture(scope="module")
def verbs(tmp_path_factory):
    with disk_lab.opened() as lab:
        yield Verbs(lab, tmp_path_factory.mktemp("verbs"))


@pytest.mark.parametrize("verb", VERBS)
def test_every_change(verbs, verb):
    changes = verbs.changes(verb)
    wrong = []
    for number, change in enumerate(changes, 1):
        wrong += [f"change {number}, {change}: {one}" for one in verbs.wrong(verb, number, fault_at(number))]
    print(f"\n{verb}: {len(changes)} changes, each failed once, {len(wrong)} wrong")
    assert wrong == []
