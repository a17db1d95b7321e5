"""One model on 1, 2 and 4 processes: the same samples, losses and weights; resuming on others; ends that are heard."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from rank_jobs import apart
from several_ranks import in_ranks

from headstart.core.errors import HeadstartError
from headstart.training.shares import own_rows

NEAR = 1e-5


def off(one: list, other: list) -> float:
    """Return how far two curves of losses are apart at most, relative to the first or, where that is small, to .1."""
    assert [loss is None for loss in one] == [loss is None for loss in other]
    return max(abs(a - b) / max(abs(a), 0.1) for a, b in zip(one, other) if a is not None)


def union(found: list[dict[str, Any]], what: str) -> list:
    """Return what all ranks had in each batch of each step, in the order of the ranks."""
    steps = zip(*(rank[what] for rank in found))
    return [[[one for part in parts for one in part] for parts in zip(*step)] for step in steps]


def curves(steps: int, few: int) -> dict[str, tuple]:
    """Return the jobs that compare curves; few: steps of those with many ranks, or of one process with two batches."""
    masked, halves = {"objective": "mlm", "backbone": "bert"}, {"objective": "halves", "backbone": "bert"}
    fsdp, twice = {"parallel": "fsdp"}, {"accumulate": 2, "steps": few}
    jobs = {}
    for name, parts in (("mlm", masked), ("halves", halves)):
        for how, (world, settings) in {
            "alone": (1, {"steps": steps}),
            "on 2": (2, {"steps": steps}),
            "on 4": (4, {"steps": steps}),
            "spread": (2, fsdp | {"steps": steps, "recompute": True}),
            "twice": (1, twice),
            "twice on 2": (2, twice),
            "twice spread": (2, twice | fsdp),
        }.items():
            if name == "mlm" or "twice" not in how:
                jobs[f"{name} {how}"] = (world, "curve", parts | settings)
    return jobs | {"fault": (2, "curve", masked | {"steps": steps, "fault": "each for itself"})}


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Any]:
    """What all jobs returned, by name."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "corpus.txt").write_text("\n".join(f"the {n} cat sat on mat {n * 7 % 13} ." for n in range(400)))
    views = {"objective": "views", "backbone": "small_resnet", "steps": 5}
    masked = {"objective": "mlm", "backbone": "bert"}
    running = {"objective": "causal", "backbone": "lstm", "stateful": True}
    jobs = curves(steps=10, few=4) | {
        "views": (1, "curve", views),
        "views on 2": (2, "curve", views),
        "hybrid": (2, "refusal", {"objective": "hybrid", "backbone": "modernbert", "parallel": "fsdp"}),
        "dying": (2, "dying", {"rank": 1, "step": 2}),
        "dying first": (2, "dying", {"rank": 0, "step": 2}),
        "poisoned": (2, "poisoned", {"step": 4}),
        "poisoned spread": (2, "poisoned", {"step": 4, "parallel": "fsdp"}),
        "broken": (2, "broken", {}),
        "broken spread": (2, "broken", {"parallel": "fsdp"}),
        "clocks": (2, "clocks", {}),
        "failing": (2, "failing", {}),
    }
    for name, settings in (("masked", masked), ("running", running)):
        there, here = {"folder": str(folder / name)} | settings, {"folder": str(folder / f"{name} alone")} | settings
        jobs[f"{name} alone"] = (1, "go_on", here | {"steps": 12})
        for part, (world, steps) in enumerate(((1, 4), (2, 8), (1, 12))):
            jobs[f"{name} {part}"] = (world, "go_on", there | {"steps": steps})
    spread = masked | {"folder": str(folder / "spread")}
    for part, (world, steps, parallel) in enumerate(((2, 4, "fsdp"), (1, 8, "ddp"), (2, 12, "fsdp"))):
        jobs[f"spread {part}"] = (world, "go_on", spread | {"steps": steps, "parallel": parallel})
    for world in (1, 2):
        run = {"corpus": str(folder / "corpus.txt"), "out": str(folder / f"run-{world}"), "steps": 4}
        jobs[f"command on {world}"] = (world, "command", run)
    return dict(zip(jobs, in_ranks(list(jobs.values())))) | {"folder": folder}


@pytest.fixture(scope="module")
def long() -> dict[str, Any]:
    """The curves of a hundred steps."""
    jobs = curves(steps=100, few=30)
    return dict(zip(jobs, in_ranks(list(jobs.values()), timeout=1200)))


def test_all_ranks_together_read_and_hide_what_one_process_does(found):
    (alone,), several = found["mlm alone"], (found["mlm on 2"], found["mlm on 4"])
    for ranks in several:
        assert union(ranks, "samples") == alone["samples"]
        assert union(ranks, "hidden") == alone["hidden"]
        assert {rank["units"] for rank in ranks} == {alone["units"]}
    assert any(not samples for rank in several[1] for step in rank["samples"] for samples in step)  # some had nothing


def check_curves(found: dict[str, Any]) -> None:
    for name in ("mlm", "halves"):
        (alone,) = found[f"{name} alone"]
        for ranks in (found[f"{name} on 2"], found[f"{name} on 4"], found[f"{name} spread"]):
            assert off(alone["losses"], ranks[0]["losses"]) < NEAR
            assert off(alone["held_out"], ranks[0]["held_out"]) < NEAR
            assert len({json.dumps(rank["losses"]) for rank in ranks}) == 1  # every rank knows the loss of all
    (alone,) = found["mlm twice"]
    for ranks in (found["mlm twice on 2"], found["mlm twice spread"]):
        assert off(alone["losses"], ranks[0]["losses"]) < NEAR
    assert off(found["mlm alone"][0]["losses"], found["fault"][0]["losses"]) > 100 * NEAR


def test_losses_are_those_of_one_process_and_each_for_itself_is_found(found):
    check_curves(found)


@pytest.mark.full
def test_losses_are_those_of_one_process_for_a_hundred_steps(long):
    check_curves(long)


def test_batch_norms_see_the_samples_of_all_ranks(found):
    assert off(found["views"][0]["losses"], found["views on 2"][0]["losses"]) < NEAR


@pytest.mark.parametrize("name", ["masked", "running"])
def test_a_run_goes_on_with_another_number_of_processes(found, name):
    (alone,), parts = found[f"{name} alone"], [found[f"{name} {part}"] for part in range(3)]
    assert [{rank["step"] for rank in part} for part in parts] == [{4}, {8}, {12}]
    assert [{rank["stopped"] for rank in part} for part in parts] == [{"stopped"}, {"stopped"}, {"budget"}]
    assert off(alone["losses"], [loss for part in parts for loss in part[0]["losses"]]) < NEAR
    assert apart(str(found["folder"] / f"{name} alone"), str(found["folder"] / name)) < 1e-4


def test_spread_weights_are_saved_whole(found):
    parts = [found[f"spread {part}"] for part in range(3)]
    assert off(found["masked alone"][0]["losses"], [loss for part in parts for loss in part[0]["losses"]]) < NEAR
    assert apart(str(found["folder"] / "masked alone"), str(found["folder"] / "spread")) < 1e-4


def test_what_ranks_cannot_do_in_step_is_refused(found):
    for told in found["hybrid"]:
        assert told.startswith("training.parallel=fsdp: this objective calls the network once for each kind")


@pytest.mark.parametrize(("name", "left"), [("dying", 0), ("dying first", 1)])
def test_the_others_end_when_one_dies(found, name, left):
    assert found[name][1 - left] is None
    assert f"rank {left}: another process of the run ended or cannot be reached" in found[name][left]["told"]
    assert found[name][left]["seconds"] < 60


@pytest.mark.parametrize("how", ["poisoned", "poisoned spread"])
def test_a_loss_that_is_no_number_on_one_rank_is_skipped_on_all(found, how):
    first, second = found[how]
    assert first == second
    assert (first["skipped"], first["finite"]) == (1, True)


@pytest.mark.parametrize("how", ["broken", "broken spread"])
def test_a_weight_that_is_no_number_on_one_rank_ends_all(found, how):
    first, second = found[how]
    assert first == second
    assert first.startswith("step 1: the weight backbone.blocks.0.mlp.up.weight holds a number that is not finite")


def test_the_clock_of_the_first_rank_is_everyones(found):
    first, second = found["clocks"]
    assert first == second
    assert first["stopped"] == "budget"
    assert 0.3 <= first["seconds"] < 30


def test_the_others_are_told_why_the_first_could_not_prepare(found):
    assert found["failing"] == ["no corpus there", "rank 1: the first process of the run stopped: no corpus there"]


def test_the_command_makes_one_run_of_all_processes(found):
    alone, two = found["folder"] / "run-1", found["folder"] / "run-2"
    assert [rank["steps"] for rank in found["command on 2"]] == [4, 4]
    assert found["command on 2"][0]["loss"] == pytest.approx(found["command on 1"][0]["loss"], rel=NEAR)
    assert apart(str(alone / "checkpoints"), str(two / "checkpoints")) < 1e-4
    lines = [(run / "metrics.jsonl").read_text().splitlines() for run in (alone, two)]
    assert len(lines[0]) == len(lines[1])
    assert json.loads((two / "run.json").read_text())["machine"]["processes"] == 2
    assert math.isfinite(json.loads(lines[1][-2])["loss"])


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("costs", [[5], [100, 1, 1, 1], [3] * 8, [1, 9, 2, 7, 7, 3, 1, 1, 4]])
def test_shares_follow_each_other_and_cost_alike(world, costs):
    cost_B = torch.tensor(costs)
    parts = [own_rows(cost_B, rank, world) for rank in range(world)]
    assert torch.cat(parts).tolist() == list(range(len(costs)))
    heaviest = max(int(cost_B[rows].sum()) for rows in parts)
    assert heaviest <= sum(costs) / world + max(costs)


def test_samples_of_equal_cost_stay_with_their_rank():
    owners = [own_rows(torch.full((7,), cost), 1, 3).tolist() for cost in (1, 9, 126)]
    assert owners == [owners[0]] * 3


def test_what_cannot_be_shared_out_is_named():
    from small_parts import batch_of, documents, small_tokenizer

    batch = batch_of(small_tokenizer("bidirectional"), documents(4), list(range(4)))
    batch.extra["mood"] = torch.zeros(4)
    with pytest.raises(HeadstartError, match="'mood' of the objective's corrupted batch cannot be shared out; call it"):
        batch.rows(torch.tensor([0, 2]))
