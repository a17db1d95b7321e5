"""Every objective and every backbone on two processes: five steps lose what one process loses, or it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pairings import covering, reads, sample
from several_ranks import in_ranks

from headstart.core import registry

NEAR = 1e-5
# Which of the pairs of pixels: every objective with a network with batch norms, every network with one objective.
_PIXELS = [(objective, "small_resnet") for objective in registry.fitting("objective", batch="pixels")]
_PIXELS += [("views", backbone) for backbone in registry.fitting("backbone", batch="pixels")]
PAIRS = sorted({*sample(), *covering(_PIXELS, reads), ("mae", "vit")} - {("mae", "small_resnet")})
# Many norms over few pixels make much of rounding: in one process `SynchronisedNorm` differs from torch's as much.
# It shows from the third step on.
LOOSE = {"densenet": 5e-3, "efficientnet_lite": 1e-3, "vgg": 1e-3}
WAYS = {"ddp": {}, "accumulated": {"accumulate": 2}, "fsdp": {"parallel": "fsdp"}, "recompute": {"recompute": True}}
REFUSED = {
    "fsdp": "training.parallel=fsdp: this objective calls the network once for each kind",
    "recompute": "training.recompute: this backbone has",
}


@pytest.fixture(scope="module")
def found() -> dict[tuple, list[dict[str, Any]]]:
    """What each pair did, alone, accumulating alone, and in each way on two processes."""
    jobs = {}
    for objective, backbone in PAIRS:
        # Adam makes steps of full size of gradients that are rounding alone, as those of what a batch norm takes away.
        parts = {"objective": objective, "backbone": backbone, "steps": 5, "optimizer": "sgd", "learning_rate": 1e-4}
        for way, settings in WAYS.items():
            jobs[objective, backbone, way] = (2, "tried", parts | settings)
        jobs[objective, backbone, "alone"] = (1, "tried", parts)
        jobs[objective, backbone, "twice alone"] = (1, "tried", parts | {"accumulate": 2})
    return dict(zip(jobs, in_ranks(list(jobs.values()), timeout=7200)))


def test_every_choice_is_there():
    assert {objective for objective, _ in PAIRS} == set(registry.names("objective"))
    assert {backbone for _, backbone in PAIRS} == set(registry.names("backbone"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("objective", "backbone"), PAIRS)
def test_it_loses_what_one_process_loses(found, objective, backbone, way):
    (alone,) = found[objective, backbone, "twice alone" if way == "accumulated" else "alone"]
    two = found[objective, backbone, way]
    if "refused" in two[0]:
        assert all(one["refused"].startswith(REFUSED[way]) for one in two)
        return
    assert "failed" not in two[0], two[0]
    pairs = zip(alone["losses"] + alone["held_out"], two[0]["losses"] + two[0]["held_out"], strict=True)
    for place, (one, other) in enumerate(pairs):
        near = NEAR if place < 2 else LOOSE.get(backbone, NEAR)
        assert (one is None) == (other is None)
        assert one is None or abs(one - other) <= near * max(abs(one), 0.1)
