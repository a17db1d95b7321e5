"""A resumed run takes a budget of the other kind: steps after minutes, minutes after steps; its text may have moved."""

from __future__ import annotations

import pytest

import headstart as hs
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json

TEXT = "".join(f"the film w{a} was w{b} and w{a * b % 9} .\n" for a in range(12) for b in range(12))
SMALL = ["backbone.width=16", "backbone.depth=1", "backbone.heads=2", "batches.tokens=256"]


def test_minutes_after_steps_and_steps_after_minutes(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    run = {"out": tmp_path / "run", "objective": "mlm", "settings": SMALL}
    assert hs.pretrain([str(path)], **run, steps=3).steps == 3
    longer = hs.pretrain([str(path)], **run, minutes=0.02, resume=True)
    assert longer.steps > 3
    assert hs.pretrain([str(path)], **run, steps=longer.steps + 2, resume=True).steps == longer.steps + 2
    assert read_json(tmp_path / "run" / "run.json")["status"] == "finished"


def test_a_text_that_has_moved_is_read_where_it_is_now(tmp_path, capsys):
    (tmp_path / "old").mkdir()
    path, moved = tmp_path / "old" / "text.txt", tmp_path / "new.txt"
    path.write_text(TEXT, encoding="utf-8")
    run = {"out": tmp_path / "run", "objective": "mlm", "settings": SMALL}
    hs.pretrain([str(path)], **run, steps=3)
    path.rename(moved)
    (tmp_path / "other.txt").write_text(TEXT.replace("film", "book"))
    with pytest.raises(
        HeadstartError, match=r"was started with this text, which is gone, and .*other\.txt holds another"
    ):
        hs.pretrain([str(tmp_path / "other.txt")], **run, steps=5, resume=True)
    assert hs.pretrain([str(moved)], **run, steps=5, resume=True).steps == 5
    assert "is read from" in capsys.readouterr().err
    assert read_json(tmp_path / "run" / "run.json")["spec"]["corpus"]["paths"] == [str(moved)]
    path.write_text(TEXT, encoding="utf-8")
    assert hs.pretrain([str(tmp_path / "other.txt")], **run, steps=6, resume=True).steps == 6
    assert "is not read" in capsys.readouterr().err
