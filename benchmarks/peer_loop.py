"""GPT-2 by a plain loop in the manner of nanoGPT, run by the peers' Python (see `causal.py`).

    PYTHON peer_loop.py SETTINGS.json

SETTINGS: text (files), tokenizer (folder), out (folder to write), block (tokens of a row), depth, width, batch (rows),
learning_rate, warmup (share of the budget), seconds, seed. The budget begins with the process: tokenising is part of
it. Random rows of the text, no dropout, no biases, AdamW (.9, .99; weight decay .1 of matrices), gradients clipped at
1, a warm-up and a cosine to a tenth by the clock. Writes OUT/model as transformers' GPT-2, and OUT/times.json.
"""

from __future__ import annotations

import time

BEGUN = time.monotonic()  # before the imports, which are part of the budget

import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = (nn.LayerNorm(width, bias=False) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        size, length, width = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(size, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(size, length, width))
        return x + self.down(F.gelu(self.up(self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self, vocabulary: int, block: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                last = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * depth) if last else 0.02)

    def forward(self, ids, target):
        x = self.words(ids) + self.places.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.words.weight)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def saved(model: GPT, asked: dict, heads: int, tokenizer, folder: Path) -> None:
    """Write the weights as transformers' GPT-2 holds them."""
    from transformers import GPT2Config, GPT2LMHeadModel

    vocabulary, width = model.words.weight.shape
    sizes = {"n_embd": width, "n_layer": asked["depth"], "n_head": heads, "n_positions": asked["block"]}
    other = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, activation_function="gelu", **sizes))
    state = {name: torch.zeros_like(value) for name, value in other.state_dict().items()}
    state["transformer.wte.weight"] = state["lm_head.weight"] = model.words.weight
    state["transformer.wpe.weight"], state["transformer.ln_f.weight"] = model.places.weight, model.norm.weight
    for number, block in enumerate(model.blocks):
        to = f"transformer.h.{number}."
        state[f"{to}ln_1.weight"], state[f"{to}ln_2.weight"] = block.ln_1.weight, block.ln_2.weight
        named = {"attn.c_attn": "qkv", "attn.c_proj": "out", "mlp.c_fc": "up", "mlp.c_proj": "down"}
        for theirs, ours in named.items():  # GPT-2 keeps its matrices the other way round
            state[f"{to}{theirs}.weight"] = getattr(block, ours).weight.T.contiguous()
    other.load_state_dict(state)
    other.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    tokenizer, block = AutoTokenizer.from_pretrained(asked["tokenizer"]), asked["block"]
    texts = [Path(path).read_text(encoding="utf-8") for path in asked["text"]]
    parts = tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ids = np.concatenate([np.array(part.ids, np.uint16) for part in parts])
    prepared = time.monotonic() - BEGUN
    torch.manual_seed(asked["seed"])
    random, heads = np.random.default_rng(asked["seed"]), asked["width"] // (64 if asked["width"] > 128 else 32)
    model = GPT(len(tokenizer), block, asked["depth"], asked["width"], heads)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
    begun, steps = time.monotonic(), 0
    while (share := (time.monotonic() - begun) / (asked["seconds"] - prepared)) < 1:
        fall = (share - asked["warmup"]) / (1 - asked["warmup"])
        factor = share / asked["warmup"] if fall < 0 else 0.1 + 0.45 * (1 + math.cos(math.pi * fall))
        for group in groups:
            group["lr"] = asked["learning_rate"] * factor
        for group, ours in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] = ours["lr"]
        start = random.integers(0, len(ids) - block - 1, asked["batch"])
        rows = torch.from_numpy(ids[start[:, None] + np.arange(block + 1)].astype(np.int64))
        model(rows[:, :-1], rows[:, 1:]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps += 1
    seconds, out = time.monotonic() - begun, Path(asked["out"])
    with torch.no_grad():
        saved(model, asked, heads, tokenizer, out / "model")
    tokens = steps * asked["batch"] * block
    times = {"prepared": prepared, "trained": seconds, "steps": steps, "tokens_per_second": tokens / seconds}
    (out / "times.json").write_text(json.dumps(times))


if __name__ == "__main__":
    main()
