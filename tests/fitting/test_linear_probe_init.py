"""A linear head starts from logistic regression on the vectors of the network as it is."""

from __future__ import annotations

import numpy as np
import torch
from small_networks import base_of, rows

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.fitting.linear_probe_init import start_from_probe
from headstart.fitting.network_model import encode_with_prompt
from headstart.fitting.supervised import LabelledPieces
from headstart.fitting.time_budget import Clock


def parts(backbone: str, examples: Examples):
    base, spec = base_of(backbone), registry.load("head", "classify")()
    head = spec.build(base.backbone, base.processor, examples.classes)
    framed = encode_with_prompt(spec, base, examples)
    return head, base.backbone, LabelledPieces(framed, head.targets(examples, framed), base.processor)


def test_the_head_separates_the_rows_and_knows_no_unseen_class():
    examples = rows(60)
    odd = Examples(examples.items, None, examples.labels * 2, ("film", "none", "food", "never", "game"))
    head, network, labelled = parts("ngram_bag", odd)
    assert start_from_probe(head, network, labelled, np.arange(60))
    with torch.no_grad():
        logits = head(network(labelled.batch(np.arange(60)))).numpy()
    assert (logits.argmax(1) == odd.labels).mean() > 0.95
    two = Examples(examples.items, None, (examples.labels > 0).astype(np.int64), ("film", "other"))
    head, network, labelled = parts("ngram_bag", two)
    assert start_from_probe(head, network, labelled, np.arange(60))
    weight = head.output.classifier.weight
    assert torch.allclose(weight[0], -weight[1])
    with torch.no_grad():
        logits = head(network(labelled.batch(np.arange(60)))).numpy()
    assert (logits.argmax(1) == two.labels).mean() > 0.95


def test_a_short_time_takes_a_part_of_the_pieces(monkeypatch):
    examples = rows(200)
    head, network, labelled = parts("ngram_bag", examples)
    looks = iter([False, False, False, True])
    monkeypatch.setattr(Clock, "out", property(lambda clock: next(looks)))
    assert start_from_probe(head, network, labelled, np.arange(200), seconds=60.0)  # of three slices out of seven
    with torch.no_grad():
        logits = head(network(labelled.batch(np.arange(200)))).numpy()
    assert (logits.argmax(1) == examples.labels).mean() > 0.9


def test_where_it_cannot_the_head_is_left():
    head, network, labelled = parts("modernbert", rows(12))  # its output is no single layer
    assert not start_from_probe(head, network, labelled, np.arange(12))
    head, network, labelled = parts("ngram_bag", rows(12))
    before = head.output.classifier.weight.clone()
    assert not start_from_probe(head, network, labelled, np.array([0, 3, 6]))  # one class
    assert not start_from_probe(head, network, labelled, np.arange(12), seconds=0.0)
    assert torch.equal(before, head.output.classifier.weight)
