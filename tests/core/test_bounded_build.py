"""Every network can be built without memory, as files are opened; endless and absurd ones are refused soon."""

from __future__ import annotations

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
