"""Every export with every backbone: written whole, or refused in one line with nothing left behind."""

from __future__ import annotations

import pytest
import torch
from small_parts import processor_for, small

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.training.pretrained_model import PretrainedModel

CASES = [(export, backbone) for export in registry.names("export") for backbone in registry.names("backbone")]


@pytest.mark.parametrize(("export", "backbone"), CASES)
def test_written_whole_or_refused(export, backbone, tmp_path):
    writer, spec = registry.load("export", export)(), small("backbone", backbone)
    assert registry.build_spec("export", writer.to_dict()) == writer
    torch.manual_seed(0)
    processor = processor_for(spec)
    pretrained = PretrainedModel(processor, spec, spec.build(processor.shape))
    before = {name: tensor.clone() for name, tensor in pretrained.backbone.state_dict().items()}
    out = tmp_path / "out"
    note, refusal = "", ""
    try:
        note = writer.write(pretrained.exportable(), out)
    except HeadstartError as error:
        refusal = str(error)
    if refusal:
        assert "\n" not in refusal
        assert backbone in refusal
        assert list(tmp_path.iterdir()) == []
        return
    assert note
    assert "\n" not in note
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".py")]
    assert all(torch.equal(pretrained.backbone.state_dict()[name], tensor) for name, tensor in before.items())
    with pytest.raises(HeadstartError, match="not empty"):
        writer.write(pretrained.exportable(), out)
