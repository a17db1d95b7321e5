"""Every objective and head: a step of several batches has the gradient of one, unless it says it compares samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import task_rows
import torch
from pairings import partner
from small_parts import batch_of, documents, processor_for, small, taught
from small_pixels import SmallPixels, images

from headstart.core import registry
from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Objective
from headstart.core.examples import Examples
from headstart.core.seeds import KeyedRandom
from headstart.data.encode_examples import encode_examples
from headstart.fitting.regularisation import Regularisation
from headstart.fitting.supervised import LabelledPieces, Supervised, weights_of
from headstart.heads.classify import Classify
from headstart.heads.retrieve import Retrieve
from headstart.objectives.views import Views
from headstart.training.agreement import Agreement, Stop
from headstart.training.parallel import Network
from headstart.training.shares import Share
from headstart.training.terms import accumulate, inexact_accumulation

SAMPLES = 24
CUTS = {1: [], 2: [7], 3: [5, 16]}  # where a batch is cut into so many
OBJECTIVES = registry.names("objective")
TASK_OF = {registry.load("task", name).head: name for name in registry.names("task")}
# Each head on a network that it is made for, of each kind of input that it can read.
HEADS = [
    (head, "small_resnet" if batch == "pixels" else "t5" if head == "generate" else "bert")
    for batch in ("tokens", "pixels")
    for head in registry.fitting("head", batch=batch)
]
# Where the largest entries of two gradients differ: rounding, and what must be more than that.
EXACT, APART = 1e-6, 1e-3


class Learner(NamedTuple):
    """An objective with its network; batch: of some of its samples."""

    objective: Objective
    backbone: Backbone
    batch: Callable[[torch.Tensor], Batch]


def divided(made: Learner, parts: int) -> list[Batch]:
    """Return the batch corrupted, whole or in parts. Where samples are mixed, what came of it is parted."""
    whole = torch.arange(SAMPLES)
    if made.objective.alone:
        own = torch.tensor_split(whole, CUTS[parts])
        return [made.objective.corrupt(made.batch(rows), KeyedRandom(3)) for rows in own]
    mixed = made.objective.corrupt(made.batch(whole), KeyedRandom(3))
    return [made.objective.share(mixed, rows) for rows in torch.tensor_split(torch.arange(mixed.size), CUTS[parts])]


def learner(name: str) -> Learner:
    """Return an objective that learns from text or images without labels."""
    made = taught(name, partner(name))
    if made.spec.batch == "pixels":
        batch = SmallPixels().collate(images(SAMPLES))
    else:
        batch = batch_of(made.processor, documents(SAMPLES), list(range(SAMPLES)))
    return Learner(made.objective, made.backbone, batch.rows)


def fine_tuning(head: str, backbone: str, **more: object) -> Learner:
    """Return a head on a network, with labelled rows; more: of the regularisation, and `weighted` rows."""
    weighted = more.pop("weighted", False)
    network_spec, spec = small("backbone", backbone), small("head", head)
    processor = processor_for(network_spec)
    torch.manual_seed(0)
    network = network_spec.build(processor.shape)
    examples = examples_for(head, processor.takes)
    if weighted:
        examples = dataclasses.replace(examples, weights=np.linspace(0.1, 2.0, len(examples)).tolist())
    built = spec.build(network, processor, examples.classes)
    pieces = encode_examples(processor, examples, longest=network.max_tokens, spans=spec.spans, overlap=spec.overlap)
    built.prepare(examples)
    places = np.arange(len(pieces.inputs))
    targets = built.targets(examples, pieces) | weights_of(examples, pieces, places)
    assert len(places) == SAMPLES
    labelled = LabelledPieces(pieces, targets, processor)
    objective = Supervised(built, Regularisation(**more), processor)
    for module in objective.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # as little a business of accumulation as the network's
    return Learner(objective.double(), network.double(), lambda rows: labelled.batch(rows.numpy()))


def examples_for(head: str, takes: str) -> Examples:
    """Return rows of the task of a head; of retrieval each text with its own second half."""
    if head == "retrieve":
        texts = documents(SAMPLES)
        return Examples(texts, [text.partition(" . ")[2] for text in texts], task="retrieve")
    task = TASK_OF[head]
    made = task_rows.rows(task, SAMPLES) or task_rows.rows(task, SAMPLES, pairs=True)
    return dataclasses.replace(made, items=images(SAMPLES)) if takes == "image" else made


def gradients(made: Learner, parts: int, averaged: bool) -> list[torch.Tensor]:
    """Return the gradients of every weight in every phase; averaged: the fault of a mean of the means of batches."""
    made.backbone.eval()  # its batch norms and its dropout are no business of the objective
    made.objective.train()
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
        shares = [Share(one, one) for one in divided(made, parts)]
        accumulate(network, phase, shares, (), Agreement(Stop(), 0.0), torch.float32)
        found += [torch.zeros(()) if p.grad is None else p.grad.double() for p in network.parameters]
        for parameter in network.parameters:
            parameter.grad = None
    return found


def apart(make: Callable[[], Learner], *, averaged: bool = False) -> float:
    """Return the largest difference of the gradients of one and of several batches, in units of the largest entry."""
    one = gradients(make(), 1, False)
    largest = max(float(gradient.abs().max()) for gradient in one)
    assert largest > 0
    return (
        max(
            float((a - b).abs().max())
            for parts in (2, 3)
            for a, b in zip(one, gradients(make(), parts, averaged), strict=True)
        )
        / largest
    )


def check_accumulation_is_as_declared(make: Callable[[], Learner], *, averaged: bool = False) -> None:
    if make().objective.compares_samples:
        assert apart(make, averaged=averaged) > APART, "it says that it compares samples, and does not"
    else:
        assert apart(make, averaged=averaged) <= EXACT


@pytest.mark.parametrize("name", OBJECTIVES)
def test_accumulation_is_exact_or_declared_not_to_be(name):
    check_accumulation_is_as_declared(lambda: learner(name))


def test_which_ones_compare_samples():
    found = {name for name in OBJECTIVES if taught(name, partner(name)).objective.compares_samples}
    assert found == {"distil_vectors", "halves", "vicreg", "views"}


@pytest.mark.parametrize("name", ["mlm", "hybrid", "rtd", "mae", "denoise"])
def test_a_mean_of_means_is_found(name):
    with pytest.raises(AssertionError):
        check_accumulation_is_as_declared(lambda: learner(name), averaged=True)


@pytest.mark.parametrize(("name", "says"), [("views", False), ("denoise", True)])
def test_a_wrong_declaration_is_found(name, says, monkeypatch):
    monkeypatch.setattr(Views if name == "views" else Objective, "compares_samples", says)
    with pytest.raises(AssertionError):
        check_accumulation_is_as_declared(lambda: learner(name))


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all of fine-tuning compute in float64: losses of heads go to float32, whose rounding is about the bound."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("head", "backbone"), HEADS)
def test_fine_tuning_is_exact_or_declared_not_to_be(head, backbone):
    check_accumulation_is_as_declared(lambda: fine_tuning(head, backbone))


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("more", [{"weighted": True}, {"label_smoothing": 0.2}, {"mixup": 0.4}], ids=str)
def test_fine_tuning_with_more_is_as_declared(more):
    check_accumulation_is_as_declared(lambda: fine_tuning("classify", "bert", **more))


def test_every_head_is_tried():
    assert {head for head, _ in HEADS} == set(registry.names("head"))
    assert [head for head, backbone in HEADS if fine_tuning(head, backbone).objective.compares_samples] == ["retrieve"]


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("head", ["tag", "generate", "classify"])
def test_a_mean_of_means_of_a_head_is_found(head):
    backbone = "t5" if head == "generate" else "bert"
    with pytest.raises(AssertionError):
        check_accumulation_is_as_declared(lambda: fine_tuning(head, backbone), averaged=True)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("kind", "head"), [(Retrieve, "retrieve"), (Classify, "classify")])
def test_a_wrong_declaration_of_a_head_is_found(kind, head, monkeypatch):
    monkeypatch.setattr(kind, "compares_samples", not kind.compares_samples)
    with pytest.raises(AssertionError):
        check_accumulation_is_as_declared(lambda: fine_tuning(head, "bert"))


def test_a_run_is_told_why_its_batches_are_not_one():
    bert, norms = taught("mlm", "bert"), taught("denoise", "small_resnet")
    halves = taught("halves", "bert")
    assert inexact_accumulation(bert.objective, bert.backbone, 4) == ""
    assert inexact_accumulation(halves.objective, halves.backbone, 1) == ""
    assert "compares the samples of one batch" in inexact_accumulation(halves.objective, halves.backbone, 4)
    assert "batch norms take the statistics" in inexact_accumulation(norms.objective, norms.backbone, 4)
    norms.backbone.keep_statistics()
    assert inexact_accumulation(norms.objective, norms.backbone, 4) == ""
