"""Leave for ONNX: one graph over ids or pixels, with a file that tokenises and runs it by onnxruntime alone."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.files import write_bytes, writing
from headstart.core.json_files import write_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.processor import Tokenizer
from headstart.core.shapes import ImageShape
from headstart.core.spec import ExportSpec
from headstart.exporting.graphs import Graph, plain
from headstart.exporting.leave import STANDALONE, Leaves
from headstart.exporting.verified import Answers
from headstart.interop.preprocessor import read_preprocessor
from headstart.processors.ngram import NgramTokenizer
from headstart.text.fast_tokenizer import FastTokenizer

_GRAPH, _TOLD, _RUNNER = "model.onnx", "onnx_model.json", "onnx_model.py"
_NEEDED = ("onnx", "onnxscript")


@dataclass(frozen=True, kw_only=True)
class OnnxSpec(Leaves, ExportSpec):
    """opset: version of the operators of ONNX."""

    package: ClassVar[str] = "onnxruntime"
    extra: ClassVar[str] = "onnx"
    tolerance: ClassVar[float] = 1e-4
    opset: int = 18

    def fill(self, source: Exportable, folder: Path) -> str:
        """See `Leaves.fill`."""
        if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
            raise HeadstartError(f"{' and '.join(missing)} not installed: pip install 'headstart[onnx]'")
        if source.views != "one":
            raise HeadstartError(
                f"the answers are averaged over versions of an image (test_views={source.views}), which no graph here "
                "does; transfer with test_views=one"
            )
        _need_any_size(source)
        graph = plain(source)
        _trace(graph, source, folder / _GRAPH, self.opset)
        write_json(folder / _TOLD, _told(source, graph, folder))
        write_bytes(folder / _RUNNER, (STANDALONE / _RUNNER).read_bytes())
        if isinstance(source.processor, NgramTokenizer):
            write_bytes(folder / "ngram_tokenizer.py", (STANDALONE / "ngram_tokenizer.py").read_bytes())
        outputs = ", ".join(graph.outputs)
        by_hand = "" if _reads_items(source) else f"; make the ids with headstart: {source.processor.kind} is not there"
        return f"run it with OnnxModel of onnx_model.py (onnxruntime, without headstart): {outputs}{by_hand}"

    def opened(self, source: Exportable, folder: Path) -> Callable[[Examples], Answers]:
        """See `Leaves.opened`: the file that left is what answers."""
        model = _runner(folder).OnnxModel(folder)
        if not _reads_items(source):
            return lambda rows: _of_ids(model, source, rows)

        def theirs(rows: Examples) -> Answers:
            second = list(rows.second) if source.pairs else None
            items = rows.items if source.processor.takes == "text" else source.processor.encode(rows.items)
            found = _asked(lambda: model(list(items), second, model.outputs))
            return {name: _cut(source, rows, values) for name, values in found.items() if name != "labels"}

        return theirs

    def ours(self, source: Exportable) -> Callable[[Examples], Answers]:
        """See `Leaves.ours`."""
        return source.ours

    def usage(self, source: Exportable) -> str:
        """See `Leaves.usage`."""
        given = '["a text", "another"]' if source.processor.takes == "text" else '["one.jpg", "another.png"]'
        given = f'{given}, ["its second text", "and its"]' if source.pairs else given
        return (
            'import sys\n\nsys.path.insert(0, "FOLDER")\nfrom onnx_model import OnnxModel\n\n'
            f'model = OnnxModel("FOLDER")\nanswers = model({given})  # arrays by name'
        )


def _trace(graph: Graph, source: Exportable, path: Path, opset: int) -> None:
    """Write the graph. Raises HeadstartError: an operation of the network does not exist in ONNX."""
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet = io.StringIO()
    given, sizes = graph.example(source.processor.shape), graph.sizes(source.longest)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                given,
                dynamo=True,
                dynamic_shapes=(sizes,),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                opset_version=opset,
                verbose=False,
            )
        with writing(path):
            program.save(str(path), external_data=False)
    except torch.onnx.OnnxExporterError as error:
        first = str(error.__cause__ or error).strip().splitlines()[0][:200]
        raise HeadstartError(
            f"backbone {source.backbone_spec.name} cannot be written as one graph of ONNX: {first}"
        ) from None


def _need_any_size(source: Exportable) -> None:
    """Raise HeadstartError for recurrent layers in a row, of which torch.onnx fixes the length of the texts."""
    layers = sum(isinstance(module, torch.nn.RNNBase) for module in source.backbone.modules())
    if layers > 1:
        raise HeadstartError(
            f"backbone {source.backbone_spec.name} cannot be written as one graph: of {layers} recurrent layers in a "
            "row torch.onnx fixes the length of the texts; headstart itself serves it as it is"
        )


def _told(source: Exportable, graph: Graph, folder: Path) -> dict[str, Any]:
    """Write the processor's files; return what `onnx_model.py` has to know."""
    processor, head = source.processor, source.head
    processor.save(folder)
    told: dict[str, Any] = {
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "task": source.task,
        "classes": list(source.classes),
        "reads": processor.gives,
        "longest": source.longest,
        "made_by": f"headstart {metadata.version('headstart')}",
    }
    if isinstance(processor.shape, ImageShape):
        shape, how = processor.shape, read_preprocessor(folder) if (folder / PREPROCESSOR).is_file() else None
        return told | {
            "shape": [shape.channels, shape.height, shape.width],
            "short": how and how.short,
            "resample": how and how.resample,
        }
    rows = source.backbone.vocabulary
    return told | {
        "pad": processor.pad_id,
        "begin": [processor.cls_id] if processor.cls_id >= 0 else [],
        "end": [processor.sep_id] if processor.sep_id >= 0 else [],
        "words": list(range(rows - source.prompt, rows)),
        "prompt": source.text_prompt if head is None else "",
    }


def _reads_items(source: Exportable) -> bool:
    """Whether the file that leaves makes the inputs of texts or images itself."""
    kind = type(source.processor)
    return kind in (FastTokenizer, NgramTokenizer) or not isinstance(source.processor, Tokenizer)


def _of_ids(model: Any, source: Exportable, rows: Examples) -> Answers:
    """Ask the graph with ids that headstart made."""
    ids = [source.processor.windows(one, None)[0].tolist() for one in source.processor.encode(rows.items)]
    found = _asked(lambda: model.session.run(None, model._padded(ids)))
    return {name: _cut(source, rows, values) for name, values in zip(model.outputs, found)}


def _asked(ask: Callable[[], Any]) -> Any:
    """Return what onnxruntime answers. Raises HeadstartError: the graph cannot be run."""
    try:
        return ask()
    except Exception as error:  # onnxruntime has classes of its own, without a common one
        first = str(error).strip().splitlines()[0][:200]
        raise HeadstartError(f"onnxruntime cannot run the graph ({first}); nothing was written") from None


def _cut(source: Exportable, rows: Examples, values: np.ndarray) -> Any:
    """Return outputs of tokens without their padding."""
    if values.ndim < 3:
        return list(values)
    processor = source.processor
    parts = [processor.encode(rows.items), *([processor.encode(rows.second)] if source.pairs else [])]
    lengths = [len(processor.add_special_tokens(*row)[0]) + source.prompt for row in zip(*parts)]
    return [one[:length] for one, length in zip(values, lengths)]


def _runner(folder: Path) -> Any:
    """Return the module `onnx_model.py` of a folder."""
    spec = importlib.util.spec_from_file_location("headstart_exported_onnx_model", folder / _RUNNER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
