"""One writer per folder: a claim in the folder says who writes there; readers neither need it nor look at it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from headstart.core.claims import STALE, Heartbeat, Watch, holder_of, take, was_let_go
from headstart.core.errors import HeadstartError
from headstart.core.files import WRITER, asking, make_folder, remove_leftovers_of, writing
from headstart.core.holder import Holder


@contextlib.contextmanager
def sole_writer(folder: Path, say: Callable[[str], None], stale: float = STALE) -> Iterator[None]:
    """Be the one process that writes into `folder` while the block runs; the folder is made where it is missing.

    What a dead writer held is taken over, its half-written files are removed, and `say` is told so. stale: seconds that
    a writer of another machine has for a sign of life. A folder that was made here and is still empty at the end goes
    again. Who stood still and lost its place is told so at its next write. Raises HeadstartError: another process
    writes there, the folder refuses.
    """
    made = _made(folder)
    path = folder / WRITER

    def wait_for(holder: Holder | None) -> None:
        say(f"{folder}: {holder or 'another command'} wrote there; it has {stale:.0f} s to give a sign of life")

    try:
        with writing(folder):
            left = take(path, Watch(stale), lambda holder: _taken_by(folder, holder), wait_for)
        if left is not None:
            say(f"{folder}: {left} wrote there until it was lost; this command takes its place")
            remove_leftovers_of(folder, left)
        with Heartbeat().running() as heart, heart.keeping(path), asking(_place_of(folder, Holder.here())):
            yield
    finally:
        for one in made:
            with contextlib.suppress(OSError):  # it holds something
                one.rmdir()


class PlaceLost(HeadstartError):
    """This process was taken for lost, and another one writes where it wrote: nothing may be changed or removed."""


def _place_of(folder: Path, mine: Holder) -> Callable[[Path], None]:
    """Return what raises PlaceLost where a path is in the folder and the folder is no longer this process's."""
    claimed, home = folder / WRITER, folder.absolute()

    def need_place(path: Path) -> None:
        if home not in (path.absolute(), *path.absolute().parents) or was_let_go(claimed):
            return
        holder = holder_of(claimed)
        if holder != mine:
            raise PlaceLost(
                f"{folder}: this command stood still, and {holder or 'another command'} took its place there; it ends "
                "here, and changes nothing of that one's"
            )

    return need_place


def need_no_writer(folder: Path) -> None:
    """Raise HeadstartError when another process of this machine writes into `folder`, before anything else is done."""
    holder = holder_of(folder / WRITER)
    if holder is not None and holder.is_here and holder.process != os.getpid() and not holder.is_gone:
        raise _taken_by(folder, holder)


def _taken_by(folder: Path, holder: Holder | None) -> HeadstartError:
    if holder is None:
        return HeadstartError(f"{folder}: another command writes there; wait for its end, or give another --out")
    return HeadstartError(
        f"{folder}: {holder} writes there, since {holder.since or '?'}; wait for its end, end it "
        f"(kill {holder.process}), or give another --out"
    )


def _made(folder: Path) -> list[Path]:
    """Make the folder; return those that were made for it, the innermost first. Raises HeadstartError."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    make_folder(folder)
    return missing
