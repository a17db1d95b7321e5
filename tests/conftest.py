"""What every test gets: one thread, no network, the shared data folder where there is one."""

from __future__ import annotations

import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["LC_ALL"] = "C.UTF-8"  # messages are English, whatever the language of the machine
os.environ.pop("HEADSTART_LANGUAGE", None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
# No example fails for being slow once: what must be quick has a test that says how quick.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
_DATA = Path(os.environ.get("HEADSTART_DATA") or Path(__file__).resolve().parents[1] / "../shared/data")
_MEMORY, _ROOM = Path("/dev/shm"), 1 << 30


def pytest_configure() -> None:
    """Keep in memory, where there is room, what tests write: a disk synchronises each file, which takes minutes."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--full`: tests marked `full`, and the whole number of repetitions of simulations."""
    parser.addoption("--full", action="store_true", help="run the tests that make test leaves out for their time")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how to have the same order of tests again: the plugin says it where -q hides it."""
    seed = terminalreporter.config.getoption("randomly_seed", None)
    terminalreporter.write_line(f"order of the tests: --randomly-seed={seed}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `full`, unless `--full` is given or a test is named with its parameters."""
    if config.getoption("--full") or any("::" in name for name in config.args):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture
def repetitions(request: pytest.FixtureRequest) -> Callable[[Any, Any], Any]:
    """`repetitions(short, whole)` returns how often, or with what, a test is repeated: `whole` with `--full`."""
    return lambda short, whole: whole if request.config.getoption("--full") else short


@pytest.fixture
def shared_data() -> Path:
    """The folder of public data sets; without it the test is skipped (a smaller built-in one still runs)."""
    if not (_DATA / "index.json").is_file():
        pytest.skip("no shared data")
    return _DATA.resolve()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no test read or write the cache of the user or of another test."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-{uuid.uuid4().hex}"))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any connection beyond this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(
            ("127.", "::1", "localhost")
        ):
            raise AssertionError(f"a test reached for the network: {address}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


def _waited() -> float:
    """Return the seconds for which this thread has waited for a processor, as far as the system says (Linux)."""
    told = Path("/proc/thread-self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.is_file() else 0.0


@pytest.fixture
def in_time() -> Callable[[float, Callable[[int], Any]], Any]:
    """`in_time(seconds, work)` returns `work(n)` of the first n = 0, 1, 2 that took at most `seconds`, else fails.

    A busy machine may be late once; what does not keep to its time is late every time. Seconds in which the thread was
    ready to run and others had the processor are not counted.
    """

    def run(seconds: float, work: Callable[[int], Any]) -> Any:
        taken = []
        for number in range(3):
            begun = time.monotonic() - _waited()
            made = work(number)
            taken.append(time.monotonic() - _waited() - begun)
            if taken[-1] <= seconds:
                return made
        pytest.fail(f"took {', '.join(f'{one:.2f}' for one in taken)} seconds, each time more than {seconds:.2f}")

    return run


@pytest.fixture(scope="module")
def few_strengths() -> Iterator[None]:
    """Leave linear models three strengths to choose from, where the choice is not what is tested: half of the time."""
    from headstart.fitting import linear

    with pytest.MonkeyPatch.context() as patch:
        few = {"logistic": (1.0, 10.0, 100.0), "svm": (0.03, 0.3, 3.0), "bayes": (0.01, 0.1, 1.0)}
        patch.setattr(linear, "GRIDS", few)
        yield


@pytest.fixture
def reviews() -> list[str]:
    """A small made-up corpus with topics, so that halves of a document have something in common."""
    topics = {
        "film": [
            "film",
            "actor",
            "scene",
            "story",
            "camera",
            "plot",
            "ending",
            "director",
            "영화",
            "배우",
            "연기",
            "감동",
            "결말",
        ],
        "food": [
            "bread",
            "soup",
            "taste",
            "kitchen",
            "salt",
            "dinner",
            "cook",
            "plate",
            "음식",
            "맛",
            "요리",
            "식당",
            "저녁",
        ],
        "game": [
            "level",
            "player",
            "score",
            "quest",
            "boss",
            "map",
            "weapon",
            "server",
            "게임",
            "점수",
            "보스",
            "무기",
            "지도",
        ],
        "road": [
            "train",
            "road",
            "ticket",
            "station",
            "bus",
            "wheel",
            "driver",
            "bridge",
            "기차",
            "도로",
            "버스",
            "역",
            "운전",
        ],
    }
    import random

    source = random.Random(5)
    names = list(topics)
    return [
        " ".join(
            source.choices(topics[names[i % 4]], k=source.randint(5, 12)) + source.choices(["the", "and", "정말"], k=3)
        )
        for i in range(600)
    ]
