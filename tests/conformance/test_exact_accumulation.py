"""Every objective: a step of two batches has the gradient of one batch, unless it says that it compares samples."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from pairings import partner
from small_parts import batch_of, documents, taught
from small_pixels import SmallPixels, images

from headstart.core import registry
from headstart.core.batch import Batch
from headstart.core.contracts import Objective
from headstart.core.seeds import KeyedRandom
from headstart.objectives.views import Views
from headstart.training.agreement import Agreement, Stop
from headstart.training.parallel import Network
from headstart.training.shares import Share
from headstart.training.terms import accumulate, inexact_accumulation

SAMPLES, FIRST = 24, 7
OBJECTIVES = registry.names("objective")
# Where the largest entries of two gradients differ: rounding, and what must be more than that.
EXACT, APART = 1e-6, 1e-3


def divided(objective: Objective, batch: Batch, parts: int) -> list[Batch]:
    """Return the batch corrupted, whole or in two parts. Where samples are mixed, what came of it is parted."""
    mixed = batch if objective.alone else objective.corrupt(batch, KeyedRandom(3))
    rows = torch.arange(mixed.size)
    rows = [rows] if parts == 1 else [rows[:FIRST], rows[FIRST:]]
    if objective.alone:
        return [objective.corrupt(batch.rows(own), KeyedRandom(3)) for own in rows]
    return [objective.share(mixed, own) for own in rows]


def gradients(name: str, parts: int, averaged: bool) -> list[torch.Tensor]:
    """Return the gradients of every weight in every phase; averaged: the fault of a mean of the means of batches."""
    made = taught(name, partner(name))
    made.backbone.eval()  # its batch norms and its dropout are no business of the objective
    made.objective.train()
    if made.spec.batch == "pixels":
        batch = SmallPixels().collate(images(SAMPLES))
    else:
        batch = batch_of(made.processor, documents(SAMPLES), list(range(SAMPLES)))
    network, found, forward = Network(made.objective, made.backbone), [], made.objective.forward
    if averaged:

        def mean_of_means(*given):
            loss = forward(*given)
            terms = {
                key: term._replace(total=term.total / max(term.count, 1), count=1) for key, term in loss.terms.items()
            }
            return dataclasses.replace(loss, terms=terms)

        made.objective.forward = mean_of_means
    for phase in made.objective.phases:
        shares = [Share(one, one) for one in divided(made.objective, batch, parts)]
        accumulate(network, phase, shares, (), Agreement(Stop(), 0.0), torch.float32)
        found += [torch.zeros(()) if p.grad is None else p.grad.double() for p in network.parameters]
        for parameter in network.parameters:
            parameter.grad = None
    return found


def apart(name: str, *, averaged: bool = False) -> float:
    """Return the largest difference of the gradients of one and of two batches, in units of the largest entry."""
    one, two = gradients(name, 1, False), gradients(name, 2, averaged)
    largest = max(float(gradient.abs().max()) for gradient in one)
    assert largest > 0
    return max(float((a - b).abs().max()) for a, b in zip(one, two, strict=True)) / largest


def check_accumulation_is_as_declared(name: str, *, averaged: bool = False) -> None:
    if taught(name, partner(name)).objective.compares_samples:
        assert apart(name, averaged=averaged) > APART, "it says that it compares samples, and does not"
    else:
        assert apart(name, averaged=averaged) <= EXACT


@pytest.mark.parametrize("name", OBJECTIVES)
def test_accumulation_is_exact_or_declared_not_to_be(name):
    check_accumulation_is_as_declared(name)


def test_which_ones_compare_samples():
    found = {name for name in OBJECTIVES if taught(name, partner(name)).objective.compares_samples}
    assert found == {"distil_vectors", "halves", "vicreg", "views"}


@pytest.mark.parametrize("name", ["mlm", "hybrid", "rtd", "mae", "denoise"])
def test_a_mean_of_means_is_found(name):
    with pytest.raises(AssertionError):
        check_accumulation_is_as_declared(name, averaged=True)


@pytest.mark.parametrize(("name", "says"), [("views", False), ("denoise", True)])
def test_a_wrong_declaration_is_found(name, says, monkeypatch):
    monkeypatch.setattr(Views if name == "views" else Objective, "compares_samples", says)
    with pytest.raises(AssertionError):
        check_accumulation_is_as_declared(name)


def test_a_run_is_told_why_its_batches_are_not_one():
    bert, norms = taught("mlm", "bert"), taught("denoise", "small_resnet")
    halves = taught("halves", "bert")
    assert inexact_accumulation(bert.objective, bert.backbone, 4) == ""
    assert inexact_accumulation(halves.objective, halves.backbone, 1) == ""
    assert "compares the samples of one batch" in inexact_accumulation(halves.objective, halves.backbone, 4)
    assert "batch norms take the statistics" in inexact_accumulation(norms.objective, norms.backbone, 4)
    norms.backbone.keep_statistics()
    assert inexact_accumulation(norms.objective, norms.backbone, 4) == ""
