"""Receipts of loading in words, the tokenizer's fit, and families without a backbone of their own."""

from __future__ import annotations

import builtins
import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.backbones.bert import BertSpec
from headstart.backbones.electra import ElectraSpec
from headstart.backbones.roberta import RobertaSpec
from headstart.core.errors import HeadstartError
from headstart.core.exportable import Exportable
from headstart.core.shapes import TokenShape
from headstart.exports.hf import HfSpec
from headstart.interop.huggingface import WEIGHTS, load_backbone, load_head, match_vocabulary, model_types
from headstart.interop.names import Receipt, receipt_line
from headstart.objectives.mlm import MaskedLMSpec

SMALL = {"width": 16, "depth": 2, "heads": 2, "mlp_width": 24, "max_tokens": 20}
SPECS = [
    BertSpec(**SMALL),
    RobertaSpec(**SMALL),
    RobertaSpec(**SMALL, types=2, act="relu"),
    ElectraSpec(**SMALL),
    ElectraSpec(**SMALL, embedding_width=8),
]
ALBERT = {
    "model_type": "albert", "vocab_size": 31, "embedding_size": 8, "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 20,
}  # fmt: skip


def export(spec, folder, pad_id: int = 0):
    torch.manual_seed(0)
    toy = SimpleNamespace(
        takes="text",
        kind="toy", vocabulary=31, pad_id=pad_id, unk_id=1, cls_id=2, sep_id=3, mask_id=4,
        special_ids=frozenset(range(5)), save=lambda folder: None, gives="tokens", shape=TokenShape(31, pad_id),
    )  # fmt: skip
    backbone = spec.build(TokenShape(31, pad_id))
    objective = MaskedLMSpec().build(backbone, toy)
    model = Exportable(backbone=backbone, backbone_spec=spec, processor=toy, objective=objective)
    HfSpec().write(model, folder)
    return model


def change(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_receipt_counts_every_tensor(spec, tmp_path):
    export(spec, tmp_path / "out")
    loaded = load_backbone(tmp_path / "out")
    assert loaded.spec == spec
    count = len(loaded.backbone.state_dict())
    line = loaded.receipt.summary()
    assert line.startswith(f"restored {count} tensors, 5 kept for a head (")
    assert "fresh" not in line
    assert "dropped" not in line
    mlm = load_head(spec.HF_NAMES, "mlm", loaded.backbone.prediction_head(), loaded.extra, "x")
    assert receipt_line({**loaded.receipt, "head": dict(mlm)}) == f"restored {count + 5} tensors"
    new = loaded.backbone.classification_head(2)
    fresh = load_head(spec.HF_NAMES, "classify", new, loaded.extra, "x")
    line = receipt_line({**loaded.receipt, "head": dict(fresh)})
    assert line.startswith(f"restored {count} tensors, {len(new.state_dict())} fresh (head), 5 dropped (")


def test_a_line_names_few_places_and_counts_the_rest():
    assert Receipt(restored=("a",)).summary() == "restored 1 tensor"
    many = Receipt(restored=("a", "b"), dropped=tuple(f"m{i}.weight" for i in range(5)), note="look")
    assert many.summary() == "restored 2 tensors, 5 dropped (m0, m1, m2 and 2 more); look"
    assert json.loads(json.dumps({**many}))["note"] == "look"
    assert "note" not in {**Receipt()}


def test_the_tokenizer_is_compared_with_the_word_matrix():
    config = {"vocab_size": 1000}
    assert match_vocabulary(SimpleNamespace(vocabulary=1000), config).endswith("equal")
    assert "88 rows are never used" in match_vocabulary(SimpleNamespace(vocabulary=912), config)
    with pytest.raises(HeadstartError, match=r"1,001 ids.*1,000 rows.*another model"):
        match_vocabulary(SimpleNamespace(vocabulary=1001), config)


def test_positions_of_roberta_start_after_padding(tmp_path):
    spec = RobertaSpec(**SMALL)
    for pad_id in (0, 1, 7):
        export(spec, tmp_path / str(pad_id), pad_id)
        config = json.loads((tmp_path / str(pad_id) / "config.json").read_text())
        assert config["max_position_embeddings"] == 20 + pad_id + 1
        assert load_backbone(tmp_path / str(pad_id)).spec.max_tokens == 20
    with pytest.raises(HeadstartError, match="padding token"):
        export(spec, tmp_path / "none", -1)
    change(tmp_path / "1", pad_token_id=None)
    with pytest.raises(HeadstartError, match="pad_token_id=None"):
        load_backbone(tmp_path / "1")


def test_the_untrained_pooler_of_roberta_is_dropped_and_said(tmp_path):
    folder = tmp_path / "out"
    export(RobertaSpec(**SMALL), folder)
    tensors = load_file(folder / WEIGHTS)
    pooler = {"roberta.pooler.dense.weight": torch.zeros(16, 16), "roberta.pooler.dense.bias": torch.zeros(16)}
    save_file(tensors | pooler, folder / WEIGHTS)
    assert load_backbone(folder).receipt.dropped == tuple(sorted(pooler))
    assert {"xlm-roberta", "camembert", "roberta", "electra"} <= set(model_types())


def test_electra_wants_all_of_the_layer_between_the_widths(tmp_path):
    folder = tmp_path / "out"
    export(SPECS[4], folder)
    tensors = load_file(folder / WEIGHTS)
    save_file({name: t for name, t in tensors.items() if "embeddings_project" not in name}, folder / WEIGHTS)
    with pytest.raises(HeadstartError, match=r"'embeddings_project\.bias', 'embeddings_project\.weight' missing"):
        load_backbone(folder)
    change(folder, embedding_size=0)
    with pytest.raises(HeadstartError, match="embedding_width=0: expected at least 1"):
        load_backbone(folder)


def albert(folder, **settings):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    transformers.AutoModel.from_config(transformers.AlbertConfig(**ALBERT)).save_pretrained(folder)
    change(folder, **settings)
    return folder


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 10**15}, "shape|sizes|does not work"),
        ({"num_hidden_layers": 10**12}, "layers"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_attention_heads": 5}, "shape"),
        ({"embedding_size": 4}, "shape"),
        ({"model_type": "gpt_neo"}, "no text encoder"),
        ({"model_type": "fnet"}, "missing|no place"),
    ],
)
def test_a_wrong_config_of_a_wrapped_family_is_one_line(settings, message, tmp_path):
    with pytest.raises(HeadstartError, match=message) as error:
        load_backbone(albert(tmp_path / "out", **settings))
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_wrapped_family_never_half_loads_nor_runs_its_code(tmp_path):
    folder = albert(tmp_path / "out", auto_map={"AutoModel": "evil.Model"}, attn_implementation="somebody/kernel")
    (folder / "evil.py").write_text("raise SystemExit")
    config = load_backbone(folder).spec.config
    assert not {"auto_map", "attn_implementation"} & set(config)
    tensors = load_file(folder / WEIGHTS)
    lost = "embeddings.word_embeddings.weight"
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, folder / WEIGHTS)
    with pytest.raises(HeadstartError, match=f"'{lost}' missing"):
        load_backbone(folder)
    save_file(tensors | {"stray.weight": torch.zeros(1)}, folder / WEIGHTS)
    with pytest.raises(HeadstartError, match=r"'stray\.weight' has no place"):
        load_backbone(folder)
    (folder / WEIGHTS).rename(folder / "pytest_model.bin")
    with pytest.raises(HeadstartError, match="never opened"):
        load_backbone(folder)


def test_without_transformers_one_line_says_what_to_install(tmp_path, monkeypatch):
    folder = albert(tmp_path / "out")
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name.partition(".")[0] == "transformers":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(HeadstartError, match=r"'albert'.*headstart\[zoo\]") as error:
        load_backbone(folder)
    assert "\n" not in str(error.value)
