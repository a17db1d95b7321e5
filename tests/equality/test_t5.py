"""T5 against transformers, toy weights of v1.0 and v1.1: logits, gradients, maps, generation; names both ways."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.backbones.t5 import RelativeBias, T5Spec
from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.exports.hf import HfSpec, hf_tensors
from headstart.interop.huggingface import load_backbone, load_head
from headstart.networks.writer import begin_id, begin_writing, dictation
from headstart.nn.decoding import beam_search, write
from headstart.objectives.span import SpanSpec
from headstart.training.pretrained_model import PretrainedModel

transformers = pytest.importorskip("transformers")
VOCABULARY = 83
SOURCES, TARGETS = (9, 31, 1, 17), (6, 2, 14, 1)
# Their cache has as many layers as the encoder, so the toy decoders are no deeper than that.
KINDS = {
    "v1.0": {"feed_forward_proj": "relu", "d_kv": 8},
    "v1.1": {"feed_forward_proj": "gated-gelu", "d_kv": 12, "num_decoder_layers": 2, "tie_word_embeddings": False},
}


@pytest.fixture(scope="module", params=KINDS)
def both(request, tmp_path_factory) -> SimpleNamespace:
    """Return their model, its folder and ours, loaded from there."""
    torch.manual_seed(4)
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=32, d_ff=40, num_layers=3, num_heads=4, relative_attention_num_buckets=8,
        relative_attention_max_distance=20, dropout_rate=0.0, decoder_start_token_id=0, **KINDS[request.param],
    )  # fmt: skip
    config.dropout_rate = 0.0
    theirs = transformers.T5ForConditionalGeneration(config).eval()
    for name, parameter in theirs.named_parameters():
        torch.nn.init.normal_(parameter, std=1.0 if "relative" in name else 0.3)
    if request.param == "v1.1":
        theirs.lm_head.weight = torch.nn.Parameter(torch.randn(VOCABULARY, 32) * 0.3)
    folder = tmp_path_factory.mktemp("t5")
    theirs.save_pretrained(folder)
    loaded = load_backbone(folder)
    output = loaded.backbone.prediction_head()
    receipt = load_head(loaded.spec.HF_NAMES, "generate", output, loaded.extra, str(folder))
    return SimpleNamespace(
        kind=request.param, theirs=theirs, folder=folder, loaded=loaded, ours=loaded.backbone.eval(), output=output,
        receipt=receipt,
    )  # fmt: skip


def ids(lengths, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, VOCABULARY, (length,), generator=generator) for length in lengths]


def padded(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
    lengths = torch.tensor([len(part) for part in parts])
    return values, (torch.arange(values.shape[1])[None] < lengths[:, None]).long()


def run_theirs(both, sources, targets, **asked):
    source, source_mask = padded(sources)
    target, target_mask = padded([torch.cat([torch.zeros(1, dtype=torch.int64), part[:-1]]) for part in targets])
    return both.theirs(
        input_ids=source, attention_mask=source_mask, decoder_input_ids=target, decoder_attention_mask=target_mask,
        **asked,
    )  # fmt: skip


def run_ours(both, sources, targets, **asked):
    batch, aim = make_batch(sources), make_batch(targets)
    memory = both.ours(batch, **asked)
    return memory, both.ours.decode(dictation(batch, aim.ids_N, aim.lengths_B, 0), memory, **asked)


def test_states_logits_and_maps_of_ragged_and_padded_batches(both):
    sources, targets = ids(SOURCES, 1), ids(TARGETS, 2)
    with torch.no_grad():
        both.theirs.set_attn_implementation("eager")
        expected = run_theirs(both, sources, targets, output_attentions=True, output_hidden_states=True)
        both.theirs.set_attn_implementation("sdpa")
        memory, states = run_ours(both, sources, targets, attention=True)
        layers = both.ours(make_batch(sources), layers=True).layers
        logits = both.output(states.last_BTD, both.ours.words_VD)
    assert (expected.logits - logits)[states.mask_BT].abs().max() <= 1e-5
    assert (expected.encoder_last_hidden_state - memory.last_BTD)[memory.mask_BT].abs().max() <= 1e-5
    for one, other in zip(expected.encoder_hidden_states, layers, strict=True):
        assert (one - other)[memory.mask_BT].abs().max() <= 2e-5
    for one, other in zip(expected.cross_attentions, states.attention, strict=True):
        assert (one - other).transpose(1, 2)[states.mask_BT].abs().max() <= 1e-5
    for one, other in zip(expected.encoder_attentions, memory.attention, strict=True):
        assert (one - other).transpose(1, 2)[memory.mask_BT].abs().max() <= 1e-5
    for row, (source, target) in enumerate(zip(sources, targets, strict=True)):  # the same alone, without padding
        alone = run_ours(both, [source], [target])[1].last_BTD[0]
        assert (alone - states.last_BTD[row, : len(target)]).abs().max() <= 1e-5


def test_gradients(both):
    sources, targets = ids(SOURCES, 1), ids(TARGETS, 2)
    labels, mask = padded(targets)
    labels = labels.masked_fill(mask == 0, -100)
    both.theirs.zero_grad()
    logits = run_theirs(both, sources, targets).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100).backward()
    both.ours.zero_grad()
    both.output.zero_grad()
    _, states = run_ours(both, sources, targets)
    scored = both.output.score(states.last_BTD[states.mask_BT], both.ours.words_VD, torch.cat(targets))
    (scored.total / sum(TARGETS)).backward()
    expected = {name: p.grad for name, p in both.theirs.named_parameters() if p.grad is not None}
    ours = torch.nn.ModuleDict({"backbone": both.ours, "output": both.output})
    for parameter in ours.parameters():
        parameter.data, parameter.kept = parameter.grad, parameter.data
    found = hf_tensors(both.loaded.spec.HF_NAMES, both.ours, "generate", both.output)
    for parameter in ours.parameters():
        parameter.data = parameter.kept
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        assert (gradient - found[name]).abs().max() <= 1e-4, name
        assert gradient.abs().max() > 1e-6 or "relative" in name, name


@pytest.mark.parametrize("beams", [1, 3])
@torch.no_grad()
def test_generation_is_that_of_generate(both, beams):
    sources = ids((9, 31, 4, 17, 5), 3)
    source, mask = padded(sources)
    settings = {"max_new_tokens": 12, "eos_token_id": 1, "pad_token_id": 0, "decoder_start_token_id": 0}
    found = begin_writing(both.ours, both.output, make_batch(sources), 0)
    if beams == 1:
        expected = both.theirs.generate(input_ids=source, attention_mask=mask, do_sample=False, **settings)
        written = write(*found, most=12, end_id=1)
    else:
        expected = both.theirs.generate(
            input_ids=source, attention_mask=mask, num_beams=beams, early_stopping=False, length_penalty=0.8, **settings
        )
        written = [best[0] for best in beam_search(*found, most=12, end_id=1, beams=beams, length_penalty=0.8)]
    assert [one.ids for one in written] == [
        row[1:].tolist()[: row[1:].tolist().index(1)] if 1 in row[1:].tolist() else row[1:].tolist() for row in expected
    ]
    assert len({tuple(one.ids) for one in written}) > 1  # constant answers would agree too


def test_names_go_both_ways(both):
    spec, network = both.loaded.spec, both.ours
    tensors = hf_tensors(spec.HF_NAMES, network, "generate", both.output)
    stored = load_file(both.folder / "model.safetensors")
    assert set(tensors) == set(stored)
    assert all(torch.equal(tensors[name], stored[name]) for name in stored)
    assert (len(both.receipt.restored) == 1) == (both.kind == "v1.1")
    config = spec.to_hf_config(TokenShape(VOCABULARY, 0))
    assert T5Spec.from_hf_config(config, tensors) == spec
    again = transformers.T5ForConditionalGeneration(transformers.T5Config(**config, decoder_start_token_id=0)).eval()
    if both.kind == "v1.1":
        again.lm_head.weight = torch.nn.Parameter(torch.zeros(VOCABULARY, 32))
    report = again.load_state_dict(tensors, strict=False)
    assert not report.unexpected_keys
    assert set(report.missing_keys) <= {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"}
    sources, targets = ids(SOURCES, 1), ids(TARGETS, 2)
    with torch.no_grad():
        one = run_theirs(both, sources, targets).logits
        other = run_theirs(SimpleNamespace(theirs=again), sources, targets).logits
    assert (one - other).abs().max() <= 1e-5


def test_a_base_model_without_output(both, tmp_path):
    model = transformers.T5Model(both.theirs.config)
    model.save_pretrained(tmp_path)
    loaded = load_backbone(tmp_path)
    assert not loaded.extra
    again = transformers.T5Model.from_pretrained(tmp_path).eval()
    batch = make_batch(ids(SOURCES, 1))
    source, mask = padded(ids(SOURCES, 1))
    with torch.no_grad():
        expected = again.encoder(input_ids=source, attention_mask=mask).last_hidden_state
        found = loaded.backbone.eval()(batch)
    assert (expected - found.last_BTD)[found.mask_BT].abs().max() <= 1e-5


def test_a_tensor_too_many_or_too_few_is_refused(both, tmp_path):
    tensors = load_file(both.folder / "model.safetensors")
    (tmp_path / "config.json").write_text((both.folder / "config.json").read_text())
    save_file(tensors | {"qa_outputs.weight": torch.zeros(2, 32)}, tmp_path / "model.safetensors")
    with pytest.raises(HeadstartError, match="qa_outputs"):
        load_backbone(tmp_path)
    tensors.pop("decoder.block.1.layer.1.EncDecAttention.k.weight")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(HeadstartError, match=r"EncDecAttention\.k\.weight"):
        load_backbone(tmp_path)


@pytest.mark.parametrize("tied", [True, False])
def test_what_span_trains_writes_alike_there_and_comes_back(tied, tmp_path):
    texts = [f"{who} {what} ." for who in ("Tom", "Mary", "톰은", "나는") for what in ("sleeps", "runs away", "잔다")]
    tokenizer = registry.load("processor", "wordpiece")(sentinels=8).train(iter(texts * 3))
    torch.manual_seed(0)
    spec = T5Spec(width=32, depth=2, heads=2, mlp_width=48, tied=tied, scaled=tied, gated=not tied)
    backbone = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    objective = SpanSpec().build(backbone, tokenizer)
    for parameter in (*backbone.parameters(), *objective.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    HfSpec().write(PretrainedModel(tokenizer, spec, backbone, objective, SpanSpec()).exportable(), tmp_path / "hf")
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf").eval()
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    inputs = words(texts[:6], padding=True, return_tensors="pt")
    assert set(inputs) == {"input_ids", "attention_mask"}
    expected = theirs.generate(**inputs, max_new_tokens=7, do_sample=False)
    again = PretrainedModel.open(tmp_path / "hf")
    assert again.objective_spec == SpanSpec()
    assert again.backbone_spec.to_dict() == {**spec.to_dict(), "decoder_depth": 2, "head_width": 16}
    with torch.no_grad():
        batch = make_batch([tokenizer.add_special_tokens(ids)[0] for ids in tokenizer.encode(texts[:6])])
        start = begin_writing(again.backbone, again.objective.head, batch, begin_id(tokenizer))
        written = write(*start, most=7, end_id=tokenizer.sep_id)
    assert [one.ids for one in written] == [[i for i in row[1:].tolist() if i not in (0, 3)] for row in expected]
    assert all(torch.equal(t, again.objective.state_dict()[n]) for n, t in objective.state_dict().items())


@pytest.mark.parametrize("way", [True, False])
@pytest.mark.parametrize(("buckets", "distance"), [(32, 128), (8, 20), (16, 64)])
def test_buckets_of_every_distance(way, buckets, distance):
    from transformers.models.t5.modeling_t5 import T5Attention

    offset = torch.arange(-300, 301)
    expected = T5Attention._relative_position_bucket(offset, way, buckets, distance)
    assert torch.equal(RelativeBias(buckets, distance, 2, both=way).bucket(offset), expected)
