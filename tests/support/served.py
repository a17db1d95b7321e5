"""Models that serve: requests of ever new texts leave nothing behind, and threads do not disturb each other."""

from __future__ import annotations

import gc
import resource
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch

Ask = Callable[[list[str]], Any]

_WORDS = ("film", "story", "actor", "music", "good", "bad", "fine", "영화", "정말", "배우")
_LEAF = (str, bytes, int, float, complex, bool, type(None), type)
_CODE = ("typing", "types", "_sitebuiltins")  # what such objects hold is set down lazily, and is no data


def request(number: int, rows: int = 3) -> list[str]:
    """Return the texts of a request, of which no other request holds one; some are longer than a network takes."""
    random = np.random.default_rng(number)
    texts = []
    for row in range(rows):
        own = [f"{''.join(random.choice(list('abcdefgh'), 5))}{number}x{row}" for _ in range(2)]
        texts.append(" ".join([*random.permutation([*_WORDS, *own]), *(["film"] * 80 if row == 2 else [])]))
    return texts


def sizes(*roots: object) -> Counter[str]:
    """Return how much the containers hold that can be reached from objects and from the modules of headstart.

    Elements of dictionaries, lists, sets and queues, bytes of arrays and tensors, results in `functools.cache`, each
    under the type that holds it and the name by which it does.
    """
    modules = [
        (name, vars(module))
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "headstart" and module is not None
    ]
    waiting = deque([*(("root", root) for root in roots), *modules])
    seen, found = {id(modules)}, Counter()
    while waiting:
        name, one = waiting.popleft()
        if id(one) in seen or isinstance(one, _LEAF):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray | torch.Tensor):
            found[name] += one.nbytes
        elif isinstance(one, Mapping | Set | list | tuple | deque | bytearray):
            found[name] += len(one)
        waiting.extend(_inside(name, one))
        if callable(one) and "cache_info" in dir(one):
            found[name] += one.cache_info().currsize
    return found


def _inside(name: str, one: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object holds; of modules, functions and other code nothing but closures of functions."""
    if isinstance(one, dict):
        yield from (
            (f"{name}[]" if not isinstance(key, str) or len(one) > 200 else f"{name}.{key}", value)
            for key, value in list(one.items())
        )
    elif isinstance(one, list | tuple | set | frozenset | deque):
        yield from ((f"{name}[]", value) for value in list(one))
    elif isinstance(one, type(sys) | type(gc.collect) | torch.Tensor | np.ndarray):
        return
    elif isinstance(one, type(request)):
        for cell in one.__closure__ or ():
            yield f"{name}()", cell.cell_contents if _filled(cell) else None
    elif type(one).__module__ not in _CODE:
        own = vars(one) if "__dict__" in dir(one) else {}
        yield from ((f"{type(one).__name__}.{key}", value) for key, value in list(own.items()))
        yield from ((type(one).__name__, held) for held in gc.get_referents(one) if held is not own)


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # nothing in it yet
        return False


def left_behind(ask: Ask, *roots: object, warm: int = 20, requests: int = 100) -> dict[str, int]:
    """Return by how much containers grew during requests, after a few that warm up; {}: nothing was left behind."""
    for number in range(warm):
        ask(request(number))
    gc.collect()
    before = sizes(*roots)
    for number in range(warm, warm + requests):
        ask(request(number))
    gc.collect()
    after = sizes(*roots)
    return {name: more for name in after if (more := after[name] - before[name]) > 0}


def mixed_up(ask: Ask, asked: Sequence[list[str]], threads: int = 2, rounds: int = 1) -> int:
    """Return how many requests got another answer in threads at once than one at a time."""
    alone = [ask(texts) for texts in asked]
    wrong: list[int] = []
    together = threading.Barrier(threads)

    def work(first: int) -> None:
        together.wait()
        for number in [*range(first, len(asked), threads)] * rounds:
            try:
                same = np.array_equal(np.asarray(ask(asked[number])), np.asarray(alone[number]))
            except Exception:  # a fault in a thread is an answer that is not there
                same = False
            if not same:
                wrong.append(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # as often as a busy server would
    try:
        at_once = [threading.Thread(target=work, args=(first,)) for first in range(threads)]
        for thread in at_once:
            thread.start()
        for thread in at_once:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    return len(wrong)


def growth_of_memory(ask: Ask, requests: int) -> float:
    """Return by how many MiB the memory of this process grew in the second half of so many requests.

    The first half fills what is bounded: pools of allocators, the caches of libraries.
    """
    for number in range(requests // 2):
        ask(request(number))
    gc.collect()
    before = _resident()
    for number in range(requests // 2, requests):
        ask(request(number))
    gc.collect()
    return (_resident() - before) / 2**20


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
