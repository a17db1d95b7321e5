"""Damaged files of weights end as a model or as one line: 200 of safetensors, 16 of torch's two formats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save
from stored_weights import file_of

from headstart.backbones.convnext import ConvNextSpec
from headstart.core.errors import HeadstartError
from headstart.interop.weight_files import open_weights


def damaged(data: bytes, number: int) -> bytes:
    """Return the bytes cut, changed in places (mostly near the head), or with a part left out."""
    random = np.random.default_rng(number)
    kind = number % 4
    if kind == 0:
        return data[: int(random.integers(0, len(data)))]
    changed = bytearray(data)
    if kind == 3:
        low = int(random.integers(0, 20_000))
        del changed[low : low + int(random.integers(1, 500))]
        return bytes(changed)
    for _ in range(int(random.integers(1, 20))):
        changed[int(random.integers(0, len(data) if kind == 1 else 20_000))] = int(random.integers(0, 256))
    return bytes(changed)


@pytest.mark.parametrize(("form", "count"), [("safetensors", 200), ("zip", 8), ("legacy", 8)])
def test_no_damage_gets_through(form, count, tmp_path):
    tensors, path = file_of(ConvNextSpec(), ConvNextSpec().foreign_names["timm"]), tmp_path / "w.pth"
    if form == "safetensors":
        whole = save(tensors)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=form == "zip")
        whole = path.read_bytes()
    said = []
    for number in range(count):
        path.write_bytes(damaged(whole, number))
        try:
            assert open_weights(path).spec == ConvNextSpec()
        except HeadstartError as error:
            said.append(str(error))
    assert len(said) >= count / 2
    assert not [line for line in said if "\n" in line or str(path) not in line]
