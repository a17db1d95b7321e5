"""Every head on every backbone: shape, loss, gradient, settings; too few classes are refused."""

from __future__ import annotations

import pytest
import torch
from small_parts import small

from headstart.base import registry
from headstart.base.batch import make_batch
from headstart.base.errors import HeadstartError

CASES = [(head, backbone) for head in registry.names("head") for backbone in registry.names("backbone")]


@pytest.mark.parametrize(("head", "backbone"), CASES)
@pytest.mark.parametrize("classes", [2, 77])
def test_head_learns_and_scores(head, backbone, classes):
    spec = small("head", head)
    assert registry.build_spec("head", spec.to_dict()) == spec
    torch.manual_seed(0)
    network = small("backbone", backbone).build(50, 0)
    built = spec.build(network, classes)
    batch = make_batch([torch.arange(1, 9), torch.arange(20, 23), torch.tensor([7])])
    target_B = torch.tensor([0, classes - 1, 1])
    optimizer = torch.optim.Adam([*network.parameters(), *built.parameters()], 1e-2)
    losses = []
    for _ in range(8):
        logits_BC = built(network(batch))
        assert logits_BC.shape == (3, classes)
        loss = built.loss(logits_BC, target_B)
        assert loss.count == 3
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.total.detach()))
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None for parameter in built.parameters())
    again = spec.build(network, classes)
    again.load_state_dict(built.state_dict())
    with torch.no_grad():
        assert torch.equal(again(network(batch)), built(network(batch)))


@pytest.mark.parametrize(("head", "backbone"), CASES)
def test_one_class_is_refused(head, backbone):
    network = small("backbone", backbone).build(50, 0)
    with pytest.raises(HeadstartError, match="at least 2 classes"):
        small("head", head).build(network, 1)
