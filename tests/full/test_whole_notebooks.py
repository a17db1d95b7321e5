"""The notebooks as they are: from the first cell to the last without an error, in less than 3 minutes each (bar G3)."""

from __future__ import annotations

import time
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")
def test_it_runs_as_it_is(path, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    made, begun = nbformat.read(path, as_version=4), time.monotonic()
    nbclient.NotebookClient(made, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    print(f"{path.stem}: {time.monotonic() - begun:.0f} s")
    assert time.monotonic() - begun < 180
    told = "".join(str(out) for cell in made.cells if cell.cell_type == "code" for out in cell.outputs)
    assert "<svg" in told
    assert "worth it" in told or "worth" in told
    (tmp_path / f"{path.stem}.ipynb").write_text(nbformat.writes(made))
