"""The runner of mutants in benchmarks/, loaded as modules, so that tests run it on a small tree."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import executed_lines
import mutants
import mutation_operators

__all__ = ["executed_lines", "mutants", "mutation_operators"]
