"""Name tables and checkpoint folders: exact inverses, and refusals of everything that would half-load."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode

from headstart.backbones.bert import BertSpec
from headstart.backbones.distilbert import DistilBertSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.core.errors import HeadstartError
from headstart.core.exportable import Exportable
from headstart.core.shapes import TokenShape
from headstart.exports.hf import HfSpec
from headstart.interop.huggingface import WEIGHTS, empty_backbone, load_backbone, load_head
from headstart.interop.names import Rule, affine, fit_rules, read_state, transpose, write_state
from headstart.objectives.mlm import MaskedLMSpec

TOKENIZER = SimpleNamespace(
    takes="text",
    kind="toy", vocabulary=31, pad_id=0, unk_id=1, cls_id=2, sep_id=3, mask_id=4, special_ids=frozenset(range(5)),
    save=lambda folder: None, gives="tokens", shape=TokenShape(31, 0),
)  # fmt: skip
SPECS = [
    BertSpec(width=16, depth=2, heads=2, mlp_width=24, max_tokens=20, pooler=True),
    BertSpec(width=16, depth=2, heads=2, mlp_width=24, max_tokens=20),
    DistilBertSpec(width=16, depth=2, heads=2, mlp_width=24, max_tokens=20),
    ModernBertSpec(
        width=16, depth=5, heads=2, mlp_width=24, max_tokens=20, global_every=2, window=6, local_theta=500.0
    ),
]


def export(spec, folder, objective=True):
    torch.manual_seed(0)
    backbone = spec.build(TokenShape(31, 0))
    model = Exportable(backbone=backbone, backbone_spec=spec, processor=TOKENIZER, objective=None)
    if objective:
        model.objective = MaskedLMSpec().build(backbone, TOKENIZER)
    HfSpec().write(model, folder)
    return model


@pytest.mark.parametrize("objective", [True, False])
@pytest.mark.parametrize(
    "spec", SPECS, ids=lambda spec: f"{spec.name}{'+pooler' if getattr(spec, 'pooler', 0) else ''}"
)
def test_round_trip_is_bit_for_bit(spec, objective, tmp_path):
    model = export(spec, tmp_path / "out", objective)
    loaded = load_backbone(tmp_path / "out")
    assert loaded.spec == spec
    state = loaded.backbone.state_dict()
    assert list(state) == list(model.backbone.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.backbone.state_dict().items())
    assert set(loaded.receipt.restored) == set(state)
    assert sorted({**loaded.receipt}["restored"]) == sorted(state)
    head = MaskedLMSpec().build(loaded.backbone, TOKENIZER).head
    receipt = load_head(spec.HF_NAMES, "mlm", head, loaded.extra, "x")
    if objective:
        assert receipt.restored
        assert not receipt.fresh
        assert all(torch.equal(t, model.objective.head.state_dict()[n]) for n, t in head.state_dict().items())
    else:
        assert receipt.fresh
        assert not receipt.restored


@pytest.mark.parametrize("rules", [affine("a", "q", "k", "v"), transpose("w", "W"), (Rule("w", ("W",)),)])
def test_every_kind_of_rule_is_an_exact_inverse(rules):
    state = {rule.ours: torch.randn(6, 4) for rule in rules}
    fitted = fit_rules(rules, state)
    theirs = write_state(fitted, state)
    again = read_state(fitted, theirs, "x")
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())
    if rules[0].how == "transpose":
        assert theirs["W"].shape == (4, 6)


def test_a_table_that_does_not_cover_the_model_is_refused():
    with pytest.raises(HeadstartError, match="no rule for 'lost'"):
        fit_rules(transpose("w", "W"), {"w", "lost"})
    with pytest.raises(HeadstartError, match="it has no 'w'"):
        fit_rules(transpose("w", "W"), set())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_no_single_tensor_may_be_missing_extra_or_of_another_shape(spec, tmp_path):
    export(spec, tmp_path / "out", objective=False)
    path = tmp_path / "out" / WEIGHTS
    whole = load_file(path)
    for name in [name for name in whole if "pooler" not in name]:
        save_file({label: tensor for label, tensor in whole.items() if label != name}, path)
        with pytest.raises(HeadstartError, match="missing"):
            load_backbone(tmp_path / "out")
    save_file({**whole, "stray.weight": torch.zeros(2)}, path)
    with pytest.raises(HeadstartError, match=r"'stray\.weight' has no place"):
        load_backbone(tmp_path / "out")
    first = next(iter(whole))
    save_file({**whole, first: torch.zeros(3, 3)}, path)
    with pytest.raises(HeadstartError, match=r"shape|fit together"):
        load_backbone(tmp_path / "out")


def test_a_half_present_head_and_an_untied_one_are_refused(tmp_path):
    model = export(SPECS[1], tmp_path / "out")
    loaded = load_backbone(tmp_path / "out")
    del loaded.extra["cls.predictions.bias"]
    with pytest.raises(HeadstartError, match=r"'cls\.predictions\.bias' missing"):
        load_head(SPECS[1].HF_NAMES, "mlm", model.objective.head, loaded.extra, "x")
    path = tmp_path / "out" / WEIGHTS
    tensors = load_file(path)
    words = tensors["bert.embeddings.word_embeddings.weight"]
    save_file({**tensors, "cls.predictions.decoder.weight": words.clone()}, path)
    assert load_backbone(tmp_path / "out").receipt.dropped == ("cls.predictions.decoder.weight",)
    save_file({**tensors, "cls.predictions.decoder.weight": words + 1}, path)
    with pytest.raises(HeadstartError, match="only knows them tied"):
        load_backbone(tmp_path / "out")


def test_old_leaf_names_and_half_precision_are_read(tmp_path):
    model = export(SPECS[1], tmp_path / "out", objective=False)
    path = tmp_path / "out" / WEIGHTS
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    tensors = {}
    for name, tensor in load_file(path).items():
        for new, former in old.items():
            name = name.replace(new, former)
        tensors[name] = tensor.half()
    save_file(tensors, path)
    for name, tensor in load_backbone(tmp_path / "out").backbone.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, model.backbone.state_dict()[name].half().float())


def test_shards_are_read_and_checked(tmp_path):
    folder = tmp_path / "out"
    model = export(SPECS[3], folder)
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(tensors)
    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(places.values()):
        save_file({name: tensors[name] for name in names if places[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    state = load_backbone(folder).backbone.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.backbone.state_dict().items())
    index.write_text(json.dumps({"weight_map": {**places, "ghost": places[names[0]]}}))
    with pytest.raises(HeadstartError, match="disagree about 'ghost'"):
        load_backbone(folder)
    index.write_text(json.dumps({"weight_map": {names[0]: "../secret.safetensors"}}))
    with pytest.raises(HeadstartError, match="outside the folder"):
        load_backbone(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bertt"}, "did you mean 'bert'"),
        ({"vocab_size": "many"}, "vocab_size='many'"),
        ({"vocab_size": 10**15}, "shape|sizes"),
        ({"num_hidden_layers": 10**12}, "layers"),
        ({"num_hidden_layers": 3}, "missing"),
        ({"hidden_size": "wide"}, "a whole number"),
        ({"num_attention_heads": 5}, "does not divide"),
        ({"num_attention_heads": 0}, "at least 1"),
        ({"hidden_size": 32}, "shape"),
        ({"hidden_act": "gelux"}, "did you mean 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "not supported"),
    ],
)
def test_a_wrong_config_is_one_line(change, message, tmp_path):
    export(SPECS[1], tmp_path / "out")
    path = tmp_path / "out" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(HeadstartError, match=message) as error:
        load_backbone(tmp_path / "out")
    assert "\n" not in str(error.value)


def test_damaged_pickled_and_absent_weights_are_one_line(tmp_path):
    folder = tmp_path / "out"
    export(SPECS[3], folder)
    path = folder / WEIGHTS
    whole = path.read_bytes()
    for damaged in (b"", whole[:7], whole[:100], whole[:-5], b"\xff" * 200, whole[:8] + b"{" * 50 + whole[58:]):
        path.write_bytes(damaged)
        with pytest.raises(HeadstartError, match="not a sound safetensors") as error:
            load_backbone(folder)
        assert "\n" not in str(error.value)
    path.unlink()
    with pytest.raises(HeadstartError, match=r"no model\.safetensors"):
        load_backbone(folder)
    (folder / "pytest_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(HeadstartError, match="never opened"):
        load_backbone(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(HeadstartError, match="not valid JSON"):
        load_backbone(folder)
    with pytest.raises(HeadstartError, match="no such file"):
        load_backbone(tmp_path / "nowhere")


def test_a_network_without_memory_draws_no_random_start():
    drawn = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            drawn.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Watch():  # sees what is left for torch to do
        network = empty_backbone(SPECS[0], TokenShape(31, 0), "here")
    assert not {"normal_", "uniform_"} & set(drawn)
    assert all(weight.is_meta for weight in network.parameters())
    with Watch(), torch.device("meta"):
        SPECS[0].build(TokenShape(31, 0))
    assert "normal_" in drawn
