"""The full-size simulation of benchmarks/, loaded as a module, so that tests run small versions of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PLACE = Path(__file__).parents[2] / "benchmarks" / "simulation.py"
_found = importlib.util.spec_from_file_location("headstart_simulation", _PLACE)
simulation = importlib.util.module_from_spec(_found)
sys.modules[_found.name] = simulation
_found.loader.exec_module(simulation)
