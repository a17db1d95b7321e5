"""Random mutations of the JSON files of artefacts, whose manifests then list them, and every way to load the artefacts.

What is left is what stands in the files: a load must end as if the file were a sound one or with one line, never with
an internal fault, a traceback, the end of the process, a wait, or with code that runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import damages

from headstart.commands.app import main
from headstart.core.errors import HeadstartError, one_line
from headstart.core.manifest import MANIFEST

LONGEST, PATIENCE = 5.0, 20.0  # seconds of processor time that count as a hang; after which a load is ended
_ROOM = 12 << 30  # bytes of address space beside what the process has
_FORBIDDEN = ("os.system", "pickle.find_class", "socket.connect", "socket.getaddrinfo", "marshal.loads")
_ODD = (None, True, False, 0, -1, 1, 10**12, -(10**12), 2**63, 10**40, 0.5, -0.5, 1e308, "", "x", "\ud800", "\0",
        "../../x", [], {}, [None], {"name": None}, [[[]]], "1", "__class__", [1, 2, 3])  # fmt: skip
_RAW = ("NaN", "Infinity", "-Infinity", "1" * 5_000, "1" * 1_000, "1e999", "[" * 3_000 + "]" * 3_000,
        '{"a":' * 600 + "1" + "}" * 600, "-0.0", '"' + "x" * 100_000 + '"')  # fmt: skip
_HOLE = "@@hole@@"


@dataclass(frozen=True)
class Mutation:
    """file: relative to the artefact; what: words for a report; data: what the file holds then."""

    file: str
    what: str
    data: bytes


def json_files(folder: Path) -> list[str]:
    """Return the JSON files of an artefact that are its content."""
    found = [path for pattern in ("*.json", "cells.jsonl") for path in folder.rglob(pattern)]
    return sorted(str(path.relative_to(folder)) for path in found if path.name != MANIFEST)


def mutation(folder: Path, source: random.Random) -> Mutation:
    """Return a random mutation of a random JSON file of the artefact."""
    file = source.choice(json_files(folder))
    data = (folder / file).read_bytes()
    if file.endswith(".jsonl"):
        lines = data.splitlines()
        place = source.randrange(len(lines))
        what, lines[place] = _mutated(lines[place], source)
        return Mutation(file, what, b"\n".join(lines) + b"\n")
    return Mutation(file, *_mutated(data, source))


def _mutated(data: bytes, source: random.Random) -> tuple[str, bytes]:
    kind = source.choice(("value", "value", "value", "raw", "delete", "unknown", "bytes", "retype", "sign", "double"))
    if kind == "bytes":
        return _damaged_bytes(data, source)
    value = json.loads(data)
    places = list(_places(value))
    holder, key = source.choice(places) if places else ([value], 0)
    name = "" if not places else str(key)
    if kind == "delete":
        del holder[key]
        return f"delete {name}", json.dumps(value, ensure_ascii=False).encode()
    if kind == "unknown":
        if isinstance(holder, dict):
            holder[source.choice(("x", "__class__", "train", "format_2", ""))] = source.choice(_ODD)
            return f"a key beside {name}", json.dumps(value).encode()
        kind = "double"
    if kind == "double":
        if isinstance(holder, list):
            holder += holder[:1] * source.choice((1, 1_000))
            return f"more of {name}", json.dumps(value).encode()
        kind = "value"
    if kind == "retype":
        holder[key] = _retyped(holder[key])
        return f"{name} = {holder[key]!r:.40}", json.dumps(value).encode()
    if kind == "sign" and type(holder[key]) in (int, float):
        holder[key] = source.choice((-holder[key], -holder[key] - 1, holder[key] * 10**9, holder[key] + 1))
        return f"{name} = {holder[key]!r:.40}", json.dumps(value).encode()
    if kind == "raw":
        raw = source.choice(_RAW)
        holder[key] = _HOLE
        return f"{name} = {raw[:20]}", json.dumps(value).replace(f'"{_HOLE}"', raw).encode()
    holder[key] = source.choice(_ODD)
    return f"{name} = {holder[key]!r:.40}", json.dumps(value).encode()


def _retyped(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return {str(number): one for number, one in enumerate(value)}
    return [value] if value is None else list(value)


def _damaged_bytes(data: bytes, source: random.Random) -> tuple[str, bytes]:
    changed, place = bytearray(data), source.randrange(len(data))
    how = source.choice(("flip", "cut", "utf16", "bom", "nul", "empty", "latin", "twice"))
    if how == "flip":
        changed[place] ^= 1 << source.randrange(8)
    elif how == "cut":
        del changed[place:]
    elif how == "utf16":
        changed = data.decode().encode("utf-16")
    elif how == "bom":
        changed = b"\xef\xbb\xbf" + data
    elif how == "nul":
        changed[place:place] = b"\0\0"
    elif how == "latin":
        changed[place:place] = b"\xe9"
    elif how == "twice":
        changed = data + data
    else:
        changed = b""
    return f"bytes: {how} at {place}", bytes(changed)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of everything inside; of long lists the first items."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items)[:40]:
        yield value, key
        yield from _places(inner)


def reseal(folder: Path) -> None:
    """Let every manifest list what its files hold now, the innermost first."""
    for path in sorted(folder.rglob(MANIFEST), key=lambda one: -len(one.parts)):
        found = json.loads(path.read_text())
        for name in list(found["files"]):
            file = path.parent / name
            if file.is_file():
                data = file.read_bytes()
                found["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        path.write_text(json.dumps(found))


@dataclass(frozen=True)
class Ended:
    """How a load ended. status: of the process, negative: by a signal; said: what it printed; seconds: of processor."""

    status: int
    said: str
    seconds: float
    ran: str

    def fault(self) -> str | None:
        """Return what is wrong with it, or None: it went well, or one line says why it did not."""
        if self.ran:
            return f"ran {self.ran}"
        if self.seconds > LONGEST:
            return f"took {self.seconds:.1f} s"
        if self.status < 0 or self.status not in (0, 1, 2):
            return f"ended by {self.status}"
        if "Traceback" in self.said or "internal fault" in self.said:
            return self.said[-300:]
        lines = [line for line in self.said.splitlines() if line.startswith("headstart:")]
        if self.status and len(lines) != 1:
            return f"{len(lines)} lines: {self.said[-300:]}"
        if self.status and "out of memory" in lines[0]:
            return lines[0]
        return None


def load(call: Callable[[], Any], work: Path) -> Ended:
    """Return how `call` ends in a process of its own; it is killed after `PATIENCE` seconds."""
    said, ran = work / "said.txt", work / "ran.txt"
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if pid == 0:
        _child(call, said, ran, work)
    end, status = time.monotonic() + 3 * PATIENCE, None
    while status is None:
        done, found = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(found)
        elif time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            end = float("inf")
        else:
            time.sleep(0.005)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime
    told = said.read_text(errors="replace") if said.is_file() else ""
    return Ended(status, told, seconds, ran.read_text() if ran.is_file() else "")


def load_here(call: Callable[[], Any]) -> Ended:
    """Return how `call` ends in this process, which takes little time, and tells nothing of what only a child can."""
    begun, said, status = time.process_time(), "", 0

    def late(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        call()
    except HeadstartError as error:
        said, status = f"headstart: {one_line(str(error))}\n", 2
    except BaseException as error:
        said, status = f"Traceback of {type(error).__name__}: {error}"[:1_000], 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return Ended(status, said, time.process_time() - begun, "")


def _child(call: Callable[[], Any], said: Path, ran: Path, work: Path) -> None:
    code = 70
    try:
        with open(said, "wb", 0) as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_CPU, (int(PATIENCE), int(PATIENCE) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (_room(), _room()))

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            inside = event == "exec" and str(work) in str(arguments[0].co_filename)
            if event in _FORBIDDEN or inside:
                ran.write_text(f"{event} {str(arguments)[:80]}")

        sys.addaudithook(watch)
        try:
            call()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        except HeadstartError as error:  # of what is no verb
            print(f"headstart: {one_line(str(error))}")
            code = 2
        except BaseException as error:
            print(f"Traceback of {type(error).__name__}: {error}"[:1_000].encode("ascii", "replace").decode())
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _room() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE") + _ROOM


def copied(folder: Path, into: Path) -> Path:
    """Return a copy of an artefact whose files may be changed one by one: those that stay are links."""

    def link(source: str, target: str) -> None:
        if source.endswith((".json", ".jsonl", ".py")):
            shutil.copy(source, target)
        else:
            os.link(source, target)

    return Path(shutil.copytree(folder, into / folder.name, copy_function=link))


def mutate(folder: Path, change: Mutation) -> None:
    """Put the mutation into a copy, and let its manifests list it."""
    (folder / change.file).write_bytes(change.data)
    reseal(folder)


def calls(
    artefact: damages.Artefact, folder: Path, out: Path, verbs: bool = True
) -> list[tuple[str, Callable[[], Any]]]:
    """Return the ways to load the copy of an artefact in `folder`, by name: its verbs, or from Python.

    out: what a command writes. verbs: whether there is time for them.
    """
    places = {"home": artefact.folder.parent, "out": out}
    found: list[tuple[str, Callable[[], Any]]] = [("open", partial(artefact.opened, folder))]
    if not verbs or not artefact.verbs:
        return found
    found = []
    lines = [line.format(folder, **places).split() for line in artefact.verbs]
    return found + [(line[0], partial(main, line)) for line in lines]


@dataclass
class Tally:
    """What became of loads: faults told, how many said something, how many went well, the longest in seconds."""

    loads: int = 0
    refused: int = 0
    longest: float = 0.0
    faults: list[str] = field(default_factory=list)


def warmed(artefacts: Sequence[damages.Artefact], work: Path) -> None:
    """Load every artefact once in this process by all of its verbs, so that no child imports what they need."""
    for artefact in artefacts:
        for way in range(len(artefact.verbs)):
            home = work / "warm"
            (home / "out").mkdir(parents=True)
            call = calls(artefact, copied(artefact.folder, home), home / "out")[way][1]
            quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
            with quiet[0], quiet[1], contextlib.suppress(SystemExit):
                call()
            shutil.rmtree(home)


def fuzzed(artefacts: Sequence[damages.Artefact], count: int, seed: int, work: Path, verbs: bool = True) -> Tally:
    """Return what became of `count` mutations, artefacts in turn, each loaded by one way, all ways in turn.

    verbs: each load is that of a verb, in a process of its own.
    """
    source, tally, turns = random.Random(seed), Tally(), {one.name: 0 for one in artefacts}
    for number in range(count):
        artefact = artefacts[number % len(artefacts)]
        change = mutation(artefact.folder, source)
        home = work / str(number)
        (home / "out").mkdir(parents=True)
        folder = copied(artefact.folder, home)
        mutate(folder, change)
        ways = calls(artefact, folder, home / "out", verbs)
        name, call = ways[turns[artefact.name] % len(ways)]
        turns[artefact.name] += 1
        ended = load(call, home) if verbs else load_here(call)
        tally.loads, tally.refused = tally.loads + 1, tally.refused + (ended.status == 2)
        tally.longest = max(tally.longest, ended.seconds)
        if (fault := ended.fault()) is not None:
            tally.faults.append(f"{artefact.name}/{change.file} ({change.what!r}) by {name}: {fault}")
        shutil.rmtree(home, ignore_errors=True)
    return tally
