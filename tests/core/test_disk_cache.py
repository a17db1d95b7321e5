"""The cache on disk: what was added is read, damage is found and said, the least used goes, it can be switched off."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from headstart.core.disk_cache import DiskCache, without_cache

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_what_was_added_is_read_by_its_key(tmp_path):
    cache = DiskCache(tmp_path / "cache")
    assert cache.read(["x", 1]) == []
    cache.add(["x", 1], {"한글": "\ud800"}, ARRAYS)
    cache.add(["x", 1], {"n": 2}, {"a": np.zeros(3, np.uint8)})
    cache.add(["x", 1], {"n": 2}, {"a": np.zeros(3, np.uint8)})  # the same again is the same file
    found = {tuple(data): arrays["a"] for data, arrays in cache.read(["x", 1])}
    assert set(found) == {("한글",), ("n",)}
    assert np.array_equal(found["한글",], ARRAYS["a"])
    assert cache.read(["x", 2]) == []


def test_two_caches_beside_each_other_and_what_is_known_is_not_read_again(tmp_path):
    mine, ours = DiskCache(tmp_path / "mine"), DiskCache(tmp_path / "ours")
    mine.add(["x"], {"n": 1}, ARRAYS)
    both = DiskCache(ours.folder, beside=mine)
    known: set[str] = set()
    assert [data for data, _ in both.read(["x"], known)] == [{"n": 1}]
    assert both.read(["x"], known) == []
    both.add(["x"], {"n": 2}, ARRAYS)
    assert len(mine.read(["x"])) == 2
    assert [data for data, _ in ours.read(["x"])] == [{"n": 2}] == [data for data, _ in both.read(["x"], known)]


@pytest.mark.parametrize("how", ["flipped", "short", "empty", "emptied of arrays"])
def test_a_damaged_file_is_said_and_never_used(tmp_path, how):
    said = []
    cache = DiskCache(tmp_path, tell=said.append)
    cache.add(["x"], {}, ARRAYS)
    (path,) = tmp_path.glob("*/*.cache")
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[-1] ^= 1
    path.write_bytes({"short": content[:-4], "empty": b"", "emptied of arrays": b"{}\n"}.get(how, bytes(content)))
    assert cache.read(["x"]) == []
    assert "damaged" in said[0]
    assert not path.exists()
    cache.add(["x"], {}, ARRAYS)
    assert len(cache.read(["x"])) == len(said) == 1


def test_the_least_recently_used_goes(tmp_path):
    cache = DiskCache(tmp_path, limit=9_000)
    for number in range(2):
        cache.add([number], {}, {"a": np.full(1_000, number, np.float32)})
        for path in tmp_path.glob("*/*.cache"):
            os.utime(path, (number + 1, number + 1)) if path.stat().st_mtime > 9 else None
    assert cache.read([0])  # used now, so that 1 is the least recently used
    cache.add([2], {}, {"a": np.full(1_000, 2, np.float32)})
    assert [bool(cache.read([number])) for number in range(3)] == [True, False, True]
    cache.add([3], {}, {"a": np.zeros(9_000, np.float32)})  # larger than all of it: not kept, and nothing goes for it
    assert [bool(cache.read([number])) for number in range(4)] == [True, False, True, False]


def test_where_it_is_and_how_it_is_switched_off(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "own"))
    assert DiskCache.of_user().folder == tmp_path / "own"
    with without_cache():
        assert DiskCache.of_user() is None
    monkeypatch.setenv("HEADSTART_CACHE", "off")
    assert DiskCache.of_user() is None
    monkeypatch.delenv("HEADSTART_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert DiskCache.of_user().folder == tmp_path / "xdg" / "headstart"


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file" / "cache")
    cache.add(["x"], {}, ARRAYS)
    assert cache.read(["x"]) == []


def test_two_processes_at_once(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from headstart.core.disk_cache import DiskCache\n"
        "cache = DiskCache(Path(sys.argv[1]), limit=60_000, tell=lambda line: sys.exit(line))\n"
        "for n in range(40):\n"
        "    cache.add([n % 7], {'n': n}, {'a': np.full(1_000, n, np.float32)})\n"
        "    for data, arrays in cache.read([n % 7]): assert (arrays['a'] == data['n']).all()\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.cache")) <= 60_000 + 5_000
