"""plan: a table of budgets, an advice and the command to give next; nothing is left behind."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from headstart.commands.plan import _Processes
from headstart.core.json_files import write_json
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.sizing.planning import Trial
from headstart.training.pace import Pace

PACE = Pace(step=0.1, units=2_000, unit="tokens", evaluation=0.5, saving=0.1, before=300, memory=500)


@pytest.fixture
def texts(tmp_path):
    """A file of 200 short texts."""
    source = random.Random(1)
    words = [f"word{number}" for number in range(60)]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(" ".join(source.choices(words, k=9)) for _ in range(200)), encoding="utf-8")
    return path


@pytest.fixture
def quick(monkeypatch):
    """Trials that take no time and say that the corpus is large."""
    trial = Trial(PACE, preparing=20.0, documents=100_000, vocabulary=8_192, parameters=1_700_000, epoch=2_000_000)
    tries = SimpleNamespace(specs=[])
    monkeypatch.setattr(
        "headstart.commands.plan._Processes.tried", lambda self, spec: tries.specs.append(spec) or trial
    )
    return tries


def test_real_trials_end_in_a_table(program, texts, tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.sizing.planning.FAMILIES", {"text": ("halves",)})
    monkeypatch.setattr("headstart.sizing.planning.LADDER", (2.0,))
    before = set(tmp_path.iterdir())
    found = program("plan", texts, "--minutes", 2)
    assert found.code == 0, found.err
    header, row, _, advice, following = found.out.splitlines()
    assert header.split("  ")[0] == "in min"
    assert row.split()[:2] == ["2", "halves"]
    assert 200 < int(row.split()[8].replace(",", "")) < 3_000  # MB
    assert advice.startswith("in 2 min: do not pre-train; 200 texts, and it was never worth it on fewer than ")
    assert following.startswith("next: headstart compare none --data LABELLED_FILE")
    assert set(tmp_path.iterdir()) == before


def test_the_advice_names_the_command(program, texts, quick):
    found = program("plan", texts, "--minutes", 10, "--column", "text")
    assert found.code == 0, found.err
    assert [line.split()[0] for line in found.out.splitlines()[1:6]] == ["2", "10", "10", "30", "120"]
    assert "in 10 min: halves; gained " in found.out
    assert f"next: headstart pretrain {texts} --out RUN --minutes 10 --column text" in found.out
    assert {spec.objective.name for spec in quick.specs} == {"halves", "mlm"}


def test_tasks_on_which_it_never_paid(program, texts, quick):
    found = program("plan", texts, "--task", "tag", "--minutes", 5)
    assert found.code == 0
    assert "in 5 min: do not pre-train; it gained on none of the sets that were measured" in found.out


def test_a_korean_reader_reads_korean(program, texts, quick):
    found = program("plan", texts, "--language", "ko")
    assert "다른 곳에서 나아진 정도" in found.out
    assert "10분: halves. 사전 학습 없는 가장 나은 행보다 " in found.out


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--minutes", 0), "--minutes 0: must be larger than 0"),
        (("--labels", -3), "--labels -3"),
        (("--task", "clasify"), "did you mean 'classify'?"),
        (("--base", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_planned_is_one_line(program, texts, asked, told):
    assert "write it to a file" in program("plan", "-").complaint
    found = program("plan", texts, *asked)
    assert found.code == 2
    assert told in found.complaint
    assert len(found.complaint.splitlines()) == 1


def test_a_long_text_is_planned_from_its_beginning(tmp_path, monkeypatch):
    from headstart.commands.plan import _sampled

    path = tmp_path / "long.txt"
    path.write_text("".join(f"text number {number} of many\n" for number in range(3_000)))
    monkeypatch.setattr("headstart.commands.plan._SAMPLE", 20_000)
    sample = _sampled({"paths": [str(path)], "column": None, "unit": "line"}, tmp_path)
    lines = (tmp_path / "sample.jsonl").read_text().splitlines()
    assert 300 < len(lines) < 1_000
    assert sample.larger == pytest.approx(3_000 / len(lines), rel=0.5)
    assert "about" in sample.notes[0]


def test_a_second_network_on_the_same_text_counts_the_whole_preparation(texts, tmp_path, monkeypatch):
    took = iter([12.0, 0.5])

    def carried_out(command, **_):
        asked = json.loads(Path(command[command.index("plan") + 1]).read_text())
        trial = Trial(PACE, preparing=next(took), documents=200, vocabulary=100, parameters=10, epoch=1_000)
        write_json(Path(asked["out"]), dataclasses.asdict(trial))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("headstart.commands.plan.subprocess.run", carried_out)
    facts = Facts({"paths": [str(texts)], "unit": "line"}, 120.0, None)
    small = choose_recipe("mlm", facts)[0].resolve(facts)
    processes = _Processes(tmp_path, 2.0, end=time.monotonic() + 60)
    assert processes.tried(small).preparing == 24.0
    assert processes.tried(small.override(["backbone.depth=3"])).preparing == 24.0
