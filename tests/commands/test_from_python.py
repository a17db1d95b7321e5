"""The verbs from Python: what is in memory, settings by name, folders of their own, results that hold data."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import headstart as hs
from headstart.commands.app import VERBS

TEXTS = [f"{('good film', 'bad soup')[row % 2]} number {row}" for row in range(60)]
LABELS = ["pos" if row % 2 == 0 else "neg" for row in range(60)]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_from_rows_to_answers_without_a_file(place, capsys):
    made = hs.transfer(data=(TEXTS, LABELS), route="tfidf_logreg", settings={"tfidf_logreg.default": 100})
    assert made.folder.name == "headstart-transfer-1"
    assert "transfer: everything goes to headstart-transfer-1" in capsys.readouterr().err
    found = hs.predict(made, ["good film", "bad soup"])
    assert found.labels == ["pos", "neg"]
    assert found.classes == ("neg", "pos")
    np.testing.assert_allclose(found.probabilities.sum(1), 1)
    frame = found.to_frame()
    assert list(frame["label"]) == ["pos", "neg"]
    assert frame["p(pos)"][0] > 0.5 > frame["p(pos)"][1]
    assert capsys.readouterr().out == ""  # answers are in the result, not on the screen
    scored = hs.evaluate(made, [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS)])
    assert scored.to_frame().set_index("metric").loc["accuracy", "value"] == 1.0
    assert repr(scored).startswith("<headstart Evaluated: accuracy: 1.0000")
    assert "<table" in scored._repr_html_()
    assert "pos" in found._repr_html_()
    assert repr(made) == f"<headstart Transferred: headstart-transfer-1, trained in {made.seconds:.1f} s>"


def test_a_run_stands_for_its_folder(place):
    run = hs.pretrain(TEXTS * 3, steps=10, objective="halves", settings={"backbone.width": 16})
    assert run.folder.name == "headstart-pretrain-1"
    frame = run.to_frame()
    assert list(frame["step"]) == list(range(1, 11))
    page = run._repr_html_()
    assert "<svg" in page
    assert "Loss while training" in page or "학습 중 손실" in page
    vectors = hs.embed(run, TEXTS[:2])
    assert np.asarray(vectors).shape == vectors.shape == (2, 16)
    assert vectors.out is None
    compared = hs.compare(
        run, data={"review": TEXTS, "stars": LABELS}, text="review", label="stars", minutes=0.05, labels="8"
    )
    assert compared.folder.name == "headstart-compare-1"
    if (compared.folder / "winner").exists():
        assert len(hs.predict(compared, TEXTS[:3]).labels) == 3
    assert (
        hs.compare(data=(TEXTS, LABELS), routes="tfidf_nb", labels="8", minutes=0.1).folder.name
        == "headstart-compare-2"
    )


def test_help_tells_every_parameter():
    for verb in VERBS:
        name = {"next": "next_rows"}.get(verb, verb)
        if name not in hs.__all__:
            continue
        function = getattr(hs, name)
        told = inspect.getdoc(function)
        for parameter in inspect.signature(function).parameters:
            assert f"\n{parameter} : " in told, (verb, parameter)
        assert "Annotated" not in str(inspect.signature(function)), verb
        assert "cyclopts" not in str(inspect.signature(function)), verb


def test_mistakes_are_one_line():
    with pytest.raises(
        hs.HeadstartError, match=r"compare: missing a required .*'data'; help\(headstart.compare\) shows"
    ):
        hs.compare()
    with pytest.raises(hs.HeadstartError, match="transfer: data: the columns have different numbers of rows"):
        hs.transfer(data=(TEXTS, LABELS[:3]))
    with pytest.raises(hs.HeadstartError, match="got an unexpected keyword argument 'epochs'"):
        hs.pretrain(TEXTS, epochs=3)


def test_an_audit_is_shown_in_a_few_lines():
    found = hs.audit(["a text", "another text", "a text", "the fourth of them"] * 5)
    assert repr(found).startswith("<headstart Audited: ")
    assert len(repr(found).splitlines()) <= 3
    assert "<table" in found._repr_html_()
    assert list(found.to_frame().columns) == ["finding"]
