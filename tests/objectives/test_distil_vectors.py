"""Distillation of images: vectors as the teacher's, who reads every image once and is no part of the student."""

from __future__ import annotations

import pytest
import torch
from small_parts import pair, small, small_tokenizer
from small_pixels import SHAPE, SmallPixels, images
from torch import nn

from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import ImageShape
from headstart.objectives import distil_vectors
from headstart.objectives.distil_vectors import DistilVectorsSpec


class Teacher(nn.Module):
    """Counts the images that it reads, and gives the mean of each column as their vector."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.read, self.width = shape, 0, shape.width

    def forward(self, batch):
        assert batch.pixels_BCHW.shape[1:] == (self.shape.channels, self.shape.height, self.shape.width)
        assert 0 <= batch.pixels_BCHW.min() <= batch.pixels_BCHW.max() <= 1
        self.read += batch.size
        return Features(pooled_BD=batch.pixels_BCHW.mean((1, 2)))


def setting(shape=SHAPE):
    torch.manual_seed(0)
    backbone, teacher = small("backbone", "small_resnet").build(SHAPE), Teacher(shape)
    objective = DistilVectorsSpec(vector=teacher.width).build(backbone, SmallPixels())
    objective.learn_from(teacher, None, SmallPixels(shape))
    batch = objective.corrupt(SmallPixels().collate(images(12), samples=range(12)), KeyedRandom(1))
    return backbone.eval(), objective.eval(), teacher, batch


def test_the_loss_is_the_angle_to_what_the_teacher_says_of_the_whole_image():
    backbone, objective, _, batch = setting()
    objective.standardise.train()  # by the mean and spread of the batch
    columns = torch.stack([batch.pixels_BCHW[row].float().mean((0, 1)) / 255 for row in range(12)])
    wanted = (columns - columns.mean(0)) / columns.var(0, unbiased=False).sqrt()

    def found(vector_MD):
        objective.head = nn.Module()
        objective.head.forward = lambda _: vector_MD
        return objective(backbone, batch)

    assert found(3 * wanted.repeat(2, 1)).mean().item() == pytest.approx(0, abs=5e-3)
    assert found(-wanted.repeat(2, 1)).mean().item() == pytest.approx(2, abs=5e-3)
    assert found(wanted.repeat(2, 1)).count == 24


def test_the_loss_of_a_batch_is_that_of_its_parts():
    backbone, objective, _, _ = setting()
    pixels = images(12)

    def total(rows):
        batch = SmallPixels().collate([pixels[row] for row in rows], samples=rows)
        return objective(backbone, objective.corrupt(batch, KeyedRandom(1))).total.item()

    assert total(range(12)) == pytest.approx(total(range(5)) + total(range(5, 12)), rel=1e-4)


@pytest.mark.parametrize("shape", [ImageShape(1, 24, 24), ImageShape(3, 8, 8), SHAPE])
def test_each_image_is_read_once_at_the_size_of_the_teacher(shape):
    backbone, objective, teacher, batch = setting(shape)
    first = objective(backbone, batch)
    assert teacher.read == 12
    assert torch.equal(objective(backbone, batch).total, first.total)
    assert teacher.read == 12
    others = SmallPixels().collate(images(3, seed=9), samples=[40, 3, 41])
    objective(backbone, objective.corrupt(others, KeyedRandom(1)))
    assert teacher.read == 14  # number 3 is known


def test_of_a_large_corpus_the_teacher_is_asked_again(monkeypatch):
    monkeypatch.setattr(distil_vectors, "_MOST_BYTES", 1)
    backbone, objective, teacher, batch = setting()
    first = objective(backbone, batch)
    others = SmallPixels().collate(images(3, seed=9), samples=[40, 41, 42])
    for _ in range(2):
        objective(backbone, objective.corrupt(others, KeyedRandom(1)))
    assert (len(objective._read), teacher.read) == (12, 18)
    assert torch.equal(objective(backbone, batch).total, first.total)


def test_the_teacher_is_not_stored_and_is_missed():
    backbone, objective, teacher, batch = setting()
    assert not [name for name in objective.state_dict() if "teacher" in name]
    assert teacher not in list(objective.modules())
    alone = DistilVectorsSpec().build(backbone, SmallPixels())
    with pytest.raises(HeadstartError, match="no teacher here"):
        alone(backbone, batch)


def test_a_teacher_of_texts_is_refused():
    tokenizer = small_tokenizer("bidirectional")
    objective = pair("distil_vectors", "small_resnet").objective
    with pytest.raises(HeadstartError, match=r"reads pixels; this one reads tokens \(wordpiece\)"):
        objective.learn_from(small("backbone", "bert").build(tokenizer.shape), None, tokenizer)


def test_a_teacher_with_other_vectors_is_refused():
    objective = DistilVectorsSpec(vector=7).build(small("backbone", "small_resnet").build(SHAPE), SmallPixels())
    with pytest.raises(HeadstartError, match=r"vector=7: the teacher's vectors have 16 numbers"):
        objective.learn_from(Teacher(SHAPE), None, SmallPixels())
