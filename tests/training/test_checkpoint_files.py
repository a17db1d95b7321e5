"""Checkpoints file by file: what is in them, which one counts, what is pruned, what a restored state shares."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Loss, Objective
from headstart.core.disk_errors import DiskFull
from headstart.core.errors import HeadstartError
from headstart.core.holder import Holder
from headstart.training import checkpoint
from headstart.training.checkpoint import Checkpoints, load_weights, read_counters, read_weights, restore
from headstart.training.loop import TrainState, fit, start_state
from headstart.training.plan import TrainPlan

PLAN = TrainPlan(steps=2, dtype="fp32", warmup=0.0)
FILES = {"weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"}


class Net(Backbone):
    width, depth = 2, 1

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(8, 2)
        self.out = nn.Linear(2, 2)
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, batch, *, layers=False, attention=False):
        hidden = self.out(self.embedding(batch.ids_N))
        return Features(pooled_BD=torch.zeros(batch.size, 2).index_add(0, batch.row_N(), hidden))

    def groups(self):
        return [[self.embedding.weight], list(self.out.parameters())]


class Square(Objective):
    def __init__(self, *phases: str) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.phases = phases or ("main",)

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        return batch

    def layers(self, backbone, phase):
        whole = [*backbone.groups(), [self.scale]]
        return {"main": whole, "net": [*whole[:-1], []], "own": [[self.scale]]}[phase]

    def forward(self, backbone, batch, phase="main"):
        return Loss.of(((backbone(batch).pooled_BD * self.scale - 1.0) ** 2).sum(), batch.size)


class Source:
    def at(self, number: int) -> TokenBatch:
        ids_N = (torch.arange(12) + number) % 8
        return TokenBatch(ids_N=ids_N, lengths_B=torch.full((4,), 3), sample_B=torch.arange(4), epoch=0)


def fresh(*phases: str) -> TrainState:
    return start_state(Square(*phases), Net(), PLAN)


def trained(*phases: str) -> TrainState:
    state = fresh(*phases)
    fit(state, Source(), PLAN)
    return state


def saved(folder: Path, *steps: int, run: str = "") -> Checkpoints:
    checkpoints, state = Checkpoints(folder, run=run, keep=9), trained()
    for state.step in steps:
        checkpoints.save(state)
    return checkpoints


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def moments(state: TrainState) -> dict[str, torch.Tensor]:
    found = {}
    for phase, optimizer in state.optimizers.items():
        flat = [p for group in optimizer.param_groups for p in group["params"]]
        found |= {
            f"{phase}.{place}.{name}": value
            for place, p in enumerate(flat)
            for name, value in optimizer.state[p].items()
        }
    return found


@pytest.mark.parametrize(
    ("phases", "names"),
    [((), {f"0000{n}." for n in range(4)}), (("net", "own"), {"net.00000.", "net.00001.", "net.00002.", "own.00000."})],
)
def test_a_checkpoint_holds_all_that_a_state_is(phases, names, tmp_path):
    state = trained(*phases)
    state.seconds, state.carry = 7.25, ()
    checkpoints = Checkpoints(tmp_path, run="abc")
    checkpoints.save(state)
    (folder,) = checkpoints.steps()
    assert {path.name for path in folder.iterdir()} == FILES
    told = json.loads((folder / "state.json").read_text())
    counters = {"step": 2, "seconds": 7.25, "units": 24, "samples": 8, "loss": state.loss}
    assert told == {"format": 2, "run": "abc"} | counters
    assert read_counters(folder) == counters
    assert set(read_weights(folder)) == {
        "backbone.embedding.weight", "backbone.out.weight", "backbone.out.bias", "backbone.seen", "objective.scale"
    }  # fmt: skip
    kinds = {"step", "exp_avg", "exp_avg_sq"}
    assert set(load_file(folder / "optimizer.safetensors")) == {name + kind for name in names for kind in kinds}
    other = fresh(*phases)
    restore(other, folder)
    assert {name: vars(other)[name] for name in counters} == counters
    for name, value in state.backbone.state_dict().items():
        assert torch.equal(other.backbone.state_dict()[name], value)
    assert torch.equal(other.objective.scale, state.objective.scale)
    assert other.carry == ()
    one, two = moments(state), moments(other)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) and not two[name].requires_grad for name in one)


def test_without_an_identity_none_is_told(tmp_path):
    (folder,) = saved(tmp_path, 3).steps()
    assert "run" not in json.loads((folder / "state.json").read_text())


def test_tensors_that_share_memory_are_stored_each_on_its_own(tmp_path):
    state = fresh()
    for name in ("two", "three"):
        state.backbone.register_buffer(name, state.backbone.seen)
    state.carry = (torch.ones(2, 3),) * 3
    Checkpoints(tmp_path).save(state)
    folder = tmp_path / "step-000000000"
    assert {"backbone.seen", "backbone.two", "backbone.three"} <= set(read_weights(folder))
    assert {path.name for path in folder.iterdir()} == FILES | {"carry.safetensors"}
    other = fresh()
    for name in ("two", "three"):
        other.backbone.register_buffer(name, torch.zeros(3))
    restore(other, folder)
    assert [part.tolist() for part in other.carry] == [torch.ones(2, 3).tolist()] * 3


def test_a_restored_state_stays_what_it_is_when_the_files_change(tmp_path):
    """Pruning removes files whose pages loaded tensors would be."""
    state = trained()
    state.carry = (torch.arange(6.0).view(2, 3), torch.zeros(0, 3))
    Checkpoints(tmp_path).save(state)
    other = fresh()
    restore(other, tmp_path / "step-000000002")
    for path in (tmp_path / "step-000000002").glob("*.safetensors"):
        with open(path, "rb+") as stream:  # in place: whoever has mapped it sees it
            size = os.fstat(stream.fileno()).st_size
            stream.seek(size - size // 2)
            stream.write(bytes(size // 2))
    assert torch.equal(other.carry[0], state.carry[0])
    assert other.carry[1].shape == (0, 3)
    one, two = moments(state), moments(other)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert torch.equal(other.backbone.embedding.weight, state.backbone.embedding.weight)


def test_the_newest_are_kept_and_what_a_killed_writer_left_goes(tmp_path):
    gone = Holder("elsewhere", "", 1, "1").mark
    left = tmp_path / f".step-000000009.{gone}-0a1b2c.tmp"
    left.write_text("half")
    os.utime(left, (1, 1))
    (tmp_path / "notes").mkdir()
    (tmp_path / "step-000000004").write_text("no folder")
    state, names = trained(), []
    assert Checkpoints(tmp_path / "none").steps() == []
    for keep, step in ((2, 1), (2, 2), (2, 3), (3, 5), (1, 6)):
        checkpoints = Checkpoints(tmp_path, keep) if keep != 2 else Checkpoints(tmp_path)
        state.step = step
        checkpoints.save(state)
        names.append([int(path.name[-1]) for path in checkpoints.steps()])
    assert names == [[1], [1, 2], [2, 3], [2, 3, 5], [6]]
    assert not left.exists()
    assert (tmp_path / "notes").is_dir()


def test_what_cannot_be_pruned_stays_for_now(tmp_path, monkeypatch):
    state, checkpoints = trained(), Checkpoints(tmp_path, keep=1)
    checkpoints.save(state)

    def replace(one, two):
        if "-000000002" in str(one):
            raise PermissionError(errno.EPERM, "Operation not permitted", str(one))
        os.rename(one, two)

    state.step = 7
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        checkpoints.save(state)
    assert [path.name[-1] for path in checkpoints.steps()] == ["2", "7"]
    state.step = 8
    checkpoints.save(state)
    assert [path.name[-1] for path in checkpoints.steps()] == ["8"]


def test_a_full_disk_is_told_what_the_checkpoint_needs_and_may_be_waited_for(tmp_path, monkeypatch):
    state, tried = trained(), []
    state.carry = (torch.zeros(5, 4),)
    real = checkpoint.write_folder

    def write(*given):
        if len(tried) < 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*given)

    def wait_for(write) -> None:
        for _ in range(3):
            try:
                return write()
            except DiskFull as error:
                tried.append(error.need)

    monkeypatch.setattr(checkpoint, "write_folder", write)
    Checkpoints(tmp_path, patience=wait_for).save(state)
    weights = sum(tensor.nbytes for tensor in read_weights(tmp_path / "step-000000002").values())
    kept = sum(tensor.nbytes for tensor in load_file(tmp_path / "step-000000002/optimizer.safetensors").values())
    assert tried == [weights + kept + 5 * 4 * 4] * 2


DAMAGED = ("weights.safetensors", "optimizer.safetensors", "carry.safetensors", "state.json")


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("place", ["newest", "older"])
@pytest.mark.parametrize("name", DAMAGED)
def test_which_checkpoint_counts_where_one_is_damaged(name, place, served, tmp_path):
    """Training needs every byte of it; serving reads the weights of the newest alone."""
    state, checkpoints = trained(), Checkpoints(tmp_path)
    state.carry = (torch.ones(2, 3),)
    for state.step in (4, 5):
        checkpoints.save(state)
    older, newest = checkpoints.steps()
    damaged = newest if place == "newest" else older
    spoil(damaged / name)
    found, told = checkpoints.newest(served=True) if served else checkpoints.newest()
    unread = served and (place == "older" or name in ("optimizer.safetensors", "carry.safetensors"))
    if name == "state.json":  # told by what it holds as well
        unread = False
    assert found == (older if damaged == newest and not unread else newest)
    way_out = "; falling back to the previous one" if place == "newest" else ""
    assert len(told) == (not unread)
    for line in told:
        assert line.startswith(f"checkpoint {damaged} is damaged ({name}")
        assert line.endswith(f"){way_out}")


def test_what_the_manifest_of_the_run_says_counts_too(tmp_path):
    checkpoints = saved(tmp_path, 1, 2, 3)
    newest, told = checkpoints.newest({"step-000000003": "is a stranger", "step-000000009": "x", "step-000000008": "y"})
    assert newest.name == "step-000000002"
    assert told == [
        f"checkpoint {tmp_path / 'step-000000003'} is damaged (is a stranger); falling back to the previous one",
        f"checkpoint {tmp_path / 'step-000000008'} is missing",
        f"checkpoint {tmp_path / 'step-000000009'} is missing",
    ]
    assert checkpoints.newest() == (tmp_path / "step-000000003", [])
    assert Checkpoints(tmp_path / "none").newest() == (None, [])


def test_a_checkpoint_that_is_pruned_meanwhile_is_not_damaged(tmp_path, monkeypatch):
    checkpoints = saved(tmp_path, 1, 2)
    steps = [*checkpoints.steps(), tmp_path / "step-000000003"]
    monkeypatch.setattr(Checkpoints, "steps", lambda self: steps)
    assert checkpoints.newest() == (tmp_path / "step-000000002", [])


@pytest.mark.parametrize(
    ("written_by", "asked_for", "usable"), [("", "", 1), ("a", "a", 1), ("", "a", 1), ("a", "", 1), ("b", "a", 0)]
)
def test_a_checkpoint_is_one_of_its_run(written_by, asked_for, usable, tmp_path):
    saved(tmp_path, 1, run=written_by)
    newest, told = Checkpoints(tmp_path, run=asked_for).newest()
    assert (newest is not None) == bool(usable)
    assert ["state.json is that of another run" in line for line in told] == [True] * (1 - usable)


def test_a_checkpoint_under_another_name_is_none(tmp_path):
    saved(tmp_path, 1234)
    (tmp_path / "step-000001234").rename(tmp_path / "step-000000007")
    newest, (line,) = Checkpoints(tmp_path).newest()
    assert newest is None
    assert "state.json is that of step 1,234" in line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: {k: v for k, v in t.items() if k != "00001.exp_avg"}, "tensor 00001.exp_avg is missing"),
        (lambda t: {k: v for k, v in t.items() if "00001.exp" not in k}, "tensor 00001.exp_avg is missing"),
        (
            lambda t: t | {"00001.exp_avg": torch.ones(3)},
            r"tensor 00001.exp_avg has shape \[3\], the parameter \[2, 2\]",
        ),
        (lambda t: t | {"00017.exp_avg": torch.ones(3)}, "holds 1 tensors that this run does not have"),
        (lambda t: t | {"more": torch.ones(3)}, "holds 1 tensors that this run does not have"),
    ],
)
def test_an_optimizer_that_is_not_this_runs_is_told_and_nothing_is_taken(change, told, tmp_path):
    path = saved(tmp_path, 2).steps()[0] / "optimizer.safetensors"
    save_file(change(load_file(path)), path)
    state = fresh()
    with pytest.raises(HeadstartError, match=told):
        restore(state, path.parent)
    assert not state.optimizers["main"].state
    assert (state.step, state.units, state.samples, state.loss) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: {k: v for k, v in t.items() if k != "backbone.out.bias"}, "the backbone does not fit .*out.bias"),
        (lambda t: t | {"objective.more": torch.ones(1)}, "the objective does not fit .*more"),
        (lambda t: t | {"objective.scale": torch.ones(5)}, "the objective does not fit .*size mismatch"),
    ],
)
def test_weights_that_do_not_fit_are_told_in_one_line(change, told, tmp_path):
    tensors = change(read_weights(saved(tmp_path, 2).steps()[0]))
    with pytest.raises(HeadstartError, match=told) as caught:
        load_weights(Net(), Square(), tensors, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_network_is_loaded_without_an_objective_too(tmp_path):
    state = trained()
    Checkpoints(tmp_path).save(state)
    net = Net()
    load_weights(net, None, read_weights(tmp_path / "step-000000002"), tmp_path)
    assert torch.equal(net.out.weight, state.backbone.out.weight)


def test_moments_lie_as_their_weights_do(tmp_path):
    """Else a step rounds otherwise than without the pause."""

    def with_filters() -> TrainState:
        net = Net()
        net.conv = nn.Conv2d(3, 4, 3)
        net.groups = lambda: [[net.embedding.weight], [*net.out.parameters(), net.conv.weight]]
        return start_state(Square(), net, PLAN)

    state = with_filters()
    sum(weight.square().sum() for weight in (state.backbone.conv.weight, state.objective.scale)).backward()
    state.optimizers["main"].step()
    Checkpoints(tmp_path).save(state)
    other = with_filters()
    restore(other, tmp_path / "step-000000000")
    own = other.optimizers["main"].state[other.backbone.conv.weight]
    assert own["exp_avg"].is_contiguous(memory_format=torch.channels_last)
    assert own["step"].shape == ()
    assert other.backbone.out.weight not in other.optimizers["main"].state
