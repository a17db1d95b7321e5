"""The identity of labelled rows: a hash by which receipts and audits tell whether they saw the same rows."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from headstart.core.examples import Examples, digest


def examples_identity(examples: Examples) -> str:
    """Return a SHA-256 over items, labels, targets and class names, in their order."""
    state = hashlib.sha256(json.dumps(examples.classes, ensure_ascii=False).encode())
    for items in (examples.items, examples.second or ()):
        for item in items:
            data = digest(item).encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "little") + data)
        state.update(b"\0end")
    if examples.labels is not None:
        state.update(np.asarray(examples.labels, "<i8").tobytes())
    if examples.targets is not None:
        state.update(json.dumps(list(examples.targets)).encode())
    return state.hexdigest()
