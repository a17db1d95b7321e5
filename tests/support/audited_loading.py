"""A program of its own: opens artefacts twice under an audit hook and prints what each did that loading must not do.

`python audited_loading.py FOLDER ...`: a JSON object, by folder a list of faults. Opening, embedding and predicting are
watched. The first time modules are imported, which must be installed ones; the second time nothing is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

NEVER = ("pickle.", "marshal.load", "code.__new__", "function.__new__", "urllib.", "socket.", "os.system", "os.exec",
         "os.fork", "os.posix_spawn", "os.spawn", "pty.", "ctypes.", "shutil.", "cpython.run_")  # fmt: skip
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
CODE = ("exec", "compile", "import")
ONCE = ("ctypes.dlopen", "ctypes.dlsym", "marshal.load", "code.__new__", "function.__new__")  # of imports
TRIES = "try_regexes.py"  # our program that tries regular expressions of a tokenizer, with a time limit


class Watch:
    """Collects faults while `folder` is set. first: whether installed modules may be imported."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.first, self.faults = False, []
        self.homes = tuple({os.path.realpath(home) for home in (sys.prefix, sys.base_prefix, *sys.path) if home})

    def __call__(self, event: str, values: tuple[object, ...]) -> None:
        """Take an event, as `sys.addaudithook` wants it."""
        if self.folder is None:
            return
        folder, self.folder = self.folder, None  # what is done here is not ours to judge
        try:
            if (fault := self.fault(event, values, folder)) and fault not in self.faults:
                self.faults.append(fault)
        finally:
            self.folder = folder

    def fault(self, event: str, values: tuple[object, ...], folder: str) -> str:
        """Return what is wrong with an event, or nothing."""
        told = f"{event} {str(values[0] if values else '')[:120]}"
        if event in ("subprocess.Popen", "os.posix_spawn") and TRIES in str(values):
            return ""
        if event == "subprocess.Popen" or event in WRITES:
            return told
        if event == "open":
            return f"writes {values[0]}" if _writing(values) else ""
        if event in CODE:
            return self._of_code(event, values, told, folder)
        return told if event.startswith(NEVER) and not (self.first and event.startswith(ONCE)) else ""

    def _of_code(self, event: str, values: tuple[object, ...], told: str, folder: str) -> str:
        name = values[0].co_filename if event == "exec" else str(values[1] if len(values) > 1 else values[0])
        if event == "import" and name in ("None", ""):
            return "" if self.first else told
        inside = os.path.realpath(name).startswith(folder)
        installed = name.startswith("<") or os.path.realpath(name).startswith(self.homes)
        return f"{event} {name}" if inside or not (self.first and installed) else ""


def _writing(values: tuple[object, ...]) -> bool:
    mode, flags = values[1], values[2]
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))


def used(folder: Path) -> None:
    """Open an artefact as the verbs do and ask it for an answer."""
    from headstart.core.errors import HeadstartError
    from headstart.fitting.task_model_files import load_task, task_folder
    from headstart.training.pretrained_model import PretrainedModel

    try:
        if (folder / "task.json").is_file():
            load_task(task_folder(folder)).predict(["a film"])
            return
        base = PretrainedModel.open(folder)
        if base.processor.takes == "text":
            base.embed(["a film", "영화"])
    except HeadstartError as error:
        print(f"{folder.name}: {error}", file=sys.stderr)


def main(folders: list[str], use: Callable[[Path], object] = used) -> None:
    """Print the faults of each folder. use: what is watched."""
    watch, found = Watch(), {}
    sys.addaudithook(watch)
    for name in folders:
        watch.faults = []
        for watch.first in (True, False):
            watch.folder = os.path.realpath(name)
            use(Path(name))
            watch.folder = None
        found[name] = list(watch.faults)
        found[name] += [
            f"module {module} from {file}"
            for module, one in list(sys.modules.items())
            if (file := str(vars(one).get("__file__"))) and os.path.realpath(file).startswith(os.path.realpath(name))
        ]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
