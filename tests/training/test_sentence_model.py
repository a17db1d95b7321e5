"""Folders of sentence-transformers give the vectors that their modules describe, and are refused where they cannot."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_networks import base_of, bert_of_others

from headstart.core.errors import HeadstartError
from headstart.fitting.workspace import Workspace
from headstart.routes.probe import Probe
from headstart.training.pretrained_model import PretrainedModel, trainable_copy

TEXTS = ["A good Film", "das war nicht so gut", "영화가 좋다", "x"]
WIDTH = base_of("bert").backbone.width


def written(path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return bert_of_others(tmp_path_factory.mktemp("hf") / "model")


def model(exported, folder, *, sub="", pooling=None, dense=(), normalize=False, told=None, prompts=None, extra=()):
    """Write a folder as sentence-transformers does; dense: activations of layers from WIDTH to 5 to 5 ... numbers."""
    shutil.copytree(exported, folder / sub if sub else folder)
    modules = [("Transformer", sub), ("Pooling", "1_Pooling")]
    written(folder / "1_Pooling" / "config.json", pooling or {"pooling_mode_mean_tokens": True})
    for number, activation in enumerate(dense, 2):
        place = folder / f"{number}_Dense"
        sizes = (WIDTH if number == 2 else 5, 5)
        written(place / "config.json", {"activation_function": f"torch.nn.modules.activation.{activation}"})
        torch.manual_seed(number)
        save_file(
            {"linear.weight": torch.randn(5, sizes[0]), "linear.bias": torch.randn(5)}, place / "model.safetensors"
        )
        modules.append(("Dense", f"{number}_Dense"))
    modules += [("Normalize", "9_Normalize")] * normalize + [(one, "8") for one in extra]
    kinds = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (kind, path) in enumerate(modules)
    ]
    written(folder / "modules.json", kinds)
    written((folder / sub if sub else folder) / "sentence_bert_config.json", told or {"max_seq_length": 512})
    written(folder / "config_sentence_transformers.json", prompts or {"prompts": {}, "default_prompt_name": None})
    return folder


def pooled(texts, **how) -> np.ndarray:
    return base_of("bert").embed(texts, **how)


@pytest.mark.parametrize("sub", ["", "0_Transformer"])
@pytest.mark.parametrize(
    ("pooling", "usual"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["mean"]}, "mean"),
    ],
)
def test_both_forms_of_pooling(exported, tmp_path, sub, pooling, usual):
    opened = PretrainedModel.open(model(exported, tmp_path / "st", sub=sub, pooling=pooling))
    assert opened.name == "st"
    assert np.allclose(opened.embed(TEXTS), pooled(TEXTS, pooling=usual), atol=1e-6)


def test_dense_layers_and_length(exported, tmp_path):
    folder = model(exported, tmp_path / "st", dense=("Tanh", "Identity"), normalize=True)
    vectors = torch.from_numpy(pooled(TEXTS, pooling="mean"))
    for number, activation in ((2, torch.tanh), (3, lambda x: x)):
        torch.manual_seed(number)
        weight, bias = torch.randn(5, vectors.shape[1]), torch.randn(5)
        vectors = activation(vectors @ weight.T + bias)
    expected = (vectors / vectors.norm(dim=1, keepdim=True)).numpy()
    opened = PretrainedModel.open(folder)
    assert np.allclose(opened.embed(TEXTS), expected, atol=1e-5)
    assert np.allclose(opened.embed(TEXTS, layer=0), pooled(TEXTS, layer=0), atol=1e-6)  # other readouts stay
    opened.save(tmp_path / "saved")
    again = PretrainedModel.open(tmp_path / "saved")
    assert np.array_equal(again.embed(TEXTS), opened.embed(TEXTS))
    assert again.identity == opened.identity != PretrainedModel.open(exported).identity


def test_prompt_and_small_letters(exported, tmp_path):
    prompts = {"prompts": {"query": "Query: ", "other": "x"}, "default_prompt_name": "query"}
    folder = model(exported, tmp_path / "st", told={"max_seq_length": 512, "do_lower_case": True}, prompts=prompts)
    expected = pooled([f"Query: {text}".lower() for text in TEXTS], pooling="mean")
    assert np.allclose(PretrainedModel.open(folder).embed(TEXTS), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_small_letters_are_small_for_what_is_trained_too(exported, tmp_path, kind):
    folder = model(exported, tmp_path / "st", told={"max_seq_length": 512, "do_lower_case": True})
    (folder / "sentence_bert_config.json").rename(folder / f"sentence_{kind}_config.json")
    opened = PretrainedModel.open(folder)
    upper, small = [text.upper() for text in TEXTS], [text.lower() for text in TEXTS]
    for base in (opened, trainable_copy(opened)):
        assert all(map(np.array_equal, base.processor.encode(upper), base.processor.encode(small)))
        assert np.allclose(base.embed(upper), base.embed(small), atol=1e-6)


def test_parts_of_several_models_are_refused(exported, tmp_path):
    folder = model(exported, tmp_path / "st", dense=("Tanh",))
    save_file({"linear.weight": torch.randn(5, WIDTH + 1)}, folder / "2_Dense" / "model.safetensors")
    with pytest.raises(HeadstartError, match=f"takes vectors of {WIDTH + 1} numbers, and {WIDTH} come before it"):
        PretrainedModel.open(folder)
    (folder / "2_Dense" / "config.json").unlink()
    with pytest.raises(HeadstartError, match=r"a dense layer without 2_Dense/config\.json"):
        PretrainedModel.open(folder)


def test_an_adapter_says_what_it_is(tmp_path):
    written(tmp_path / "a" / "adapter_config.json", {"peft_type": "LORA"})
    save_file({"base_model.model.x.lora_A.weight": torch.zeros(2, 2)}, tmp_path / "a" / "adapter_model.safetensors")
    with pytest.raises(HeadstartError, match=r"an adapter \(peft\), not a model; merge it"):
        PretrainedModel.open(tmp_path / "a")


def test_windows_are_as_long_as_the_model_was_made_for(exported, tmp_path):
    opened = PretrainedModel.open(model(exported, tmp_path / "st", told={"max_seq_length": 8}))
    assert opened.max_length == 6


def test_a_task_model_keeps_all_of_it(exported, tmp_path):
    from small_networks import rows

    from headstart.fitting.task_model_files import load_task, save_task

    base = PretrainedModel.open(model(exported, tmp_path / "st", dense=("Tanh",), normalize=True))
    route, train = Probe(), rows(18)
    made = route.run(train, Workspace(base), seed=0)
    save_task(made, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(train), made.predict_proba(train), atol=1e-6)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"pooling": {"pooling_mode_max_tokens": True}}, "pooling pooling_mode_max_tokens"),
        ({"pooling": {"pooling_mode": "lasttoken"}}, "pooling lasttoken"),
        ({"pooling": {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}}, "with"),
        ({"pooling": {"pooling_mode": "mean", "include_prompt": False}}, "include_prompt"),
        ({"dense": ("Softplus",)}, "activation Softplus"),
        ({"extra": ("WeightedLayerPooling",)}, "module 'WeightedLayerPooling'"),
        ({"prompts": {"prompts": {}, "default_prompt_name": "query"}}, "default_prompt_name 'query'"),
        ({"prompts": {"prompts": ["query"], "default_prompt_name": "query"}}, "prompts without names"),
        ({"normalize": True, "extra": ("Dense",)}, "module 'Dense' after 'Normalize'"),
        ({"told": {"max_seq_length": 2}}, "max_seq_length 2, in which no word fits"),
    ],
)
def test_what_is_not_read_is_refused_in_one_line(exported, tmp_path, how, said):
    with pytest.raises(HeadstartError, match=said) as caught:
        PretrainedModel.open(model(exported, tmp_path / "st", **how))
    assert "\n" not in str(caught.value)


def test_pickled_dense_weights_are_never_opened(exported, tmp_path):
    folder = model(exported, tmp_path / "st", dense=("Tanh",))
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(HeadstartError, match="pickled weights can run code"):
        PretrainedModel.open(folder)
