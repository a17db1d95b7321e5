"""Lines of progress: plain text outside of notebooks, a bar in them (tests/docs/test_notebooks.py runs one)."""

from __future__ import annotations

import subprocess
import sys

from headstart.commands.reading import say
from headstart.core.progress_line import ProgressLine, in_notebook, shown_in_notebook


def test_a_line_is_its_text_and_knows_its_share():
    line = ProgressLine("cell 3 of 4", 0.75)
    assert line == "cell 3 of 4"
    assert line.share == 0.75
    assert ProgressLine("late", 1.2).share == 1.0


def test_outside_of_a_notebook_it_is_printed(capsys):
    assert not in_notebook()
    assert not shown_in_notebook(ProgressLine("half", 0.5))
    say(ProgressLine("half", 0.5))
    assert capsys.readouterr().err == "half\n"


def test_asking_imports_nothing():
    code = "import sys, headstart.core.progress_line as p; print(p.in_notebook(), 'IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
