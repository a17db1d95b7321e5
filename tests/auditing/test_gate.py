"""The gate: an audit is run once for the same rows, kept, cut short where time is short, and told in both languages."""

from __future__ import annotations

import io
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from headstart.auditing import audit as auditing
from headstart.auditing import gate
from headstart.auditing.gate import GateResult, GateSettings, audit_gate, left_out
from headstart.core.examples import Examples, ImageRef
from headstart.core.time_limit import OutOfTime
from headstart.images.decode import decode
from headstart.reporting.audit_text import audit_sentences, gate_facts


def rows(count: int, offset: int = 0) -> Examples:
    texts = [f"a row of number {(number + offset) * 7919} and no other" for number in range(count)]
    return Examples(items=texts, labels=np.arange(count) % 2, classes=("even", "odd"))


@pytest.fixture
def run(tmp_path):
    said = []

    def call(corpora=None, seconds=60.0, **changes) -> GateResult:
        settings = GateSettings(**{"seed": 0, "folder": tmp_path, "seconds": seconds} | changes)
        told = {"ledger": {"training": {"read": 40}}, "say": said.append}
        return audit_gate(rows(40), rows(30, 100), corpora or {}, settings, **told)

    call.said = said
    return call


def test_an_audit_is_kept_for_the_same_rows_and_made_again_for_others(run, monkeypatch):
    first = run({"lost": None})
    assert first.outcome == "audited"
    assert 20 < first.slices["clean"].sum() <= 30
    assert first.unseen == ("lost",)
    with monkeypatch.context() as patch:
        patch.setattr(auditing, "run_audit", lambda *a, **k: pytest.fail("audited again"))
        kept = run({"lost": None})
    assert gate_facts(kept) == gate_facts(first)
    assert np.array_equal(kept.slices["clean"], first.slices["clean"])
    assert run.said[-1] == "audit: the data are the same as before, it is kept"
    assert run({"lost": None}, seed=1).data["seed"] == 1
    assert run().unseen == ()


def test_what_is_told(run):
    facts = gate_facts(run({"lost": None, "gone": None}))
    assert list(facts) == ["identity", "sentences", "data"]
    assert facts["sentences"]["en"][:-1] == audit_sentences(facts["data"], "en")
    assert facts["sentences"]["en"][-1].startswith("The texts that lost, gone saw in pre-training are gone")
    assert facts["sentences"]["ko"][-1].endswith("lost, gone.")
    assert gate_facts(left_out("waive")) == {"waived": True}
    assert gate_facts(left_out("skip")) == {"skipped": "as asked"}


def test_documents_are_cut_in_turns_and_such_an_audit_is_not_kept(run, tmp_path, monkeypatch):
    clock = itertools.count(step=25.0)
    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    endless = [
        SimpleNamespace(paths=[__file__], documents=lambda: (f"document {n}" for n in itertools.count())) for _ in "ab"
    ]
    found = run(dict(zip("ab", endless)))  # 30 of 60 seconds are for the documents, and every look takes 25
    assert found.documents == 2 * 2 * 1024
    assert "unlabelled texts only the first 4,096 were held" in gate_facts(found)["sentences"]["en"][-1]
    assert not (tmp_path / "audit.json").exists()


def test_an_audit_that_does_not_end_is_left_out(run, monkeypatch):
    def endless(*_args, **_named):
        raise OutOfTime

    monkeypatch.setattr(auditing, "run_audit", endless)
    facts = gate_facts(run(seconds=7.0))
    assert facts["skipped"] == "The audit was given up: it did not end within 7 s, half of the time."
    assert set(facts["sentences"]) == {"en", "ko"}


def test_a_damaged_file_counts_as_none(run, tmp_path):
    first = run()
    (tmp_path / "audit.json").write_text("{")
    assert run().identity == first.identity


def test_near_copies_of_images_are_checked_by_the_vectors_of_a_base(tmp_path):
    random = np.random.default_rng(0)

    def picture(pixels) -> ImageRef:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return ImageRef.from_bytes(file.getvalue())

    drawn = [np.kron(random.integers(0, 256, (6, 6), np.uint8), np.ones((8, 8), np.uint8)) for _ in range(60)]
    train = Examples(items=[picture(one) for one in drawn[:40]], labels=np.arange(40) % 2, classes=("a", "b"))
    asked = [picture(np.clip(drawn[0].astype(int) + 9, 0, 255).astype(np.uint8)), *map(picture, drawn[40:])]
    test = Examples(items=asked, labels=np.arange(21) % 2, classes=("a", "b"))
    read = []

    def embed(items) -> np.ndarray:
        read.append(len(items))
        return np.stack([decode(item).pixels.reshape(-1)[::64].astype(np.float32) for item in items])

    def gate_with(base) -> GateResult:
        settings = GateSettings(seed=0, folder=tmp_path, seconds=60.0, base=base)
        return audit_gate(train, test, {}, settings, ledger={}, say=lambda line: None)

    assert "near_by_vectors" not in gate_with(None).data
    found = gate_with(("one", embed))
    assert found.data["near_by_vectors"] == {"pairs": 1, "agree": 1}
    assert read == [42]  # the drawn ones and the pair, not every row for its label
    gate_with(("one", embed))
    assert len(read) == 1  # kept
    gate_with(("other", embed))
    assert len(read) == 2
