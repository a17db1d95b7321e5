"""Run functions of `rank_jobs` on 1, 2 or 4 processes that talk by gloo: `in_ranks([(2, "curve", {...}), ...])`.

One process imports torch once and forks the ranks of every job, so that a job costs what it computes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Job = tuple[int, str, dict[str, Any]]
_HERE = Path(__file__).resolve().parent


def in_ranks(jobs: Sequence[Job], timeout: float = 300.0) -> list[list[Any]]:
    """Return for each job (world, function, arguments) what each rank returned; None of one that ended at once."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "jobs.json", Path(folder) / "answers.json"
        asked.write_text(json.dumps(list(jobs)), encoding="utf-8")
        paths = [str(_HERE), str(_HERE.parents[1] / "src"), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, str(asked), str(answered)]
        done = subprocess.run(command, env=environment, timeout=timeout, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(answered.read_text(encoding="utf-8"))


def _forked(world: int, function: str, arguments: dict[str, Any], folder: Path) -> list[Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(world):
        child = os.fork()
        if child == 0:
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_PORT": port}
            os.environ |= {name: str(value) for name, value in place.items()} | {"MASTER_ADDR": "127.0.0.1"}
            _work(function, arguments, folder / f"{rank}.json")
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert 1 not in codes, f"{function} failed with {world} processes"
    answers = [folder / f"{rank}.json" for rank in range(world)]
    found = [json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None for path in answers]
    for path in answers:
        path.unlink(missing_ok=True)
    return found


def _work(function: str, arguments: dict[str, Any], answer: Path) -> None:
    import rank_jobs

    try:
        found = rank_jobs.JOBS[function](**arguments)
        answer.write_text(json.dumps(found), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _main(asked: str, answered: str) -> None:
    import rank_jobs

    rank_jobs.warm_up()  # before the forks, so that they need not
    jobs = json.loads(Path(asked).read_text(encoding="utf-8"))
    found = [_forked(world, function, arguments, Path(asked).parent) for world, function, arguments in jobs]
    Path(answered).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
