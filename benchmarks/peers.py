"""The environment of the libraries that headstart is measured beside, apart from its own.

    python benchmarks/peers.py [FOLDER]

Makes a virtual environment in FOLDER (.venv-peers unless told) with the versions of benchmarks/peers.txt, once, and
prints its Python. The benchmarks call it themselves.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

WANTED = Path(__file__).with_name("peers.txt")


def python_of(folder: Path) -> Path:
    """Return the Python of the environment, which is made or brought up to date where it is not as wanted."""
    python, done = folder / "bin/python", folder / "wanted.txt"
    if not done.is_file() or done.read_text() != WANTED.read_text():
        venv.create(folder, with_pip=True, clear=not python.exists())
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", WANTED], check=True)
        done.write_text(WANTED.read_text())
    return python


if __name__ == "__main__":
    print(python_of(Path(sys.argv[1] if len(sys.argv) > 1 else ".venv-peers")))
