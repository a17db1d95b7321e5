"""Lengths and writing systems."""

from __future__ import annotations

from headstart.auditing.profile import profile


def test_lengths_and_scripts():
    found = profile(["영화 좋다", "great film", "", "영화 film!", "123", "映画館"])
    assert found["rows"] == 6
    assert found["empty"] == 1
    assert found["characters"]["1"] == 10
    assert found["words"]["0.5"] == 1.5
    assert found["scripts"] == {"latin": 0.5909, "hangul": 0.2727, "han": 0.1364}
    assert found["row_scripts"] == {"none": 0.3333, "han": 0.1667, "hangul": 0.1667, "latin": 0.1667, "mixed": 0.1667}


def test_decomposed_hangul_and_accents_count():
    assert list(profile(["한글"])["scripts"]) == ["hangul"]
    assert profile(["Größe naïve"])["scripts"] == {"latin": 1.0}
    assert profile([])["characters"] == {}
