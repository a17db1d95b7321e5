"""Our transformer backbones by themselves: lengths, groups, ragged against alone, bf16, spec errors."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones.bert import BertSpec
from headstart.backbones.distilbert import DistilBertSpec
from headstart.backbones.electra import ElectraSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.backbones.roberta import RobertaSpec
from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.device import compute
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.nn.pooling import pool

SMALL = {"width": 32, "depth": 3, "heads": 4, "mlp_width": 48, "max_tokens": 16}
SPECS = [
    BertSpec(**SMALL),
    BertSpec(**SMALL, pooler=True),
    DistilBertSpec(**SMALL),
    ElectraSpec(**SMALL, embedding_width=16),
    RobertaSpec(**SMALL),
    ModernBertSpec(**SMALL),
    ModernBertSpec(**SMALL, global_every=2, window=4),
]


@pytest.fixture(params=SPECS, ids=lambda spec: spec.name)
def backbone(request):
    torch.manual_seed(0)
    return request.param.build(TokenShape(50, 0))


def documents(*lengths):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(1, 50, (length,), generator=generator) for length in lengths]


def test_groups_hold_every_parameter_once_in_order(backbone):
    groups = backbone.groups()
    assert [id(p) for group in groups for p in group] == [id(p) for p in backbone.parameters()]
    assert len(groups) in (backbone.depth + 1, backbone.depth + 2)


def test_a_sample_alone_and_among_others_is_the_same(backbone):
    texts = documents(16, 1, 7)
    together = backbone(make_batch(texts)).last_BTD
    for row, text in enumerate(texts):
        assert torch.allclose(together[row, : len(text)], backbone(make_batch([text])).last_BTD[0], atol=1e-6)


def test_a_too_long_sample_is_refused_and_never_cut(backbone):
    with pytest.raises(HeadstartError, match="has 17 tokens, this backbone takes at most 16"):
        backbone(make_batch(documents(3, 17)))


def test_layers_and_maps_only_on_request(backbone):
    batch = make_batch(documents(4, 9))
    plain, full = backbone(batch), backbone(batch, layers=True, attention=True)
    assert (plain.layers, plain.attention) == ((), ())
    assert torch.allclose(plain.last_BTD, full.last_BTD, atol=1e-6)
    assert [tuple(m.shape) for m in full.attention] == [(2, 4, 9, 9)] * backbone.depth
    assert len(full.layers) == backbone.depth + 1


def test_bf16_is_close_and_leaves_gradients_in_fp32(backbone):
    batch = make_batch(documents(12, 5, 9))
    exact = pool(backbone(batch), "mean")
    with compute(torch.bfloat16):
        rough = pool(backbone(batch), "mean")
    assert (exact - rough).norm() / exact.norm() < 0.03
    rough.float().square().sum().backward()
    used = [p.grad for n, p in backbone.named_parameters() if not n.startswith("pooler")]
    assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in used)
    assert all(torch.isfinite(gradient).all() for gradient in used)


def test_an_empty_document_beside_others_does_no_harm(backbone):
    out = backbone(make_batch([[], *documents(5)]))
    assert torch.isfinite(out.last_BTD).all()
    assert torch.isfinite(pool(out, "mean")).all()


@pytest.mark.parametrize("name", ["bert", "distilbert", "electra", "modernbert", "roberta"])
def test_wrong_sizes_name_the_field_and_the_nearest_choice(name):
    spec = registry.load("backbone", name)
    with pytest.raises(HeadstartError, match="heads=5 does not divide width=128; nearest that does: 4"):
        spec(heads=5)
    with pytest.raises(HeadstartError, match="depth=0: expected at least 1"):
        spec(depth=0)
    assert spec.from_dict(spec(width=64).to_dict()) == spec(width=64)


def test_rotary_needs_an_even_head():
    with pytest.raises(HeadstartError, match="must be even"):
        ModernBertSpec(width=6, heads=2)
