"""A bag of n-grams as a module of sentence-transformers: SentenceTransformer(FOLDER, trust_remote_code=True).

Sums the vectors of a text's n-grams (with a convolution over its words before the sum, where there is one), then one
residual layer; pooled by itself, so no Pooling module follows.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from .ngram_tokenizer import NgramTokenizer

try:
    from sentence_transformers.models import InputModule
except ImportError:  # sentence-transformers before 5
    InputModule = nn.Module
_FILES = ("ngrams.json", "ngram_tokenizer.py", "ngram_module.py")


class NgramModule(InputModule):
    """weights: the tensors of model.safetensors; folder: where ngrams.json lies."""

    modalities = ("text",)

    def __init__(self, weights: dict[str, torch.Tensor], folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.tokenizer = NgramTokenizer(folder)
        self.weights = nn.ParameterDict({name.replace(".", "/"): nn.Parameter(one) for name, one in weights.items()})

    def tokenize(self, texts, **_):
        """Return the ids of texts, one after the other, and how many each has."""
        found = [self.tokenizer.encode(text) for text in texts]
        return {
            "input_ids": torch.tensor([number for ids in found for number in ids], dtype=torch.long),
            "lengths": torch.tensor([len(ids) for ids in found], dtype=torch.long),
        }

    def preprocess(self, inputs, prompt=None, **_):
        """See `tokenize`."""
        return self.tokenize([(prompt or "") + text for text in inputs])

    def _linear(self, name: str, given: torch.Tensor) -> torch.Tensor:
        return F.linear(given, self.weights[f"{name}/weight"], self.weights.get(f"{name}/bias"))

    def forward(self, features, **_):
        """Add sentence_embedding [B, D]."""
        ids, lengths = features["input_ids"], features["lengths"]
        table = self.weights["embedding/weight"]
        if "conv_in/weight" in self.weights:
            summed = self._words_summed(ids, lengths, table)
        else:
            summed = F.embedding_bag(ids, table, lengths.cumsum(0) - lengths, mode="sum", padding_idx=0)
        normed = F.rms_norm(summed, (table.shape[1],))
        features["sentence_embedding"] = normed + self._linear(
            "mlp_out", F.relu(self._linear("mlp_in", normed)).square()
        )
        return features

    def _words_summed(self, ids, lengths, table):
        row = torch.repeat_interleave(torch.arange(len(lengths), device=ids.device), lengths)
        opens = torch.ones_like(ids, dtype=torch.bool)
        opens[1:] = (ids[:-1] == 0) | (row[1:] != row[:-1])
        starts = opens.nonzero()[:, 0]
        owner = row[starts]
        word = F.embedding_bag(ids, table, starts, mode="sum", padding_idx=0)
        scale = word.square().mean(1, keepdim=True).clamp_min(1e-12).sqrt()
        same = (owner[1:] == owner[:-1])[:, None]
        before, own, after = self._linear("conv_in", word / scale).chunk(3, dim=1)
        hidden = own + F.pad(before[:-1] * same, (0, 0, 1, 0)) + F.pad(after[1:] * same, (0, 0, 0, 1))
        mixed = word + self._linear("conv_out", F.relu(hidden).square()) * scale
        return mixed.new_zeros(len(lengths), table.shape[1]).index_add(0, owner, mixed)

    def get_embedding_dimension(self) -> int:
        """Return D."""
        return self.weights["embedding/weight"].shape[1]

    get_sentence_embedding_dimension = get_embedding_dimension

    def save(self, output_path, *_, **__):
        """Write the module into another folder."""
        for name in _FILES:
            (Path(output_path) / name).write_bytes((self.folder / name).read_bytes())
        tensors = {name.replace("/", "."): one.detach().contiguous() for name, one in self.weights.items()}
        save_file(tensors, str(Path(output_path) / "model.safetensors"))
        (Path(output_path) / "config.json").write_text(json.dumps({"model_type": "ngram_bag"}))

    @classmethod
    def load(cls, model_name_or_path, subfolder="", **_):
        """Read what `save` wrote, from a folder or the hub."""
        folder = Path(model_name_or_path)
        if not folder.is_dir():
            from huggingface_hub import snapshot_download

            folder = Path(snapshot_download(model_name_or_path))
        folder = folder / subfolder
        return cls(load_file(str(folder / "model.safetensors")), str(folder))
