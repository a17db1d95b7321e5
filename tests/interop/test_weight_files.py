"""Files of weights of others: the network is found from names and shapes, outputs are equal, the rest is one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from stored_weights import check_stored_logits, file_of

from headstart.backbones.convnext import ConvNextSpec
from headstart.backbones.efficientnet_lite import EfficientNetLiteSpec
from headstart.core.errors import HeadstartError
from headstart.exports.hf import hf_tensors
from headstart.interop import unpickle
from headstart.interop.preprocessor import imagenet
from headstart.interop.weight_files import open_weights
from headstart.training.pretrained_model import PretrainedModel

GOOGLE = (127 / 255,) * 3, (128 / 255,) * 3
QUICK = ("resnet 18", "efficientnet-lite0", "tf_efficientnet_lite0", "efficientnet_lite0", "convnext_atto")
SMALL = ConvNextSpec()


def small_file() -> dict[str, torch.Tensor]:
    return file_of(SMALL, SMALL.foreign_names["timm"])


@pytest.fixture(scope="module")
def atto(tmp_path_factory):
    """The file of a small network by timm's names."""
    path = tmp_path_factory.mktemp("weights") / "atto.safetensors"
    save_file(small_file(), path)
    return path


def refused(path) -> str:
    with pytest.raises(HeadstartError) as caught:
        PretrainedModel.open(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", QUICK)
def test_a_file_is_recognised_and_gives_the_stored_logits(name, tmp_path):
    check_stored_logits(name, tmp_path)


@pytest.mark.parametrize("prefix", ["convnext.", ""], ids=["classifier", "network alone"])
def test_a_file_of_transformers_alone_is_recognised(prefix, tmp_path):
    network = SMALL.build(imagenet().shape)
    theirs = hf_tensors(SMALL.HF_NAMES, network, "", None)
    head = {"classifier.weight": torch.zeros(1000, 320), "classifier.bias": torch.zeros(1000)} if prefix else {}
    save_file({f"{prefix}{name}": t for name, t in theirs.items()} | head, tmp_path / "file.safetensors")
    found = open_weights(tmp_path / "file.safetensors")
    assert found.receipt.note == "recognised as convnext size=atto by the names of transformers"
    assert sorted(found.extra) == sorted(head)
    assert all(torch.equal(found.backbone.state_dict()[name], t) for name, t in network.state_dict().items())


def test_size_and_statistics_travel_with_the_checkpoint(atto, tmp_path):
    base = PretrainedModel.open(atto)
    assert base.processor.how == imagenet()
    assert (base.processor.shape.height, base.processor.how.short) == (224, 256)
    save_file(file_of(EfficientNetLiteSpec(size=2), EfficientNetLiteSpec(size=2).foreign_names["timm"]), tmp_path / "w")
    base.save(tmp_path / "base")
    again = PretrainedModel.open(tmp_path / "base")
    assert (again.identity, again.processor.how) == (base.identity, base.processor.how)
    google = EfficientNetLiteSpec(size=2).foreign_names["efficientnet-lite-pytorch"].pixels
    assert (google.shape.mean, google.shape.std, google.shape.width) == (*GOOGLE, 260)


def test_what_timm_writes_beside_the_weights_counts(tmp_path):
    save_file(small_file(), tmp_path / "model.safetensors")
    told = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3], "input_size": [3, 64, 64], "crop_pct": 1.0}
    for config in (told | {"interpolation": "bicubic"}, {"pretrained_cfg": told | {"interpolation": "bicubic"}}):
        (tmp_path / "config.json").write_text(json.dumps({"architecture": "convnext_atto"} | config))
        how = PretrainedModel.open(tmp_path).processor.how
        assert (how.shape.mean, how.shape.std) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.3))
        assert (how.shape.height, how.shape.width, how.short, how.resample) == (64, 64, 64, 3)
    (tmp_path / "config.json").write_text(json.dumps(told | {"crop_mode": "squash"}))
    assert PretrainedModel.open(tmp_path).processor.how.short is None
    for wrong, said in (
        ({"crop_mode": "border"}, "crop_mode=border"),
        ({"input_size": [64]}, "input_size, mean and std"),
    ):
        (tmp_path / "config.json").write_text(json.dumps(told | wrong))
        assert said in refused(tmp_path)


def test_names_that_fit_several_networks_want_the_config(tmp_path):
    spec = EfficientNetLiteSpec()
    save_file(file_of(spec, spec.foreign_names["timm"]), tmp_path / "lite0.safetensors")
    said = refused(tmp_path / "lite0.safetensors")
    assert "tf_efficientnet_lite0 (efficientnet_lite size=0)" in said
    assert "efficientnet_lite0 (efficientnet_lite padding=symmetric)" in said
    assert "give the folder with timm's config.json" in said


@pytest.mark.full
def test_the_settings_of_a_hub_count_for_the_file_too(tmp_path):
    spec = EfficientNetLiteSpec(padding="symmetric")
    tensors = file_of(spec, spec.foreign_names["timm"])
    told = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3], "input_size": [3, 64, 64]}
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "efficientnet_lite0"} | told))
    save_file(tensors, tmp_path / "model.safetensors")
    bases = [PretrainedModel.open(place) for place in (tmp_path, tmp_path / "model.safetensors")]
    (tmp_path / "model.safetensors").rename(tmp_path / "mine.safetensors")
    assert "those of several networks" in refused(tmp_path / "mine.safetensors")  # a folder of anything else
    (tmp_path / "mine.safetensors").rename(tmp_path / "pytorch_model.bin")
    bases.append(PretrainedModel.open(tmp_path / "pytorch_model.bin"))
    assert len({base.identity for base in bases}) == 1
    assert all(base.processor.shape.mean == (0.5, 0.4, 0.3) for base in bases)


@pytest.mark.full
def test_a_training_checkpoint_of_torch_is_the_same_as_safetensors(atto, tmp_path):
    held = {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in small_file().items()}}
    torch.save(held, tmp_path / "atto.pth")
    assert PretrainedModel.open(tmp_path / "atto.pth").identity == PretrainedModel.open(atto).identity


class Attack:
    def __reduce__(self):
        return os.system, ("touch attacked",)


def test_a_pickle_that_runs_code_runs_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"stem.0.weight": Attack()}, "attack.pth")
    assert "no torch file of tensors alone" in refused(tmp_path / "attack.pth")
    (tmp_path / "folder").mkdir()
    torch.save(small_file(), "folder/model.pth")
    assert "neither a run" in refused(tmp_path / "folder")  # a pickle is read where it is named, never found
    assert not (tmp_path / "attacked").exists()


def test_the_guard_lets_a_file_be_read_and_nothing_else(tmp_path):
    """The twin: the same program without the guard writes."""
    attack = "open('written', 'w').write('x')"
    for guarded in (True, False):
        program = f"import sys, runpy\nguard = runpy.run_path({unpickle.__file__!r})['guard']\n"
        program += "sys.addaudithook(guard)\n" * guarded + "open(sys.executable, 'rb').read(9)\n" + attack
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
        assert (tmp_path / "written").exists() is not guarded
        assert ("wants to write written" in done.stderr) is guarded
    for event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.remove", "ctypes.dlopen"):
        with pytest.raises(PermissionError, match=event):
            unpickle.guard(event, ())
    with pytest.raises(PermissionError):
        unpickle.guard("open", ("x", None, os.O_WRONLY | os.O_CREAT))
    unpickle.guard("open", ("x", "rb", os.O_RDONLY))


def test_what_is_no_file_of_weights_is_one_line(atto, tmp_path):
    whole = atto.read_bytes()
    files = {
        "text.txt": b"some text",
        "empty": b"",
        "cut.safetensors": whole[:5000],
        "cut.pth": b"PK\x03\x04 and no more",
        "noise": bytes(range(256)) * 4,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert "file" in refused(tmp_path / name)
    with pytest.raises(ValueError, match="it holds a int"):
        unpickle.tensors_in(1)
    with pytest.raises(ValueError, match="it holds no tensors by name"):
        unpickle.tensors_in({"state_dict": {"a": torch.zeros(1), "b": "text"}})


def test_other_names_and_sizes_are_one_line(tmp_path):
    tensors, path = small_file(), tmp_path / "w.safetensors"
    save_file({"bert.weight": torch.zeros(3)}, path)
    said = refused(path)
    assert "are called as in no network known here (known: " in said
    assert "resnet of torchvision, timm, transformers" in said
    save_file({**tensors, "stages.0.blocks.0.grn.weight": torch.zeros(3)}, path)
    assert (
        "1 of 129 tensors ('stages.0.blocks.0.grn.weight') have no place in the nearest, convnext of timm"
        in refused(path)
    )
    save_file({name: t for name, t in tensors.items() if name != "stages.2.blocks.3.norm.bias"}, path)
    assert "no size fits; nearest is convnext size=atto, but 'stages.2.blocks.3.norm.bias' missing" in refused(path)
    save_file(tensors | {"stem.0.weight": torch.zeros(40, 5, 4, 4)}, path)
    assert "has shape [40, 5, 4, 4], expected is [40, 3, 4, 4]" in refused(path)
    save_file({name: t for name, t in tensors.items() if name.startswith("head.fc")}, path)
    assert "are called as in no network" in refused(path)


def test_a_network_of_grey_images_is_recognised(tmp_path):
    save_file(file_of(SMALL, SMALL.foreign_names["timm"], channels=1), tmp_path / "grey.safetensors")
    base = PretrainedModel.open(tmp_path / "grey.safetensors")
    assert base.processor.shape.channels == 1
    assert base.processor.shape.mean == pytest.approx((0.449,), abs=1e-9)


def test_counts_of_batches_may_be_there_and_half_precision_is_read(tmp_path):
    tensors = file_of(EfficientNetLiteSpec(), EfficientNetLiteSpec().foreign_names["efficientnet-lite-pytorch"])
    save_file({name: t.half() for name, t in tensors.items()}, tmp_path / "without.safetensors")
    counts = {name.replace("running_var", "num_batches_tracked"): torch.tensor(3) for name in tensors if "var" in name}
    save_file(tensors | counts, tmp_path / "with.safetensors")
    first, second = (PretrainedModel.open(tmp_path / f"{name}.safetensors") for name in ("without", "with"))
    for name, parameter in first.backbone.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, second.backbone.get_parameter(name).half().float())
    assert sum(name.endswith("num_batches_tracked") for name in second.receipt["dropped"]) == len(counts)
