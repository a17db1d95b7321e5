"""Export for transformers: what it refuses, what it writes, and that Auto classes agree on text, tokenizer included."""

from __future__ import annotations

import json

import pytest
import torch

from headstart.backbones.bert import BertSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.exportable import Exportable
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.exports.hf import HfSpec
from headstart.heads.classify import ClassifySpec

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "very", "a"]


class Words:
    """A stand-in word tokenizer with files that transformers reads."""

    kind, vocabulary, pad_id, unk_id, cls_id, sep_id, mask_id = "words", len(WORDS), 0, 1, 2, 3, 4
    special_ids = frozenset(range(5))
    takes, gives, shape = "text", "tokens", TokenShape(len(WORDS), 0)

    def __init__(self):
        from tokenizers import Tokenizer, models, pre_tokenizers, processors

        self.inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
        self.inner.pre_tokenizer = pre_tokenizers.Whitespace()
        self.inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )

    def save(self, folder):
        self.inner.save(str(folder / "tokenizer.json"))
        names = {
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "mask_token": "[MASK]",
        }
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def task_model(spec):
    torch.manual_seed(0)
    backbone = spec.build(TokenShape(len(WORDS), 0))
    head = ClassifySpec().build(backbone, Words(), ("neg", "pos"))
    return Exportable(backbone=backbone, backbone_spec=spec, processor=Words(), head=head, classes=("neg", "pos"))


@pytest.mark.parametrize("spec", [BertSpec(width=16, heads=2), ModernBertSpec(width=16, heads=2)], ids=lambda s: s.name)
def test_auto_classes_agree_on_text(spec, tmp_path):
    transformers = pytest.importorskip("transformers")
    model = task_model(spec)
    HfSpec().write(model, tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    texts = ["a very good film", "bad"]
    inputs = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        batch = make_batch([model.processor.inner.encode(text).ids for text in texts])
        assert (theirs(**inputs).logits - model.head(model.backbone(batch))).abs().max() <= 1e-5
    assert theirs.config.label2id == {"neg": 0, "pos": 1}
    assert tokenizer.mask_token_id == 4


def test_a_backbone_without_counterpart_says_what_works(tmp_path):
    class BagSpec(BackboneSpec):
        pass

    model = Exportable(processor=None, backbone_spec=BagSpec(), backbone=None)
    with pytest.raises(
        HeadstartError, match=r"does not exist in transformers.*works for bert, .*distilbert, .*modernbert"
    ):
        HfSpec().write(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_folder_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(HeadstartError, match="is not empty"):
        HfSpec().write(task_model(ModernBertSpec(width=16, heads=2)), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_head_that_transformers_cannot_wire_is_refused(tmp_path):
    model = task_model(BertSpec(width=16, heads=2))
    model.head = ClassifySpec(pooling="mean").build(model.backbone, None, ("no", "yes"))
    with pytest.raises(HeadstartError, match="pooling 'mean'"):
        HfSpec().write(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
