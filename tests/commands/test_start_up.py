"""Small verbs answer at once: no torch behind `--help` and `list`, next to nothing behind `import headstart`."""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "sklearn", "pyarrow", "tokenizers", "transformers")


def imported(*arguments: str) -> set[str]:
    """Return the top-level packages that `python ARGUMENTS` imports."""
    ran = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    names = [line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")]
    return {name.partition(".")[0] for name in names}


def processor_seconds(*arguments: str, enough: float = 0.0) -> float:
    """Return the least CPU time of three runs: it does not grow when the machine is busy with other things.

    enough: a time that is short enough, so that no further run is asked.
    """
    taken = []
    while len(taken) < 3 and min(taken, default=math.inf) > enough:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=dict(os.environ))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


@pytest.mark.parametrize("verb", ["--help", "list", "list route"])
def test_no_heavy_import(verb):
    assert imported("-m", "headstart", *verb.split()).isdisjoint(HEAVY)


@pytest.mark.parametrize("verb", ["pretrain", "transfer", "compare", "predict"])
def test_help_of_a_verb_imports_no_torch(verb):
    assert "torch" not in imported("-m", "headstart", verb, "--help")


def test_import_of_the_package_is_light():
    assert imported("-c", "import headstart").isdisjoint({*HEAVY, "cyclopts", "rich"})
    assert "torch" in imported("-c", "import headstart; headstart.PretrainedModel")  # the check can see it


@pytest.mark.parametrize("verb", ["--help", "list"])
def test_small_verbs_take_less_than_0_4_seconds(verb):
    assert processor_seconds("-m", "headstart", verb, enough=0.4) <= 0.4


def test_import_takes_less_than_0_1_seconds():
    bare = processor_seconds("-c", "pass")
    assert processor_seconds("-c", "import headstart", enough=bare + 0.1) - bare <= 0.1
