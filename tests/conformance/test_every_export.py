"""Every export with every backbone: written whole, or refused in one line with nothing left behind."""

from __future__ import annotations

import pytest
import torch
from small_parts import documents, processor_for, small
from small_pixels import images

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.exporting.leave import STANDALONE, Rows
from headstart.training.pretrained_model import PretrainedModel

# A graph is traced for seconds; these have what is special: bags, pictures. tests/exports traces BERTs, with padding.
TRACED = ("ngram_bag", "small_resnet")


def _cases() -> list:
    every = [(export, backbone) for export in registry.names("export") for backbone in registry.names("backbone")]
    slow = [case for case in every if case[0] == "onnx" and case[1] not in TRACED]
    return [pytest.param(*case, marks=[pytest.mark.full] if case in slow else []) for case in every]


@pytest.mark.parametrize(("export", "backbone"), _cases())
def test_written_whole_or_refused(export, backbone, tmp_path):
    writer, spec = registry.load("export", export)(), small("backbone", backbone)
    assert registry.build_spec("export", writer.to_dict()) == writer
    torch.manual_seed(0)
    processor = processor_for(spec)
    items = documents(12, 5) if processor.takes == "text" else images(12, shape=processor.shape)
    # Pictures leave without their processor here, which is a stand-in that transformers does not have.
    rows = Rows(Examples(items), "made") if processor.takes == "text" and export == "onnx" else None
    pretrained = PretrainedModel(processor, spec, spec.build(processor.shape))
    before = {name: tensor.clone() for name, tensor in pretrained.backbone.state_dict().items()}
    out = tmp_path / "out"
    note, refusal = "", ""
    try:
        note = writer.write(pretrained.exportable(), out, rows).note
    except HeadstartError as error:
        refusal = str(error)
    if refusal:
        assert "\n" not in refusal
        assert backbone in refusal or export == "peft" or processor.takes == "image"
        assert list(tmp_path.iterdir()) == []
        return
    assert note
    assert "\n" not in note
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    own = {path.name for path in STANDALONE.iterdir()}
    assert all(path.name in own for path in out.rglob("*.py"))  # what runs elsewhere is what everybody can read here
    assert all(torch.equal(pretrained.backbone.state_dict()[name], tensor) for name, tensor in before.items())
    with pytest.raises(HeadstartError, match="not empty"):
        writer.write(pretrained.exportable(), out)
