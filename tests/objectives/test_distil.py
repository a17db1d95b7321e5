"""Distillation: the three losses are what they say, the teacher is neither trained nor stored."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from headstart.backbones.bert import BertSpec
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.distil import DistilSpec
from headstart.objectives.mlm import MaskedLMSpec, states_at
from headstart.objectives.mlm_nsp import MaskedNextSentenceSpec
from headstart.processors.wordpiece import WordPiece

TEXTS = [f"w{a} w{(a + b) % 17} w{b} w{a * b % 13} ." for a in range(12) for b in range(12)]
TOKENIZER = WordPiece().train(iter(TEXTS))
TEACHER = BertSpec(width=32, depth=2, heads=2, mlp_width=32)


def build(spec, objective_spec):
    backbone = spec.build(TokenShape(TOKENIZER.vocabulary, TOKENIZER.pad_id))
    return backbone, objective_spec.build(backbone, TOKENIZER)


def setting(**weights):
    torch.manual_seed(0)
    teacher, guide = build(TEACHER, MaskedLMSpec())
    student, task = build(dataclasses.replace(TEACHER, depth=1), DistilSpec(**weights))
    task.learn_from(teacher, guide, TOKENIZER)
    batch = task.corrupt(
        make_batch([TOKENIZER.add_special_tokens(i)[0] for i in TOKENIZER.encode(TEXTS[:30])]), KeyedRandom(0)
    )
    return teacher, guide, student, task, batch


def test_each_loss_alone():
    teacher, guide, student, task, batch = setting(soft=1.0, hard=0.0, cosine=0.0, temperature=3.0)
    place = batch.extra["target_position"]
    said = task.head(states_at(student(batch), batch, place), student.words_VD) / 3
    wanted = guide.head(states_at(teacher(batch), batch, place), teacher.words_VD) / 3
    divergence = (wanted.softmax(-1) * (wanted.log_softmax(-1) - said.log_softmax(-1))).sum() * 9
    assert task(student, batch).total.item() == pytest.approx(divergence.item(), rel=1e-4)
    _, _, student, task, batch = setting(soft=0.0, hard=1.0, cosine=0.0)
    plain = MaskedLMSpec().build(student, TOKENIZER)
    plain.head.load_state_dict(task.head.state_dict())
    assert task(student, batch).total.item() == pytest.approx(plain(student, batch).total.item(), rel=1e-5)
    teacher, _, student, task, batch = setting(soft=0.0, hard=0.0, cosine=1.0)
    alike = F.cosine_similarity(student(batch).last_BTD, teacher(batch).last_BTD, dim=-1)[student(batch).mask_BT]
    loss = task(student, batch)
    assert loss.mean().item() == pytest.approx(1 - alike.mean().item(), abs=1e-5)


def test_the_teacher_is_neither_trained_nor_stored():
    teacher, guide, student, task, batch = setting()
    task(student, batch).mean().backward()
    assert all(p.grad is None for p in [*teacher.parameters(), *guide.parameters()])
    assert set(task.state_dict()) == set(MaskedLMSpec().build(student, TOKENIZER).state_dict())


def test_a_student_comes_closer_to_its_teacher():
    _, _, student, task, batch = setting()
    optimizer = torch.optim.AdamW([*student.parameters(), *task.parameters()], 1e-2)
    first = task(student, batch)
    for _ in range(60):
        loss = task(student, batch)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    last = task(student, batch)
    assert last.mean().item() < 0.8 * first.mean().item()
    assert last.parts["cosine"] > first.parts["cosine"] + 0.1


def test_bert_with_next_sentences_is_a_teacher():
    teacher, guide = build(TEACHER, MaskedNextSentenceSpec())
    student, task = build(dataclasses.replace(TEACHER, depth=1), DistilSpec())
    task.learn_from(teacher, guide, TOKENIZER)
    batch = task.corrupt(
        make_batch([TOKENIZER.add_special_tokens(i)[0] for i in TOKENIZER.encode(TEXTS[:30])]), KeyedRandom(0)
    )
    assert "agreement" in task(student, batch).parts


def test_a_teacher_must_predict_tokens():
    _, _, student, task, _ = setting()
    with pytest.raises(HeadstartError, match="masked language model as its teacher"):
        task.learn_from(student, None, TOKENIZER)
