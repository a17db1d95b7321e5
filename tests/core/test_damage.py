"""40 random damages over all kinds of artefacts are told at opening; 200 in tests/full. A planted twin is found out."""

from __future__ import annotations

import pytest
from damages import make, untold

from headstart.core import manifest

COUNT = 40


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


def blind_to_equal_sizes(patch):
    real = manifest._compare

    def compare(path, entry, prefix):
        sizes = [content["bytes"] for content in manifest._contents(entry)]
        return None if path.is_file() and path.stat().st_size in sizes else real(path, entry, prefix)

    patch.setattr(manifest, "_compare", compare)


@pytest.mark.parametrize(
    ("plant", "kinds"),
    [
        (blind_to_unlisted_files, {"add"}),
        (blind_to_missing_files, {"remove"}),
        (blind_to_equal_sizes, {"flip", "swap"}),
    ],
)
def test_a_planted_twin_with_a_gap_is_found_out(artefacts, tmp_path, monkeypatch, plant, kinds):
    plant(monkeypatch)
    missed = untold(artefacts, COUNT, 1, tmp_path)
    assert missed
    assert {line.split()[0] for line in missed} <= kinds
