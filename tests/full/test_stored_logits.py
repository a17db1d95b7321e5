"""Every file of weights that has stored logits, the large networks too; torch's old format."""

from __future__ import annotations

import pytest
import torch
from stored_weights import CASES, check_stored_logits, file_of

from headstart.backbones.convnext import ConvNextSpec
from headstart.interop.weight_files import open_weights


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_recognised_and_gives_the_stored_logits(name, tmp_path):
    check_stored_logits(name, tmp_path)


def test_a_file_of_the_old_format_is_read(tmp_path):
    tensors = file_of(ConvNextSpec(), ConvNextSpec().foreign_names["timm"])
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    found = open_weights(tmp_path / "old.pth").backbone.state_dict()
    assert torch.equal(found["stem.conv.weight"], tensors["stem.0.weight"])
