"""Every way out: the other library answers as headstart does; where it would not, nothing is left behind."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_bases
import torch
from small_networks import base_of, rows
from small_parts import processor_for, small
from tiny_images import striped_images

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.exporting.leave import Left, Rows
from headstart.exports import onnx
from headstart.fitting.workspace import Workspace
from headstart.nn.sentence_head import Dense, SentenceHead
from headstart.training.pretrained_model import PretrainedModel

PACKAGES = {
    "hf": "transformers",
    "sentence_transformers": "sentence_transformers",
    "onnx": "onnxruntime",
    "peft": "peft",
}
QUICK = {"choose_learning_rate": False, "epochs": 1, "least_steps": 3}
ASKED = Rows(Examples([f"{text} 영화 {n}" for n, text in enumerate(tiny_bases.corpus(60))]), "made texts")


@pytest.fixture(scope="module", autouse=True)
def _translations_made_once():
    """torch.onnx makes its table of operations for every graph anew: a fifth of the time of a small one."""
    exporter = pytest.importorskip("torch.onnx._internal.exporter._registration")
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(exporter.ONNXRegistry.from_torchlib)
        patch.setattr(exporter.ONNXRegistry, "from_torchlib", staticmethod(once))
        yield


def way(name: str):
    """Return an export; skip where the library that it is for is not installed."""
    pytest.importorskip(PACKAGES[name])
    if name == "onnx":
        pytest.importorskip("onnxscript")
    return registry.load("export", name)()


def sentence_base() -> PretrainedModel:
    """Return a small BERT as a sentence model: mean of the tokens, a dense layer, length 1, a prompt, a window."""
    torch.manual_seed(1)
    base = base_of("bert")
    head = SentenceHead(
        (Dense(torch.randn(6, base.backbone.width), torch.randn(6), "Tanh"),), True, "query: ", window=20
    )
    return dataclasses.replace(base, pooling="mean", sentence=head)


def trained(route: str, base: PretrainedModel, examples: Examples | None = None, **settings):
    """Return a task model of a route."""
    spec = registry.build_spec("route", {"name": route, **settings})
    return spec.run(rows() if examples is None else examples, Workspace(base), seed=0)


def one_layer(name: str) -> PretrainedModel:
    """Return a base that is traced in half of the time; `sentence_base` and the suite of exports have two layers."""
    spec = dataclasses.replace(small("backbone", name), depth=1)
    processor = processor_for(spec)
    torch.manual_seed(0)
    return PretrainedModel(processor, spec, spec.build(processor.shape))


@pytest.fixture(scope="module")
def models() -> dict:
    """Task models of routes that end differently, on a base whose vectors are the mean of its tokens."""
    base = dataclasses.replace(one_layer("bert"), pooling="mean")
    kinds = {"finetune": QUICK, "lora": QUICK, "probe": {}, "contrastive": {"least_steps": 3, "most_steps": 3}}
    kinds |= {"knn": {}, "prototypes": {}}
    return {name: trained(name, base, **settings).exportable() for name, settings in kinds.items()}


@pytest.mark.parametrize("route", ["finetune", "lora", "probe", "contrastive", "prototypes"])
def test_tuned_sentence_models_leave_for_transformers_and_sentence_transformers(models, route, tmp_path):
    for name, output in (("hf", "probabilities"), ("sentence_transformers", "vectors")):
        left = way(name).write(models[route], tmp_path / name, ASKED)
        assert left.verified is not None, left.why_not
        assert left.verified.rows >= 50
        assert left.verified.outputs == (output,)
        assert left.verified.difference <= 1e-5
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "trust_remote_code=True" in card
    assert "Classes, in the order of the outputs: film, food, game." in card


@pytest.fixture(scope="module")
def graphs(models, tmp_path_factory):
    """`graphs(route)` returns what leaving as a graph came to and the folder; each is traced once, for seconds."""
    place, made = tmp_path_factory.mktemp("graphs"), {}

    def graph(route: str) -> tuple[Left, Path]:
        if route not in made:
            made[route] = way("onnx").write(models[route], place / route, ASKED)
        return made[route], place / route

    return graph


@pytest.mark.parametrize("route", ["finetune", "probe", "knn"])
def test_task_models_leave_as_one_graph(graphs, route):
    left, _ = graphs(route)
    assert left.verified.outputs == ("probabilities",)
    assert left.verified.difference <= 1e-4


def test_the_graph_runs_in_a_process_without_headstart(models, graphs):
    _, folder = graphs("finetune")
    code = "import sys; sys.modules['headstart'] = None; sys.modules['torch'] = None; import runpy; "
    code += "sys.argv = ['x', 'film scene actor', 'soup']; runpy.run_path('onnx_model.py', run_name='__main__')"
    told = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    ours = models["finetune"].ours(Examples(["film scene actor", "soup"]))["probabilities"]
    assert f"{ours[0][0]:.8f}"[:6] in told.stdout
    assert "labels" in told.stdout


def test_low_rank_updates_leave_as_an_adapter_of_peft(models, tmp_path):
    left = way("peft").write(models["lora"], tmp_path / "out", ASKED)
    assert left.verified.outputs == ("hidden",)
    assert left.verified.difference <= 1e-5
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert {name.rpartition(".")[2] for name in config["target_modules"]} >= {"query", "key", "value", "dense"}
    with pytest.raises(HeadstartError, match="no low-rank updates"):
        way("peft").write(models["finetune"], tmp_path / "none", ASKED)


def test_an_adapter_is_kept_with_its_task_model(models, tmp_path):
    model = trained("lora", base_of("bert"), **QUICK)
    model.save(tmp_path)
    again = type(model).load(tmp_path).adapter
    assert again.base_sha256 == model.adapter.base_sha256
    for name, (down, up, scale) in model.adapter.updates.items():
        assert torch.equal(again.updates[name][0], down)
        assert torch.equal(again.updates[name][1], up)
        assert again.updates[name][2] == scale


@pytest.mark.parametrize("name", ["sentence_transformers", "onnx"])
def test_a_sentence_model_leaves_whole(name, tmp_path):
    base = sentence_base()
    left = way(name).write(base.exportable(), tmp_path / "out", ASKED)
    assert left.verified.outputs == ("vectors",)
    if name == "sentence_transformers":  # and comes back
        again = PretrainedModel.open(tmp_path / "out")
        assert np.abs(again.embed(ASKED.examples.items) - base.embed(ASKED.examples.items)).max() <= 1e-5


@pytest.mark.parametrize("backbone", ["ngram_bag", "ngram_conv"])
def test_a_bag_of_n_grams_leaves_with_its_tokeniser(backbone, tmp_path):
    texts = Rows(Examples([*ASKED.examples.items, "", "  a\tB c ", "ÅNGSTRÖM 가나다", "?"]), "made texts")
    base = base_of(backbone)
    for parameter in base.backbone.parameters():  # what starts at zero would compute nothing
        parameter.data += 0.05 * torch.randn_like(parameter)
    for name in ("sentence_transformers", "onnx"):
        left = way(name).write(base.exportable(), tmp_path / name, texts)
        assert left.verified.difference <= 1e-5
    assert (tmp_path / "onnx" / "ngram_tokenizer.py").is_file()


def test_an_objective_that_detects_words_tells_none(tmp_path):
    """ELECTRA's output says whether a token was replaced: the graph gives vectors alone."""
    base = one_layer("electra")
    objective = registry.load("objective", "rtd")().build(base.backbone, base.processor)
    left = way("onnx").write(dataclasses.replace(base, objective=objective).exportable(), tmp_path / "out", ASKED)
    assert left.verified.outputs == ("vectors",)


def test_a_network_of_images_leaves_as_a_graph(tmp_path):
    images = striped_images(40)
    base = tiny_bases.pixel_base(images)
    left = way("onnx").write(base.exportable(), tmp_path / "out", Rows(Examples(images), "stripes"))
    assert left.verified.rows == 40
    assert left.verified.difference <= 1e-4


def test_recurrent_layers_in_a_row_say_why_they_stay(tmp_path):
    with pytest.raises(HeadstartError, match="backbone lstm cannot be written as one graph"):
        way("onnx").write(base_of("lstm").exportable(), tmp_path / "out", ASKED)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["hf", "sentence_transformers", "onnx"])
def test_what_answers_otherwise_is_not_left_behind(models, graphs, name, tmp_path, monkeypatch):
    """The planted fault: our side answers with a slightly larger logit."""
    right = models["probe"]
    if name == "onnx":  # the graph of the right one, which is the same
        (traced,) = graphs("probe")[1].glob("*.onnx")
        monkeypatch.setattr(onnx, "_trace", lambda graph, source, path, opset: shutil.copy(traced, path))
    wrong = dataclasses.replace(
        right, ours=lambda given: {k: np.asarray(v) + 0.01 for k, v in right.ours(given).items()}
    )
    if name == "sentence_transformers":
        wrong = dataclasses.replace(
            base_of("bert").exportable(), ours=lambda given: {"vectors": np.ones((len(given), 8))}
        )
    with pytest.raises(HeadstartError, match=r"does not answer as headstart does.*nothing was written"):
        way(name).write(wrong, tmp_path / "out", ASKED)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("route", ["majority", "tfidf_logreg"])
def test_models_without_a_network_say_why_they_stay(route):
    base = tiny_bases.bag_base()
    model = trained(route, base, tiny_bases.rows())
    with pytest.raises(HeadstartError, match="this task model stays with headstart"):
        model.exportable()
