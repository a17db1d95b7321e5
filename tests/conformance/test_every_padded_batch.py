"""Every network of tokens gives the same for a padded batch as for a ragged one, whatever ids the padding has."""

from __future__ import annotations

import pytest
import torch
from small_networks import BACKBONES, base_of

from headstart.core.batch import PaddedBatch, make_batch

LENGTHS = (7, 1, 4)


@pytest.mark.parametrize("name", BACKBONES)
@torch.no_grad()
def test_padding_reaches_no_token(name):
    base = base_of(name)
    backbone = base.backbone.eval()
    source = torch.Generator().manual_seed(1)
    samples = [torch.randint(0, base.processor.vocabulary, (length,), generator=source) for length in LENGTHS]
    if name.startswith("ngram"):  # a sample of n-grams ends with the end of a word
        samples = [torch.cat([ids[:-1], ids.new_tensor([base.processor.word_end_id])]) for ids in samples]
    ids_BT = torch.randint(0, base.processor.vocabulary, (len(LENGTHS), max(LENGTHS)), generator=source)
    real_BT = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    for row, ids in enumerate(samples):
        ids_BT[row, : len(ids)] = ids
    ragged, padded = backbone(make_batch(samples)), backbone(PaddedBatch.of(ids_BT, real_BT))
    if ragged.last_BTD is None:
        assert torch.allclose(ragged.pooled_BD, padded.pooled_BD, atol=1e-5)
        return
    assert torch.equal(padded.mask_BT, real_BT)
    assert torch.allclose(ragged.last_BTD[real_BT], padded.last_BTD[real_BT], atol=1e-5)
