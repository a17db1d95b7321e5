"""doctor: what is wrong with this environment, with the fix."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_BREAKERS = ("torchvision", "torchaudio", "torchcodec")


@dataclass(frozen=True)
class Findings:
    """lines: what was looked at; faults: what to mend."""

    lines: list[str]
    faults: list[str]

    @property
    def exit_code(self) -> int:
        """1 when something must be mended."""
        return int(bool(self.faults))

    def summary(self) -> str:
        """Return all lines, faults last."""
        return "\n".join([*self.lines, *(f"FAULT {fault}" for fault in self.faults)] + ["all well"] * (not self.faults))


def doctor() -> Findings:
    """Look at versions, published faults of them, threads, bf16, disk and packages that break others."""
    import torch

    from headstart.commands.safe_versions import unsafe_packages
    from headstart.core.device import pick_compute_dtype, set_threads

    lines, faults = [], []
    names = ("headstart", "torch", "numpy", "scikit-learn", "tokenizers", "safetensors", "pyarrow", "transformers")
    for name in names:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} not installed" + (" (only needed for tests)" if name == "transformers" else ""))
    faults += unsafe_packages()
    threads = set_threads()
    lines.append(f"python {sys.version.split()[0]}, {threads} threads, load {os.getloadavg()[0]:.1f}")
    if os.getloadavg()[0] > 1.5 * threads:
        faults.append(
            f"the machine is busy (load {os.getloadavg()[0]:.1f} on {threads} threads): timings and budgets suffer"
        )
    lines.append(f"training computes in {pick_compute_dtype('cuda' if torch.cuda.is_available() else 'cpu')}")
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    lines.append(f"disk: {free:.1f} GB free here")
    if free < 1:
        faults.append(f"only {free:.1f} GB free here: a run needs about 0.5 GB")
    for name in _BREAKERS:
        if importlib.util.find_spec(name) is None:
            continue
        probe = subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, text=True)
        if probe.returncode:
            faults.append(f"{name} is installed but does not import; transformers will fail too: pip uninstall {name}")
    return Findings(lines, faults)
