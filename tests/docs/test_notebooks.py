"""A notebook runs from the first cell to the last, for less time than it plans, and shows tables and a curve."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
SHORT = "MINUTES = 0.04"  # tests/full runs all of them as they are


def run(path: Path, folder: Path) -> list:
    """Run a notebook in `folder` for less time than it plans, on fewer rows; return its cells of code."""
    made = nbformat.read(path, as_version=4)
    (cell,) = [one for one in made.cells if "parameters" in one.metadata.get("tags", [])]
    cell.source = SHORT
    for one in made.cells:
        one.source = one.source.replace("[:1400]", "[:300]")  # rows to learn from
        one.source = one.source.replace("minutes=2 * MINUTES", "minutes=0.15, draws=2")  # on a busy machine, too
    nbclient.NotebookClient(made, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    return [one for one in made.cells if one.cell_type == "code"]


def shown(cells: list) -> str:
    """Return the HTML and text that the results of the cells show."""
    data = [out.data for cell in cells for out in cell.outputs if "data" in out]
    return "\n".join(str(one.get("text/html", one.get("text/plain", ""))) for one in data)


@pytest.mark.filterwarnings("ignore")
def test_pictures_from_an_array_to_a_verdict(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    (path,) = [path for path in NOTEBOOKS if path.stem == "images"]
    cells = run(path, tmp_path)
    page = shown(cells)
    assert page.count("<table") >= 3
    assert "<svg" in page
    printed = [out for cell in cells for out in cell.outputs if out.output_type == "stream"]
    assert not any("[cell " in out.text or "% step" in out.text for out in printed)  # progress is a bar
    assert page.count("<progress") == 2  # of pretrain and compare
    assert not any(out.output_type == "error" for cell in cells for out in cell.outputs)
    assert {one.name.split("-")[1] for one in tmp_path.glob("headstart-*")} == {"pretrain", "compare", "transfer"}


def test_they_are_kept_without_output():
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
