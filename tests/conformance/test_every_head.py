"""Every head on every backbone: targets, loss, gradient, answers, saved weights; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import task_rows
import torch
from small_parts import processor_for, small
from small_pixels import images

from headstart.core import registry
from headstart.core.contracts import Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.data.encode_examples import encode_examples
from headstart.fitting.supervised import LabelledPieces

CASES = [
    (head, backbone)
    for batch in ("tokens", "pixels")
    for head in registry.fitting("head", batch=batch)
    for backbone in registry.fitting("backbone", batch=batch)
]
TASK_OF = {registry.load("task", name).head: name for name in registry.names("task")}


def network_for(backbone: str):
    spec = small("backbone", backbone)
    processor = processor_for(spec)
    torch.manual_seed(0)
    return spec.build(processor.shape), processor


def rows_for(head: str, processor: Processor) -> Examples | None:
    """Return rows of the head's task, of texts or images as the processor takes them, or None: none are known here."""
    made = task_rows.rows(TASK_OF[head], 12) or task_rows.rows(TASK_OF[head], 12, pairs=True)
    return replace(made, items=images(12)) if made and processor.takes == "image" else made


@pytest.mark.parametrize(("head", "backbone"), CASES)
def test_head_learns_and_answers(head, backbone):
    spec = small("head", head)
    assert registry.build_spec("head", spec.to_dict()) == spec
    network, processor = network_for(backbone)
    if spec.refuses(network):
        assert network.reads not in spec.reads
        return
    examples = rows_for(head, processor)
    if examples is None:
        pytest.skip(f"no rows of task {TASK_OF[head]} here")
    built = spec.build(network, processor, examples.classes)
    assert built.spec == spec
    rows = encode_examples(processor, examples, longest=network.max_tokens, spans=spec.spans, overlap=spec.overlap)
    built.prepare(examples)
    batch = LabelledPieces(rows, built.targets(examples, rows), processor).batch(np.arange(len(rows.inputs)))
    optimizer = torch.optim.Adam([*network.parameters(), *built.parameters()], 3e-3)
    losses = []
    for _ in range(8):
        loss = built.score(network, batch)
        assert loss.count > 0
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.total.detach()))
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None for parameter in built.parameters())
    again = spec.build(network, processor, examples.classes)
    again.load_state_dict(built.state_dict())
    for module in (network, built, again):
        module.eval()
    with torch.no_grad():
        outputs, same = built.outputs(network, batch), again.outputs(network, batch)
    assert len(outputs) == len(rows.inputs)
    assert all(np.array_equal(one, other) for one, other in zip(outputs, same))
    answers = built.decode(outputs, rows, examples)
    assert len(answers) == len(examples)
    assert answers == again.decode(same, rows, examples)
    assert np.isfinite(registry.load("task", TASK_OF[head])().quality(answers, examples)).all()
    assert isinstance(rows, Pieces)


@pytest.mark.parametrize("head", registry.fitting("head", batch="tokens"))
def test_too_few_classes_are_refused(head):
    network, tokenizer = network_for("modernbert")
    spec = small("head", head)
    made = task_rows.rows(TASK_OF[head], 3)
    if spec.refuses(network) or made is None or not made.classes:
        return
    with pytest.raises(HeadstartError, match="at least"):
        spec.build(network, tokenizer, ())
