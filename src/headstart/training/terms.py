"""Exact normalisation: the gradient of every term of a loss is that of its mean over all targets of a step.

All targets are those of every batch of the step and of every rank. What compares the samples of a batch (negatives, the
statistics of a batch norm) compares those of one batch, see `inexact_accumulation`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core import ranks
from headstart.core.batch import Batch, TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective, Term
from headstart.core.device import compute
from headstart.training.agreement import Agreement
from headstart.training.parallel import Network
from headstart.training.shares import Share

Carry = tuple[Tensor, ...]


def inexact_accumulation(objective: Objective, backbone: Backbone, batches: int) -> str:
    """Return why a step of so many batches is not one of a batch as large as all of them; "" where it is."""
    if batches == 1:
        return ""
    modules = [module for part in (backbone, objective) for module in part.modules()]
    if objective.compares_samples:
        why = "the objective compares the samples of one batch"
    elif any(isinstance(module, _BatchNorm) and module.training for module in modules):
        why = "batch norms take the statistics of one batch"
    else:
        return ""
    return (
        f"training.accumulate={batches}: {why}, so that {batches} batches do not teach what one large batch would; set "
        "batches.tokens (of images: batches.images) larger instead"
    )


class Accumulated(NamedTuple):
    """loss: of the step, a float64 scalar, the same on all ranks; None: there was no target. parts: of the last batch
    of this rank. carry: what the network remembers."""

    loss: Tensor | None
    parts: Mapping[str, Tensor]
    carry: Carry


def accumulate(
    network: Network, phase: str, shares: Sequence[Share], carry: Carry, agreement: Agreement, dtype: torch.dtype
) -> Accumulated:
    """Run the batches of one step forward and backward; gradients are those of all batches of all ranks taken as one.

    What the network remembers goes on into a batch that continues the one before, without gradient (truncated
    back-propagation).
    """
    sums, parts = TermSums(network), {}
    single = len(shares) == 1
    with contextlib.nullcontext() if single else network.apart():
        for share in shares:
            batch = going_on(share.corrupted, carry)
            with compute(dtype, batch.device.type), ranks.standing_in(share.idle):
                scored = network.score(batch, phase)
            carry = tuple(tensor.detach() for tensor in scored.carry)
            counted = {} if share.idle else scored.live
            parts = scored.parts if counted else parts
            terms = _together(scored, counted)
            if single:  # divided before backward: one pass for all terms
                sums.backward_at_once(terms, agreement)
            else:
                sums.backward(terms)
    return Accumulated(sums.finish(agreement), parts, carry)


def _together(scored: Loss, counted: Mapping[str, Term]) -> Mapping[str, Term]:
    """Return the terms that are run backward: alone those with targets.

    With others all, in step; one without targets on this rank adds nothing to what others have.
    """
    if ranks.world() == 1:
        return counted
    return {name: counted.get(name) or Term(term.total * 0.0, 0) for name, term in scored.terms.items()}


class TermSums:
    """Totals, targets and gradients of each term of a loss, summed over the batches of a step."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parameters: Sequence[nn.Parameter] = network.parameters
        self.totals: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.gradients: dict[str, list[Tensor | None]] = {}
        self.agreed: Mapping[str, int] | None = None

    def add_totals(self, terms: Mapping[str, Term]) -> None:
        """Take the values of a batch, whose gradients are where they belong already."""
        for name, term in terms.items():
            total = term.total.detach().double()
            self.totals[name] = total if name not in self.totals else self.totals[name] + total
            self.counts[name] = self.counts.get(name, 0) + term.count

    def backward_at_once(self, terms: Mapping[str, Term], agreement: Agreement) -> None:
        """Take the only batch of a step and run the mean of its terms backward."""
        self.add_totals(terms)
        self.agreed = agreement.counts(self.counts)
        if terms:
            means = [term.total / max(self.agreed[name], 1) for name, term in terms.items()]
            mean = reduce(torch.add, means)
            (mean if ranks.world() == 1 else mean * ranks.world()).backward()

    def backward(self, terms: Mapping[str, Term]) -> None:
        """Take the values of a batch and run every term backward; its gradients are kept apart from other terms'."""
        self.add_totals(terms)
        for place, (name, term) in enumerate(terms.items(), start=1):
            for parameter, kept in zip(self.parameters, self.gradients.get(name) or [None] * len(self.parameters)):
                parameter.grad = kept
            term.total.backward(retain_graph=place < len(terms))
            self.gradients[name] = [parameter.grad for parameter in self.parameters]

    def finish(self, agreement: Agreement) -> Tensor | None:
        """Put the gradients of the mean of every term together; return the loss, None where there was no target."""
        counts = self.agreed
        if counts is None:
            counts = agreement.counts(self.counts)
            self._combine(counts)
        if not agreement.targets:
            return None
        means = [self.totals[name] / counts[name] for name in self.totals if counts[name]]
        nothing = torch.zeros((), dtype=torch.float64, device=self.parameters[0].device)  # of a share without targets
        return ranks.summed(reduce(torch.add, means) if means else nothing)

    def _combine(self, counts: Mapping[str, int]) -> None:
        for name, gradients in self.gradients.items():
            found = [g for g in gradients if g is not None]
            if found:
                torch._foreach_div_(found, max(counts[name], 1) / ranks.world())
        for parameter, *parts in zip(self.parameters, *self.gradients.values()):
            found = [part for part in parts if part is not None]
            parameter.grad = reduce(torch.add, found) if found else None
        self.network.settle()


def going_on(batch: Batch, carry: Carry) -> Batch:
    """Return the batch with what is remembered, when it continues the one before."""
    if isinstance(batch, TokenBatch) and batch.continues:
        return dataclasses.replace(batch, carry=carry)
    return batch
