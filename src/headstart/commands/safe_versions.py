"""The oldest versions of packages without a published fault that strangers' files can reach; SECURITY.md says which."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple


class Floor(NamedTuple):
    """The first version of a package in which the fault that `advisory` describes is mended."""

    package: str
    version: str
    advisory: str


FLOORS = (
    Floor("torch", "2.10.0", "CVE-2026-24747"),
    Floor("pillow", "13.0.0", "GHSA-8g5g-8vmr-9782"),
    Floor("pyarrow", "14.0.1", "CVE-2023-47248"),
    Floor("numpy", "1.16.3", "CVE-2019-6446"),
    Floor("scikit-learn", "1.5.0", "CVE-2024-5206"),
    Floor("transformers", "4.48.0", "CVE-2024-11392"),
    Floor("jinja2", "3.1.6", "CVE-2025-27516"),
)


def unsafe_packages() -> Iterator[str]:
    """Yield a line, with what to do, for each installed package that is older than its floor."""
    from packaging.version import Version

    for package, version, advisory in FLOORS:
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        if Version(installed) < Version(version):
            yield f"{package} {installed} has a published fault ({advisory}): pip install '{package}>={version}'"
