"""The pictures of the demo for real: pre-trained, compared, answered, in about the time that was planned."""

from __future__ import annotations

import time

from headstart.commands import demo


def test_the_pictures_are_pretrained_and_compared(tmp_path):
    begun = time.monotonic()
    seen = demo._pictures(tmp_path, 5.0, "en")
    assert seen.exit_code == 0
    assert "hog_svm" in seen.table
    assert (tmp_path / "digits" / "report" / "report.html").is_file()
    assert time.monotonic() - begun < 90
