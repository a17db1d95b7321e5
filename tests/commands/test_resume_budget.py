"""A resumed run takes a budget of the other kind: steps after minutes, minutes after steps."""

from __future__ import annotations

import headstart as hs
from headstart.core.files import read_json

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
