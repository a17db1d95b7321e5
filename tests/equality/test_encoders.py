"""RoBERTa, ELECTRA and wrapped families against transformers, random toy weights: outputs, gradients, both ways."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from headstart.core.batch import TokenBatch, make_batch
from headstart.core.exportable import Exportable
from headstart.core.shapes import TokenShape
from headstart.exports.hf import HfSpec, hf_tensors
from headstart.heads.classify import ClassifySpec
from headstart.interop.huggingface import load_backbone, load_head
from headstart.objectives.mlm import MaskedLMSpec
from headstart.objectives.rtd import ReplacedTokensSpec

transformers = pytest.importorskip("transformers")
VOCABULARY, LENGTHS = 97, (5, 23, 11, 1)
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 56, "max_position_embeddings": 40, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0, "num_labels": 3, "bos_token_id": 2, "eos_token_id": 3,
}  # fmt: skip
ROBERTA = {"type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
# name: model_type, prefix of the classes, settings
OURS = {
    "roberta": ("roberta", "Roberta", ROBERTA),
    "roberta pad 0, two types": ("roberta", "Roberta", {"pad_token_id": 0, "type_vocab_size": 2}),
    "xlm-roberta": ("xlm-roberta", "XLMRoberta", ROBERTA),
    "camembert": ("camembert", "Camembert", ROBERTA),
    "electra narrow": ("electra", "Electra", {"embedding_size": 16, "pad_token_id": 0}),
    "electra": ("electra", "Electra", {"embedding_size": 32, "pad_token_id": 0, "hidden_act": "relu"}),
}
TASKS = {"mlm": "ForMaskedLM", "classify": "ForSequenceClassification", "detect": "ForPreTraining"}
HEADS = [(name, head) for name in OURS for head in TASKS if head != "detect" or "electra" in name]
DEBERTA = {
    "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8, "share_att_key": True,
    "norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0,
}  # fmt: skip
WRAPPED = {
    "albert": {"embedding_size": 16},
    "mpnet": {"pad_token_id": 1},
    "deberta-v2": DEBERTA,
    "roformer": {"embedding_size": 16, "pad_token_id": 0},
    "esm": {"pad_token_id": 1, "position_embedding_type": "absolute"},
}


def tokenizer(pad_id: int):
    return SimpleNamespace(
        takes="text",
        kind="toy", vocabulary=VOCABULARY, pad_id=pad_id, unk_id=4, cls_id=2, sep_id=3, mask_id=5,
        special_ids=frozenset(range(6)), save=lambda folder: None,
        gives="tokens", shape=TokenShape(VOCABULARY, pad_id),
    )  # fmt: skip


def reference(kind: str, task: str, settings: dict):
    """Return a transformers model with random weights that are far from its own start (biases and norms too)."""
    torch.manual_seed(len(kind))
    config = transformers.CONFIG_MAPPING[kind](**SIZES | settings)
    config._attn_implementation = "eager"
    auto = {"": "AutoModel", "ForMaskedLM": "AutoModelForMaskedLM", "ForPreTraining": "AutoModelForPreTraining"}
    model = getattr(transformers, auto.get(task, "AutoModelForSequenceClassification")).from_config(config).eval()
    with torch.no_grad():
        for label, parameter in model.named_parameters():
            if parameter.requires_grad:  # RoFormer's angles are not learned
                parameter.normal_(std=0.2).add_(1.0 if "norm" in label.lower() and "weight" in label else 0.0)
    model.tie_weights()
    return model


def ragged() -> TokenBatch:
    generator = torch.Generator().manual_seed(3)
    return make_batch([torch.randint(6, VOCABULARY, (length,), generator=generator) for length in LENGTHS])


def padded(batch: TokenBatch, side: str, pad_id: int, counts: bool) -> tuple[dict, torch.Tensor]:
    """Return transformers' padded inputs and the bool mask of tokens. counts: positions follow from the padding."""
    mask = batch.mask_BT() if side == "right" else batch.mask_BT().flip(1)
    inputs = {"input_ids": batch.padded(batch.ids_N, pad_id, mask), "attention_mask": mask.long()}
    if side == "left" and not counts:
        inputs["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)
    return inputs, mask


def saved(model, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def new_head(backbone, kind: str):
    made = {"mlm": backbone.prediction_head, "classify": lambda: backbone.classification_head(3)}
    return made[kind]() if kind in made else backbone.detection_head()


def outputs(backbone, head, kind: str, batch: TokenBatch) -> torch.Tensor:
    """Return our logits: [N, V], [N] or [B, C]."""
    features = backbone(batch)
    if kind == "classify":
        return head(features)
    hidden_ND = features.last_BTD[features.mask_BT]
    return head(hidden_ND, backbone.words_VD) if kind == "mlm" else head(hidden_ND)


@pytest.mark.parametrize("name", OURS)
def test_every_layer_and_map_is_equal(name, tmp_path):
    kind, _, settings = OURS[name]
    theirs = reference(kind, "", settings)
    loaded = load_backbone(saved(theirs, tmp_path))
    assert loaded.spec.name == ("electra" if kind == "electra" else "roberta")
    batch = ragged()
    inputs, mask = padded(batch, "right", settings["pad_token_id"], True)
    with torch.no_grad():
        expected = theirs(**inputs, output_hidden_states=True, output_attentions=True)
        found = loaded.backbone(batch, layers=True, attention=True)
    assert len(found.layers) == len(expected.hidden_states) == 4
    assert len(found.attention) == len(expected.attentions) == 3
    for a, b in zip(expected.hidden_states, found.layers, strict=True):
        assert (a[mask] - b[mask]).abs().max() <= 1e-5
    for a, b in zip(expected.attentions, found.attention, strict=True):
        assert ((a - b) * mask[:, None, :, None]).abs().max() <= 1e-5


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(("name", "kind"), HEADS)
def test_logits_and_gradients_are_equal(name, kind, side, tmp_path):
    model_type, _, settings = OURS[name]
    if side == "left" and kind == "classify":
        pytest.skip("transformers reads the first column as [CLS], which is padding here")
    theirs = reference(model_type, TASKS[kind], settings)
    loaded = load_backbone(saved(theirs, tmp_path))
    head = new_head(loaded.backbone, kind)
    receipt = load_head(loaded.spec.HF_NAMES, kind, head, loaded.extra, "toy")
    assert set(receipt.restored) == set(head.state_dict())
    assert not receipt.dropped
    batch = ragged()
    found = outputs(loaded.backbone, head, kind, batch)
    inputs, mask = padded(batch, side, settings["pad_token_id"], "roberta" in name or "camembert" in name)
    expected = theirs(**inputs).logits
    expected = expected if kind == "classify" else expected[mask]
    assert (found - expected).abs().max() <= 1e-5
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(1)) / found.numel()
    (found * weight).sum().backward()
    (expected * weight).sum().backward()

    def gradients(module):
        return SimpleNamespace(
            takes="text",
            state_dict=lambda: {
                label: torch.zeros_like(p) if p.grad is None else p.grad for label, p in module.named_parameters()
            },
        )

    table = loaded.spec.HF_NAMES
    ours = hf_tensors(table, gradients(loaded.backbone), kind, gradients(head))
    wanted = {table.tied.get(label, label): p.grad for label, p in theirs.named_parameters() if p.grad is not None}
    assert set(ours) == set(wanted)
    for label, gradient in wanted.items():
        assert (gradient - ours[label]).abs().max() <= 1e-4, label


@pytest.mark.parametrize(("name", "kind"), [*HEADS, *((name, "") for name in OURS)])
def test_export_is_exact_and_comes_back_bit_for_bit(name, kind, tmp_path):
    model_type, _, settings = OURS[name]
    source = load_backbone(saved(reference(model_type, "ForMaskedLM", settings), tmp_path / "theirs"))
    backbone, toy = source.backbone, tokenizer(settings["pad_token_id"])
    model = Exportable(backbone=backbone, backbone_spec=source.spec, processor=toy, objective=None)
    head = new_head(backbone, kind) if kind else None
    for parameter in head.parameters() if head else ():
        torch.nn.init.normal_(parameter, std=0.2)
    if kind == "mlm":
        model.objective = MaskedLMSpec().build(backbone, toy)
        model.objective.head = head
    if kind == "detect":
        model.objective = ReplacedTokensSpec().build(backbone, toy)
        model.objective.detect = head
    if kind == "classify":
        model.head, model.classes = (
            SimpleNamespace(spec=ClassifySpec(), plain_output=lambda: head),
            ("bad", "so-so", "좋음"),
        )
    note = HfSpec().write(model, tmp_path / "ours").note
    auto = note.split(".")[0]
    assert auto == {
        "mlm": "AutoModelForMaskedLM", "classify": "AutoModelForSequenceClassification",
        "detect": "AutoModelForPreTraining", "": "AutoModel",
    }[kind]  # fmt: skip
    theirs, report = getattr(transformers, auto).from_pretrained(
        tmp_path / "ours", output_loading_info=True, attn_implementation="eager"
    )
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert not {key for key in report["missing_keys"] if not (kind == "" and key.startswith("pooler."))}
    batch = ragged()
    inputs, mask = padded(batch, "right", settings["pad_token_id"], True)
    with torch.no_grad():
        output = theirs.eval()(**inputs)
        if kind:
            expected = output.logits if kind == "classify" else output.logits[mask]
            assert (expected - outputs(backbone, head, kind, batch)).abs().max() <= 1e-5
        else:
            assert (output.last_hidden_state[mask] - backbone(batch).last_BTD[mask]).abs().max() <= 1e-5
    again = load_backbone(tmp_path / "ours")
    assert again.spec == source.spec
    for label, tensor in backbone.state_dict().items():
        assert torch.equal(again.backbone.state_dict()[label], tensor), label
    if kind:
        same = new_head(again.backbone, kind)
        load_head(again.spec.HF_NAMES, kind, same, again.extra, "toy")
        assert all(torch.equal(same.state_dict()[label], tensor) for label, tensor in head.state_dict().items())
    state = theirs.state_dict()
    written = load_file(tmp_path / "ours" / "model.safetensors")
    assert all(torch.equal(state[label], tensor) for label, tensor in written.items())


@pytest.mark.parametrize("task", ["", "ForMaskedLM"])
@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_family_is_equal_with_gradients(name, task, tmp_path):
    theirs = reference(name, task, WRAPPED[name])
    loaded = load_backbone(saved(theirs, tmp_path))
    base = theirs if task == "" else theirs.base_model
    assert loaded.spec.name == "hf"
    assert name in loaded.receipt.note
    assert not loaded.receipt.fresh
    assert bool(loaded.receipt.dropped) == (task != "")
    batch, pad_id = ragged(), WRAPPED[name].get("pad_token_id", 0)
    inputs, mask = padded(batch, "right", pad_id, True)
    expected = base(**inputs, output_hidden_states=True, output_attentions=True)
    found = loaded.backbone.train()(batch, layers=True, attention=True)
    for a, b in zip(expected.hidden_states, found.layers, strict=True):
        assert (a[mask] - b[mask]).abs().max() <= 1e-5
    for a, b in zip(expected.attentions, found.attention, strict=True):
        assert ((a - b) * mask[:, None, :, None]).abs().max() <= 1e-5
    assert len(found.attention) == loaded.backbone.depth
    left, left_mask = padded(batch, "left", pad_id, name != "albert")
    assert (base(**left).last_hidden_state[left_mask] - found.last_BTD[mask]).abs().max() <= 1e-5
    weight = torch.randn(found.last_BTD[mask].shape, generator=torch.Generator().manual_seed(1)) / mask.sum()
    (found.last_BTD[mask] * weight).sum().backward()
    (expected.last_hidden_state[mask] * weight).sum().backward()
    wanted = {label: p.grad for label, p in base.named_parameters() if p.grad is not None}
    ours = {label: p.grad for label, p in loaded.backbone.model.named_parameters() if p.grad is not None}
    assert set(ours) == set(wanted)
    assert all((wanted[label] - ours[label]).abs().max() <= 1e-4 for label in wanted)


@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_family_is_exported_as_it_came(name, tmp_path):
    theirs = reference(name, "", WRAPPED[name])
    loaded = load_backbone(saved(theirs, tmp_path / "theirs"))
    toy = tokenizer(WRAPPED[name].get("pad_token_id", 0))
    model = Exportable(backbone=loaded.backbone, backbone_spec=loaded.spec, processor=toy, objective=None)
    HfSpec().write(model, tmp_path / "ours")
    again = transformers.AutoModel.from_pretrained(tmp_path / "ours").state_dict()
    assert set(again) == set(theirs.state_dict())
    assert all(torch.equal(again[label], tensor) for label, tensor in theirs.state_dict().items())
