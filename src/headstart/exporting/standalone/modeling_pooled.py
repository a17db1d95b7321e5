"""A network of transformers, its tokens pooled to one vector, and linear layers on the vector: classes or numbers.

Load it with AutoModelForSequenceClassification.from_pretrained(FOLDER, trust_remote_code=True).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

_APPLIED = {"unit": lambda x: F.normalize(x, dim=-1), "Tanh": torch.tanh, "ReLU": torch.relu, "GELU": F.gelu}


class PooledConfig(PretrainedConfig):
    """network: the config of the network. pooling: mean or cls. steps: what is done with the vector, in order:
    `linear`, `unit` (to length 1) or an activation; the last one gives logits. sizes: width of the vector, then of the
    output of each linear layer."""

    model_type = "pooled_classifier"

    def __init__(self, network=None, pooling="mean", steps=(), sizes=(), **rest):
        self.network, self.pooling, self.steps, self.sizes = network or {}, pooling, list(steps), list(sizes)
        super().__init__(**rest)


class PooledForSequenceClassification(PreTrainedModel):
    """logits = steps(pooled last hidden states)."""

    config_class = PooledConfig
    base_model_prefix = "network"

    def __init__(self, config: PooledConfig):
        super().__init__(config)
        told = dict(config.network)
        self.network = AutoModel.from_config(AutoConfig.for_model(told.pop("model_type"), **told))
        pairs = zip(config.sizes[:-1], config.sizes[1:])
        self.linears = nn.ModuleList(nn.Linear(taken, made) for taken, made in pairs)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, labels=None, **given):
        """Return a SequenceClassifierOutput with logits [B, C]."""
        states = self.network(input_ids=input_ids, attention_mask=attention_mask, **given).last_hidden_state
        if self.config.pooling == "cls":
            vector = states[:, 0]
        else:
            mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            weight = mask[:, :, None].to(states.dtype)
            vector = (states * weight).sum(1) / weight.sum(1).clamp_min(1)
        linears = iter(self.linears)
        for step in self.config.steps:
            vector = next(linears)(vector) if step == "linear" else _APPLIED[step](vector)
        loss = None if labels is None else F.cross_entropy(vector, labels)
        return SequenceClassifierOutput(loss=loss, logits=vector)
