"""A language model by transformers' Trainer, run by the peers' Python (see `pretraining.py` and `causal.py`).

    PYTHON peer_trainer.py SETTINGS.json

SETTINGS: text (files, a document per line), tokenizer (folder), out (folder to write), and of the model and its
training: block (tokens of a row), depth, width, dropout, batch, learning_rate, warmup (share of the steps), mask_ratio
(BERT, as run_mlm trains it; null: GPT-2, as run_clm does), seconds, seed. The budget begins with the process:
tokenising and packing into blocks are part of it. Steps are timed on a copy first, off the clock, so that the learning
rate falls to zero just when the budget ends. Writes OUT/model, and OUT/times.json: seconds of preparation, of training,
steps, tokens per second.
"""

from __future__ import annotations

import time

BEGUN = time.monotonic()  # before the imports, which are part of the budget

import copy  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from itertools import chain  # noqa: E402
from pathlib import Path  # noqa: E402


def packed(asked: dict, tokenizer, home: str):
    """Return the text as blocks of ids, as run_mlm and run_clm make them."""
    from datasets import load_dataset

    masked, block = asked["mask_ratio"] is not None, asked["block"]
    how = {"data_files": asked["text"], "split": "train", "cache_dir": home, "keep_linebreaks": not masked}
    data = load_dataset("text", **how)
    settings = {"return_special_tokens_mask": True} if masked else {"add_special_tokens": False}
    data = data.map(lambda rows: tokenizer(rows["text"], **settings), batched=True, remove_columns=["text"])

    def group(rows):
        joined = {name: list(chain(*values)) for name, values in rows.items() if name != "token_type_ids"}
        length = len(joined["input_ids"]) // block * block
        return {name: [values[i : i + block] for i in range(0, length, block)] for name, values in joined.items()}

    return data.map(group, batched=True, remove_columns=data.column_names)


def network(asked: dict, tokenizer):
    """Return BERT or GPT-2 with random weights."""
    from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

    heads = asked["width"] // (64 if asked["width"] > 128 else 32)
    if asked["mask_ratio"] is None:
        dropout = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), asked["dropout"])
        sizes = {"n_embd": asked["width"], "n_layer": asked["depth"], "n_head": heads, "n_positions": asked["block"]}
        return GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **sizes, **dropout))
    return BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=asked["width"],
            num_hidden_layers=asked["depth"],
            num_attention_heads=heads,
            intermediate_size=4 * asked["width"],
            hidden_dropout_prob=asked["dropout"],
            attention_probs_dropout_prob=asked["dropout"],
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    home = tempfile.TemporaryDirectory()
    os.environ |= {"HF_HOME": home.name, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    from peer_runs import TRIAL, Clock, arguments_of
    from transformers import (
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        set_seed,
    )

    set_seed(asked["seed"])
    out, tokenizer = Path(asked["out"]), AutoTokenizer.from_pretrained(asked["tokenizer"])
    data = packed(asked, tokenizer, home.name)
    model = network(asked, tokenizer)
    masked = asked["mask_ratio"] is not None
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=masked, mlm_probability=asked["mask_ratio"])

    def train(trained, steps: int, end: float) -> Clock:
        clock, arguments = Clock(end), arguments_of(asked, steps, home.name)
        Trainer(model=trained, args=arguments, train_dataset=data, data_collator=collator, callbacks=[clock]).train()
        return clock

    prepared = time.monotonic() - BEGUN
    step = train(copy.deepcopy(model), TRIAL, float("inf")).step
    left = asked["seconds"] - prepared
    begun = time.monotonic()
    ends = train(model, max(2, round(left / step)), begun + left).ends
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    tokens = len(ends) * asked["batch"] * asked["block"]
    (out / "times.json").write_text(
        json.dumps(
            {
                "prepared": prepared,
                "trained": ends[-1] - begun,
                "steps": len(ends),
                "tokens_per_second": tokens / (ends[-1] - begun),
            }
        )
    )


if __name__ == "__main__":
    main()
