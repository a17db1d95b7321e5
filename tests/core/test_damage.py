"""Random damages over all kinds of artefacts are told at opening, and random JSON in their files ends in one line.

The many ones are in tests/full. Planted twins are found out.
"""

from __future__ import annotations

import json

import pytest
from damages import make, untold
from mutated_json import Mutation, copied, fuzzed, mutate

from headstart.core import manifest, migration
from headstart.core.errors import HeadstartError
from headstart.training.pretrained_model import PretrainedModel

COUNT, MUTATIONS = 110, 90


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    return make(tmp_path_factory.mktemp("artefacts"))


def test_whole_artefacts_open_without_a_word(artefacts):
    for artefact in artefacts:
        assert artefact.opened(artefact.folder) == []
        assert artefact.opened(artefact.twin) == []


def test_every_damage_is_told(artefacts, tmp_path):
    assert untold(artefacts, COUNT, 1, tmp_path) == []


def blind_to_unlisted_files(patch):
    patch.setattr(manifest, "_names", lambda folder, nested=None: [])


def blind_to_missing_files(patch):
    real = manifest._compare
    patch.setattr(manifest, "_compare", lambda path, *how, **more: real(path, *how, **more) if path.is_file() else None)


def blind_to_links(patch):
    patch.setattr(manifest, "_strangers", lambda folder, layout, whole: iter(()))


def blind_to_equal_sizes(patch):
    real = manifest._compare

    def compare(path, entry, prefix, whole=True):
        sizes = [content["bytes"] for content in manifest._contents(entry)]
        return None if path.is_file() and path.stat().st_size in sizes else real(path, entry, prefix, whole)

    patch.setattr(manifest, "_compare", compare)


@pytest.mark.parametrize(
    ("plant", "kinds"),
    [
        (blind_to_unlisted_files, {"add", "rename", "move"}),
        (blind_to_missing_files, {"remove", "rename", "move"}),
        (blind_to_equal_sizes, {"flip", "swap", "zero", "exchange"}),
        (blind_to_links, {"link", "left"}),
    ],
)
def test_a_planted_twin_with_a_gap_is_found_out(artefacts, tmp_path, monkeypatch, plant, kinds):
    plant(monkeypatch)
    missed = untold(artefacts, COUNT, 1, tmp_path)
    assert missed
    assert {line.split()[0] for line in missed} <= kinds


def test_no_content_of_a_json_file_is_a_fault(artefacts, tmp_path):
    found = fuzzed(artefacts, MUTATIONS, 4, tmp_path, verbs=False)
    assert found.faults == []
    assert found.refused > MUTATIONS / 3


def test_a_planted_twin_that_takes_any_json_is_found_out(artefacts, tmp_path, monkeypatch):
    monkeypatch.setattr(migration, "checked", lambda where, value, kind: value)
    assert fuzzed(artefacts, MUTATIONS, 4, tmp_path, verbs=False).faults


@pytest.mark.parametrize(
    ("setting", "value"), [("width", 10**12), ("depth", 10**12), ("depth", 3), ("mlp_width", 10**9), ("heads", 3)]
)
def test_a_network_is_compared_with_its_weights_before_it_is_made(artefacts, tmp_path, setting, value):
    (network,) = [one for one in artefacts if one.name == "network"]
    folder = copied(network.folder, tmp_path)
    data = json.loads((folder / "network.json").read_text())
    data["backbone"][setting] = value
    mutate(folder, Mutation("network.json", setting, json.dumps(data).encode()))
    with pytest.raises(HeadstartError, match=r"network: |network\.json: "):
        PretrainedModel.open(folder)
