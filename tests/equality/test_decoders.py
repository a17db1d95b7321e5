"""Our decoders against transformers, random toy weights: outputs, gradients, maps, generation; both directions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from headstart.core import registry
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.exportable import Exportable
from headstart.core.shapes import TokenShape
from headstart.exports.hf import HfSpec, hf_tensors
from headstart.interop.huggingface import load_backbone, load_head
from headstart.nn.decoding import beam_search, write
from headstart.nn.pooling import pool
from headstart.objectives.causal import CausalSpec

transformers = pytest.importorskip("transformers")
VOCABULARY = 53
LENGTHS = (5, 23, 11, 1)
END = 3
TOKENIZER = SimpleNamespace(
    takes="text",
    kind="toy", vocabulary=VOCABULARY, pad_id=0, unk_id=1, cls_id=2, sep_id=END, mask_id=-1,
    special_ids=frozenset(range(4)), save=lambda folder: None,
    gives="tokens", shape=TokenShape(VOCABULARY, 0),
)  # fmt: skip


def gpt2_config():
    return transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, n_inner=56, n_positions=40, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, num_labels=3, pad_token_id=0, bos_token_id=2, eos_token_id=END,
    )  # fmt: skip


def llama_config(**changes):
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 40, "max_position_embeddings": 40, "num_labels": 3,
        "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": END, "tie_word_embeddings": True,
    }  # fmt: skip
    return transformers.LlamaConfig(**{**settings, **changes})


CONFIGS = {
    "gpt2": (gpt2_config, "GPT2", "LMHeadModel"),
    "llama grouped": (llama_config, "Llama", "ForCausalLM"),
    "llama untied": (
        lambda: llama_config(tie_word_embeddings=False, num_key_value_heads=4, head_dim=6, rope_theta=500.0),
        "Llama",
        "ForCausalLM",
    ),
}


def reference(name: str, task: str = ""):
    """Return a transformers model with random weights that are far from its own start; task: causal, classify or ``."""
    torch.manual_seed(len(name))
    make, family, causal = CONFIGS[name]
    kind = {"": "Model", "causal": causal, "classify": "ForSequenceClassification"}[task]
    model = getattr(transformers, family + kind)._from_config(make(), attn_implementation="eager").eval()
    with torch.no_grad():
        for label, parameter in model.named_parameters():
            is_norm = "norm" in label.lower() or "ln_" in label
            parameter.normal_(std=0.2).add_(1.0 if is_norm and "weight" in label else 0.0)
    model.tie_weights()
    return model


def ragged() -> TokenBatch:
    generator = torch.Generator().manual_seed(3)
    return make_batch([torch.randint(4, VOCABULARY, (length,), generator=generator) for length in LENGTHS])


def padded(batch: TokenBatch, side: str) -> tuple[dict, torch.Tensor]:
    """Return transformers' padded inputs and the bool mask of tokens; positions count from the first token."""
    mask = batch.mask_BT() if side == "right" else batch.mask_BT().flip(1)
    inputs = {"input_ids": batch.padded(batch.ids_N, 0, mask), "attention_mask": mask.long()}
    return {**inputs, "position_ids": (mask.cumsum(1) - 1).clamp_min(0)}, mask


def saved(model, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def language_model(name: str, folder: Path):
    """Return (theirs, our backbone, our objective with their output, the name table)."""
    theirs = reference(name, "causal")
    loaded = load_backbone(saved(theirs, folder))
    objective = CausalSpec().build(loaded.backbone, TOKENIZER).eval()
    receipt = load_head(loaded.spec.HF_NAMES, "causal", objective.head, loaded.extra, "toy")
    assert not receipt.fresh
    return theirs, loaded, objective


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_every_layer_and_map_is_equal(name, tmp_path):
    theirs = reference(name)
    ours = load_backbone(saved(theirs, tmp_path)).backbone
    inputs, mask = padded(ragged(), "right")
    expected = theirs(**inputs, output_hidden_states=True, output_attentions=True)
    found = ours(ragged(), layers=True, attention=True)
    assert len(found.layers) == len(expected.hidden_states) == ours.depth + 1
    assert len(found.attention) == len(expected.attentions) == ours.depth
    for a, b in zip(expected.hidden_states, found.layers, strict=True):
        assert (a[mask] - b[mask]).abs().max() <= 1e-5
    for a, b in zip(expected.attentions, found.attention, strict=True):
        assert ((a - b) * mask[:, None, :, None]).abs().max() <= 1e-5


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_and_gradients_are_equal(name, side, tmp_path):
    theirs, loaded, objective = language_model(name, tmp_path)
    batch = ragged()
    inputs, mask = padded(batch, side)
    expected = theirs(**inputs).logits[mask]
    logits = objective.logits(loaded.backbone, batch, torch.arange(batch.units))
    assert (logits - expected).abs().max() <= 1e-5
    target = batch.ids_N.roll(-1)
    last = batch.lengths_B.cumsum(0) - 1
    target[last] = -100
    wanted_loss = torch.nn.functional.cross_entropy(expected, target, reduction="sum")
    loss = objective(loaded.backbone, batch)
    assert loss.count == batch.units - batch.size
    assert abs(loss.total.item() - wanted_loss.item()) <= 1e-3
    loss.total.backward()
    wanted_loss.backward()
    ours = SimpleNamespace(state_dict=lambda: {n: p.grad for n, p in loaded.backbone.named_parameters()})
    head = SimpleNamespace(state_dict=lambda: {n: p.grad for n, p in objective.head.named_parameters()})
    found = hf_tensors(loaded.spec.HF_NAMES, ours, "causal", head)
    wanted = {n: p.grad for n, p in theirs.named_parameters()}
    assert set(found) == set(wanted)
    for label, gradient in wanted.items():
        scale = max(1.0, float(gradient.abs().max()))
        assert (gradient - found[label]).abs().max() <= 1e-4 * scale, label


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_class_logits_are_equal(name, tmp_path):
    theirs = reference(name, "classify")
    loaded = load_backbone(saved(theirs, tmp_path))
    output = loaded.backbone.classification_head(3)
    assert not load_head(loaded.spec.HF_NAMES, "classify", output, loaded.extra, "toy").fresh
    inputs, _ = padded(ragged(), "right")
    assert (theirs(**inputs).logits - output(loaded.backbone(ragged()))).abs().max() <= 1e-5


@pytest.mark.parametrize("task", ["causal", ""])
@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_export_is_exact_and_comes_back_bit_for_bit(name, task, tmp_path):
    _, loaded, objective = language_model(name, tmp_path / "theirs")
    model = Exportable(backbone=loaded.backbone, backbone_spec=loaded.spec, processor=TOKENIZER, objective=None)
    model.objective = objective if task else None
    HfSpec().write(model, tmp_path / "ours")
    auto = transformers.AutoModelForCausalLM if task else transformers.AutoModel
    theirs, report = auto.from_pretrained(tmp_path / "ours", output_loading_info=True, attn_implementation="eager")
    assert not any(report[kind] for kind in ("unexpected_keys", "mismatched_keys", "missing_keys"))
    inputs, mask = padded(ragged(), "right")
    output = theirs.eval()(**inputs)
    if task:
        logits = objective.logits(loaded.backbone, ragged(), torch.arange(sum(LENGTHS)))
        assert (output.logits[mask] - logits).abs().max() <= 1e-5
    else:
        assert (output.last_hidden_state[mask] - loaded.backbone(ragged()).last_BTD[mask]).abs().max() <= 1e-5
    again = load_backbone(tmp_path / "ours").backbone.state_dict()
    assert all(torch.equal(again[label], tensor) for label, tensor in loaded.backbone.state_dict().items())
    state = theirs.state_dict()
    written = load_file(tmp_path / "ours" / "model.safetensors")
    assert all(torch.equal(state[label], tensor) for label, tensor in written.items())


def stepper(backbone, objective):
    """Return (start of a batch: logits and carry, step) of a language model with a cache."""

    def read(batch: TokenBatch):
        features = backbone(batch, carry=True)
        return objective.head(pool(features, "last"), backbone.words_VD), features.carry

    return read, lambda ids_B, carry: read(replace(make_batch([[i] for i in ids_B.tolist()]), carry=carry))


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_greedy_and_beams_write_what_generate_writes(name, tmp_path):
    theirs, loaded, objective = language_model(name, tmp_path)
    read, step = stepper(loaded.backbone, objective)
    batch = ragged()
    inputs, mask = padded(batch, "left")
    inputs.pop("position_ids")  # their generate makes them from the mask
    end = write(step, *read(batch), most=12)[1].ids[5]  # a token that comes up in the middle
    ended = 0
    for beams, penalty in ((1, 1.0), (3, 1.0), (4, 0.3), (2, 2.0)):
        expected = theirs.generate(
            **inputs, max_new_tokens=12, do_sample=False, num_beams=beams, length_penalty=penalty, early_stopping=False,
            eos_token_id=end,
        )[:, mask.shape[1] :].tolist()  # fmt: skip
        settings = {"most": 12, "end_id": end}
        if beams == 1:
            found = write(step, *read(batch), **settings)
        else:
            found = [best[0] for best in beam_search(
                step, *read(batch), beams=beams, length_penalty=penalty, **settings
            )]  # fmt: skip
        for one, ids in zip(found, expected, strict=True):
            cut = ids[: ids.index(end)] if end in ids else ids
            assert one.ids == cut
            assert one.ended == (end in ids)
            ended += one.ended
    assert ended > 2


def test_an_opened_checkpoint_can_write(tmp_path):
    """A language model of theirs is opened with its output, a headless one without."""
    from headstart.training.pretrained_model import PretrainedModel

    tokenizer = registry.load("processor", "char")().train(["the cat sat on the mat"] * 3)
    for task in ("causal", ""):
        folder = saved(reference("llama untied", task), tmp_path / (task or "plain"))
        tokenizer.save(folder)
        pretrained = PretrainedModel.open(folder)
        assert (pretrained.objective is not None) == bool(task)
