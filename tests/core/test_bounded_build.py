"""Every network can be built without memory, as files are opened; endless and absurd ones are refused soon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pairings
import pytest
import torch
from pairings import fits, reads, sample
from small_parts import small, small_tokenizer
from torch import nn

from headstart.core.bounded_build import built_without_memory, need_stored
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError


def parts(objective, backbone):
    tokenizer = small_tokenizer(reads(backbone))

    def make():
        network = small("backbone", backbone).build(tokenizer.shape)
        return network, build_objective(small("objective", objective), network, tokenizer)

    return make


def stored(named):
    return {f"{part}.{name}": tuple(one.shape) for part, own in named.items() for name, one in own.state_dict().items()}


@pytest.mark.parametrize(("objective", "backbone"), [pair for pair in sample() if pair[1] != "hf"])
def test_networks_are_built_without_memory_as_with_it(objective, backbone):
    assert (objective, backbone) in fits()
    make = parts(objective, backbone)
    found = dict(zip(("backbone", "objective"), built_without_memory(make, "here")))
    assert all(one.is_meta for own in found.values() for one in own.parameters())
    need_stored(found, stored(dict(zip(found, make()))), "here")


# What of the sample imports torch's compiler, which takes two seconds of each program that opens a model.
_COMPILED = """
import sys
from headstart.core import bounded_build
from pairings import sample
from test_bounded_build import parts
if sys.argv[1] == "drawn":
    bounded_build._DRAWS.clear()
for pair in sample():
    if pair[1] != "hf":
        bounded_build.built_without_memory(parts(*pair), "here")
        if "torch._dynamo" in sys.modules:
            sys.exit("-".join(pair))
"""


@pytest.mark.parametrize(("how", "found"), [("undrawn", False), pytest.param("drawn", True, marks=pytest.mark.full)])
def test_no_network_imports_the_compiler(how, found):
    folders = [str(Path(__file__).parent), str(Path(pairings.__file__).parent)]
    told = os.environ | {"PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", _COMPILED, how], env=told, capture_output=True, text=True)
    assert (done.returncode == 1) == found, done.stderr
    assert done.returncode in (0, 1), done.stderr


class Endless(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList()
        while True:
            self.parts.append(nn.Linear(2, 2))


@pytest.mark.parametrize("tensors", [None, 3])
def test_endless_networks_end(tensors, in_time):
    def work(number):
        with pytest.raises(HeadstartError, match=r"^here: describes a network of endless parts"):
            built_without_memory(Endless, "here", tensors)

    in_time(5.0, work)


@pytest.mark.parametrize(
    "make", [lambda: nn.Linear(10**12, 10**12), lambda: nn.Linear(-1, 2), lambda: torch.zeros(2)[5]]
)
def test_what_cannot_be_built_is_one_line(make):
    with pytest.raises(HeadstartError, match=r"^here: the network that it describes cannot be built \("):
        built_without_memory(make, "here")


def test_the_heads_of_files_are_compared_by_name_and_shape():
    network = {"backbone": nn.Linear(2, 3)}
    whole = stored(network)
    need_stored(network, whole | {"objective.x": (1,)}, "here")
    for wrong, said in (
        ({"backbone.weight": (3, 2)}, "bias is missing"),
        (whole | {"backbone.more": (1,)}, "more is in the file and has no place"),
        (whole | {"backbone.bias": (4,)}, r"bias is \[4\] in the file and \[3\] here"),
    ):
        with pytest.raises(HeadstartError, match=said):
            need_stored(network, wrong, "here")
