"""Runs model.onnx of this folder on texts or images, without headstart: python onnx_model.py "a text" "another".

Needs onnxruntime and numpy; for texts also tokenizers, unless ngram_tokenizer.py lies here; for images Pillow.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime


class OnnxModel:
    """model = OnnxModel(folder); model(texts) returns the outputs of the graph by name, and for classes the labels.

    Texts longer than the network takes are cut at the end. An array of pixels is taken as it is: uint8 [C, H, W].
    """

    def __init__(self, folder: str | Path = Path(__file__).parent) -> None:
        folder = Path(folder)
        self.told = json.loads((folder / "onnx_model.json").read_text(encoding="utf-8"))
        quiet = onnxruntime.SessionOptions()
        quiet.log_severity_level = 4  # faults come as exceptions
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), quiet)
        self.outputs = [one.name for one in self.session.get_outputs()]
        self.tokenizer = None
        if (folder / "ngrams.json").is_file():
            sys.path.insert(0, str(folder))
            from ngram_tokenizer import NgramTokenizer

            self.ngrams = NgramTokenizer(folder)
        elif (folder / "tokenizer.json").is_file():
            from tokenizers import Tokenizer

            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.tokenizer.encode_special_tokens = True
            self.tokenizer.no_padding()
            self.tokenizer.no_truncation()
            self.specials = self.tokenizer.num_special_tokens_to_add(False)

    def __call__(self, items: list, second: list | None = None, outputs: list[str] | None = None) -> dict:
        """Return arrays [N, ...]; second: the other items of pairs. Where logits are of tokens: padded [N, T, ...]."""
        if self.told["reads"] == "pixels":
            given = self._pixels(items, "") | (self._pixels(second, "_2") if second else {})
        elif second is None or "input_ids_2" in self.told["inputs"]:
            given = self._ids(items, "") | (self._ids(second, "_2") if second else {})
        else:
            given = self._pairs(items, second)
        names = outputs or self.outputs
        found = dict(zip(names, self.session.run(names, {name: given[name] for name in self.told["inputs"]})))
        if self.told["classes"] and "probabilities" in found and self.told["task"] == "classify":
            found["labels"] = [self.told["classes"][number] for number in found["probabilities"].argmax(1)]
        return found

    def _ids(self, texts: list[str], end: str) -> dict[str, np.ndarray]:
        if self.tokenizer is None:
            found = self.ngrams([self.told["prompt"] + text for text in texts])
            return {name + end: values for name, values in found.items()}
        rows = [self._marked(self._encoded(self.told["prompt"] + text)) for text in texts]
        return {name + end: values for name, values in self._padded(rows).items()}

    def _encoded(self, text: str) -> list[int]:
        return self.tokenizer.encode(unicodedata.normalize("NFC", text), add_special_tokens=False).ids

    def _marked(self, ids: list[int], second: list[int] | None = None) -> list[int]:
        begin, end, words = self.told["begin"], self.told["end"], self.told["words"]
        ids = [*begin, *words, *ids, *end]
        ids = ids if second is None else [*ids, *second, *end]
        most = self.told["longest"]
        return ids if most is None or len(ids) <= most else [*ids[: most - len(end)], *end]

    def _pairs(self, first: list[str], second: list[str]) -> dict[str, np.ndarray]:
        both = [(self._encoded(one), self._encoded(other)) for one, other in zip(first, second, strict=True)]
        found = self._padded([self._marked(one, other) for one, other in both])
        types = np.zeros_like(found["input_ids"])
        for row, (one, _) in enumerate(both):
            types[row, len(self._marked(one)) :] = 1
        return found | {"token_type_ids": types * found["attention_mask"]}

    def _padded(self, rows: list[list[int]]) -> dict[str, np.ndarray]:
        longest = max(1, *map(len, rows)) if rows else 1
        ids = np.full((len(rows), longest), max(self.told["pad"], 0), np.int64)
        mask = np.zeros_like(ids)
        for row, own in enumerate(rows):
            ids[row, : len(own)], mask[row, : len(own)] = own, 1
        return {"input_ids": ids, "attention_mask": mask}

    def _pixels(self, images: list, end: str) -> dict[str, np.ndarray]:
        return {"pixels" + end: np.stack([self._square(image) for image in images])}

    def _square(self, image) -> np.ndarray:
        """Return uint8 [C, H, W]: the shorter side resized, the middle cut out, or stretched where there is no side."""
        if isinstance(image, np.ndarray):
            return image
        from PIL import Image, ImageOps

        opened = ImageOps.exif_transpose(image if isinstance(image, Image.Image) else Image.open(image))
        channels, height, width = self.told["shape"]
        opened, short = opened.convert("L" if channels == 1 else "RGB"), self.told["short"]
        size = opened.size
        if short is None:
            wanted = (width, height)
        else:
            wanted = tuple(short if side == min(size) else int(short * side / min(size)) for side in size)
        opened = opened if wanted == size else opened.resize(wanted, self.told["resample"])
        left, top = (opened.width - width) // 2, (opened.height - height) // 2
        values = np.asarray(opened.crop((left, top, left + width, top + height)), np.uint8)
        return np.ascontiguousarray(values.reshape(height, width, channels).transpose(2, 0, 1))


if __name__ == "__main__":
    for name, values in OnnxModel()(sys.argv[1:]).items():
        print(name, values)
