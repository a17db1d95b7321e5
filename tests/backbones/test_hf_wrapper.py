"""The wrapped encoder by itself: saved and opened again, dropout, groups, maps, what it refuses."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from headstart.backbones.hf import HfSpec
from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.training.pretrained_model import PretrainedModel

transformers = pytest.importorskip("transformers")
SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 34,
}  # fmt: skip
TEXTS = [[7, 8, 9, 10], [11], [12, 13]]


def spec(kind: str = "mpnet", **settings) -> HfSpec:
    return HfSpec(config={"model_type": kind, **SIZES, **settings})


def built(kind: str = "mpnet", **settings):
    torch.manual_seed(0)
    return spec(kind, **settings).build(TokenShape(50, 1))


def test_there_is_no_dropout_in_training():
    network, batch = built(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5).train(), make_batch(TEXTS)
    assert network.training
    assert torch.equal(network(batch).last_BTD, network(batch).last_BTD)


def test_groups_follow_the_depth():
    network = built()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = [[names[id(parameter)] for parameter in group] for group in network.groups()]
    assert len(groups) == 4
    assert all("embeddings" in name for name in groups[0])
    assert all("encoder.layer.0." in name for name in groups[1])
    assert all("encoder.layer.1." in name for name in groups[2])
    assert sorted(name for group in groups for name in group) == sorted(names.values())


def test_asking_for_maps_leaves_the_attention_as_it_was():
    network = built("albert", embedding_size=8)
    before = network.model.config._attn_implementation
    assert before == "sdpa"
    assert len(network(make_batch(TEXTS), attention=True).attention) == 2
    assert network.model.config._attn_implementation == before


def test_positions_after_padding_shorten_the_longest_sample():
    assert built().max_tokens == 32  # mpnet counts from the padding id 1
    assert built("albert", embedding_size=8).max_tokens == 34
    with pytest.raises(HeadstartError, match=r"33 tokens.*at most 32"):
        built()(make_batch([[5] * 33]))


def test_segments_are_handed_on():
    network = built("albert", embedding_size=8)
    batch = make_batch(TEXTS)
    other = dataclasses.replace(batch, segment_ids_N=torch.ones_like(batch.ids_N))
    assert (network(batch).last_BTD - network(other).last_BTD).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("fnet", {}, "lets padding change"),
        ("gpt_neo", {}, "no text encoder"),
        ("bart", {}, "no text encoder"),
        ("albertt", {}, "does not know model_type='albertt'"),
        ("mpnet", {"num_hidden_layers": 0}, "at least 1"),
        ("mpnet", {"num_attention_heads": 5}, "does not work in transformers"),
    ],
)
def test_what_does_not_fit_is_one_line(kind, settings, message):
    with pytest.raises(HeadstartError, match=message) as error:
        built(kind, **settings)
    assert "\n" not in str(error.value)


def test_a_causal_batch_is_refused():
    batch = make_batch(TEXTS)
    with pytest.raises(HeadstartError, match="both ways only"):
        built()(dataclasses.replace(batch, causal=True))


def test_saved_and_opened_again(tmp_path):
    tokenizer = registry.load("processor", "wordpiece")().train(iter(["a film", "the film", "영화가 좋다"] * 20))
    torch.manual_seed(0)
    choice = spec("albert", embedding_size=8)
    pretrained = PretrainedModel(tokenizer, choice, choice.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)))
    pretrained.save(tmp_path / "out")
    again = PretrainedModel.open(tmp_path / "out")
    assert again.backbone_spec == choice
    texts = ["the film", "좋다", ""]
    assert (pretrained.embed(texts) == again.embed(texts)).all()
