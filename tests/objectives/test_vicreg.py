"""VICReg: each term is its formula, and vectors that are all the same cost most."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_parts import pair
from small_pixels import SmallPixels, images
from torch import nn

from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.objectives.vicreg import VICRegSpec


def setting():
    parts = pair("vicreg", "small_resnet")
    batch = parts.objective.corrupt(SmallPixels().collate(images(12)), KeyedRandom(1))
    return parts.backbone, parts.objective, batch


def given(objective, vector_MD):
    """Let the objective see these vectors."""
    objective.head = nn.Module()
    objective.head.forward = lambda _: vector_MD
    return objective


def test_each_term_is_its_formula():
    backbone, objective, batch = setting()
    vector_MD = torch.randn(24, 6) * torch.tensor([0.2, 0.5, 0.9, 1.1, 2.0, 0.1])
    vector_MD.requires_grad_()
    terms = given(objective, vector_MD)(backbone, batch).terms
    one, two = vector_MD[:12], vector_MD[12:]
    assert terms["invariance"].count == 12
    assert (terms["invariance"].total / 12).item() == pytest.approx(25 * (one - two).square().mean().item(), rel=1e-5)
    hinge = sum((1 - (half.var(0) + 1e-4).sqrt()).clamp_min(0).mean() for half in (one, two)) / 2
    assert (terms["variance"].total / terms["variance"].count).item() == pytest.approx(25 * hinge.item(), rel=1e-5)
    off = ~torch.eye(6, dtype=torch.bool)
    bound = sum(torch.cov(half.T)[off].square().sum() / 6 for half in (one, two))
    assert (terms["covariance"].total / terms["covariance"].count).item() == pytest.approx(bound.item(), rel=1e-4)


def test_collapse_costs_and_has_a_finite_slope():
    backbone, objective, batch = setting()
    same = torch.ones(24, 6, requires_grad=True)
    loss = given(objective, same)(backbone, batch)
    loss.mean().backward()
    assert loss.mean().item() == pytest.approx(25 * (1 - 1e-2), rel=1e-4)
    assert same.grad.isfinite().all()
    assert loss.parts["spread"] == pytest.approx(1e-2)
    spread = given(objective, torch.randn(1000, 6).repeat(2, 1))(backbone, dataclasses.replace(batch))
    assert spread.mean() < 2


def test_a_weight_below_zero_is_refused():
    with pytest.raises(HeadstartError, match=r"vicreg\.covariance=-1"):
        VICRegSpec(covariance=-1.0)
