"""nn/int8: layers with weights in int8 say what those in fp32 do, and share everything else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.shapes import TokenShape
from headstart.nn.int8 import Int8Linear, has_int8, int8_copy, int8_output, linear_numbers
from headstart.nn.outputs import TokenOutput, Transform, WordOutput

pytestmark = pytest.mark.skipif(not has_int8(), reason="no int8 products on this processor")


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_near_its_fp32_twin(bias):
    torch.manual_seed(0)
    layer, values = nn.Linear(48, 96, bias=bias), torch.randn(5, 7, 48)
    with torch.no_grad():
        layer.weight[3] *= 100  # rows have scales of their own
        layer.weight[4] = 0
        exact, quick = layer(values), Int8Linear(layer.weight, layer.bias)(values)
    assert quick.shape == exact.shape
    for row in (0, 3):
        assert cosine(exact[..., row], quick[..., row]) > 0.999
    assert torch.allclose(exact[..., 4], quick[..., 4], atol=1e-6)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gru"])
def test_a_copy_says_the_same_and_leaves_the_network_alone(name):
    torch.manual_seed(0)
    backbone = registry.load("backbone", name)(width=64, depth=2).build(TokenShape(50, 0)).eval()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    quick = int8_copy(backbone)
    batch = make_batch([torch.arange(1, 20).numpy(), torch.arange(5, 12).numpy()])
    with torch.no_grad():
        exact, found = backbone(batch).last_BTD, quick(batch).last_BTD
    assert cosine(exact, found) > 0.99
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
    assert quick.words_VD is backbone.words_VD
    assert not any(type(part) is nn.Linear for part in quick.modules())
    assert linear_numbers(quick) == 0


def test_outputs_over_the_vocabulary():
    torch.manual_seed(0)
    words_VD, hidden_MD = torch.randn(60, 32), torch.randn(4, 32)
    transform = Transform(32, act="gelu", eps=1e-5, dense_bias=True, norm_bias=True)
    biased = TokenOutput(transform, 60)
    biased.start_from(torch.arange(60.0))
    for output in (biased, WordOutput(32, 60, tied=True, scale=0.5), WordOutput(32, 60, tied=False)):
        with torch.no_grad():
            assert cosine(output(hidden_MD, words_VD), int8_output(output, words_VD)(hidden_MD, words_VD)) > 0.999
    other = nn.Identity()
    assert int8_output(other, words_VD) is other
