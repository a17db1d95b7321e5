"""Pictures go in at one end and a report comes out at the other, by the commands that text uses."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_images import image_archives, image_folder

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef
from headstart.data.image_labels import folder_labels
from headstart.data.image_store import ImageStore
from headstart.fitting.checks import check_kind
from headstart.training.pretrained_model import PretrainedModel

SMALL = ("backbone.width=8", "objective.hidden=32", "objective.projection=16", "batches.images=32")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    image_folder(folder / "train", 96)
    (folder / "train" / "lying" / "broken.png").write_bytes(b"no image")
    return folder / "train", image_folder(folder / "test", 40, first=1000)


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory, program):
    out = tmp_path_factory.mktemp("runs") / "run"
    shown = program("pretrain", pictures[0], "--out", out, "--steps", 20, *SMALL)
    assert shown.code == 0, shown.err
    return out, shown


def test_pre_training_names_what_it_could_not_use(run):
    out, shown = run
    assert "objective views: the first choice for images" in shown.err
    assert "97 rows read, 96 used, 1 skipped (1 not an image)" in shown.err
    assert "processor: pixels, 16 x 16 pixels, grey" in shown.err
    assert "images/s" in shown.err or "images" in shown.err
    store = ImageStore.open(out / "store")
    assert store.pixels.shape == (96, 1, 16, 16)


def test_routes_and_predictions(run, pictures, tmp_path, program):
    for route in ("probe", "finetune"):
        task = tmp_path / route
        settings = ("route.epochs=2", "route.least_steps=10") if route == "finetune" else ()
        shown = program("transfer", run[0], "--data", pictures[0], "--route", route, "--out", task, *settings)
        assert shown.code == 0, shown.err
        shown = program("evaluate", task, pictures[1])
        assert shown.code == 0, shown.err
        shown = program("predict", task, pictures[1])
        lines = [json.loads(line) for line in shown.out.splitlines()]
        assert len(lines) == 40
        assert {line["label"] for line in lines} <= {"lying", "standing"}
        assert lines[0]["image"].endswith(".png")


def test_images_of_a_class_are_found(run, pictures, tmp_path, program):
    out, asked = tmp_path / "task", ("--data", pictures[0], "--route", "nearest", "--task", "retrieve")
    refused = program("transfer", run[0], *asked, "--out", out)
    assert "name the second image with --text2, or with --label" in refused.complaint
    made = program("transfer", run[0], *asked, "--label", "label", "--out", out)
    assert made.code == 0, made.err
    shown = program("evaluate", out, pictures[1])
    assert shown.code == 0, shown.err
    score = {name: float(value) for name, value in re.findall(r"(\w+): (\d\.\d+)", shown.out)}
    assert 0.7 < score["recall_at_1"] <= score["recall_at_5"] <= score["recall_at_10"]
    lines = [json.loads(line) for line in program("predict", out, pictures[1]).out.splitlines()]
    assert len(lines) == 40
    assert all(line["match"].endswith(".png") and line["match"] != line["image"] for line in lines)


def test_vectors(run, pictures, tmp_path, program):
    shown = program("embed", run[0], pictures[1], "--out", tmp_path / "v.npy")
    assert shown.code == 0, shown.err
    # Quarters of the stages of twice and of four times the width
    assert np.load(tmp_path / "v.npy").shape == (
        40,
        8 * (8 + 16),
    )


def test_text_and_images_are_told_apart(run, pictures, tmp_path, program):
    (tmp_path / "t.txt").write_text("some text\n" * 30)
    shown = program(
        "pretrain", tmp_path / "t.txt", "--out", tmp_path / "r", "--recipe", "contrastive_small", "--steps", 1
    )
    assert shown.code == 2
    assert "holds texts, and processor pixels takes images" in shown.err
    shown = program("pretrain", pictures[0], "--out", tmp_path / "r", "--objective", "mlm", "--steps", 1)
    assert shown.code == 2
    assert "no recipe for images" in shown.err
    shown = program("transfer", run[0], "--data", pictures[0], "--route", "tfidf_logreg", "--out", tmp_path / "x")
    assert shown.code == 2
    assert "reads texts, not images" in shown.err
    assert not (tmp_path / "r").exists()


def sources(page: str) -> list[tuple[str, str]]:
    """Return (data, what it shows) of every picture of a page."""
    return re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', page)


def test_a_comparison_shows_views_and_mistakes_and_keeps_them(run, pictures, tmp_path, program):
    base, out = shutil.copytree(run[0], tmp_path / "run"), tmp_path / "report"
    test = shutil.copytree(pictures[1], tmp_path / "test")
    for image in sorted((test / "lying").iterdir())[:3]:
        image.rename(test / "standing" / image.name)  # a wrong label, which no model will give
    asked = ("compare", base, "--data", pictures[0], "--test", test, "--labels", 8, "--draws", 6)
    asked = (*asked, "--routes", "majority,knn", "--minutes", 1, "--out", out, "--language")
    shown = program(*asked, "en")
    assert shown.code == 0, shown.err
    page = (out / "report.html").read_text(encoding="utf-8")
    found = sources(page)
    views = [alt for _, alt in found if re.fullmatch(r"image \d+: (one|another) view", alt)]
    assert len(views) == 24
    assert views[:2] == ["image 1: one view", "image 1: another view"]
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    layers = report["facts"]["layers"]  # a probe by layer on rows of the pool
    assert (layers["labels"], layers["held"]) == (8, 88)
    assert [one["layer"] for one in layers["bases"]["run"]] == [-1, 0, 1, 2, 3]
    assert "Which layer reads best" in page
    told = report["mistakes"]
    wrong = [alt for _, alt in found if "truth" in alt]
    assert len(wrong) == len(told) >= 3
    assert f"test row {told[0]['row'] + 1}: truth {told[0]['true']}, answer {told[0]['called']}" in wrong[0]
    assert ".png, test row" in wrong[0]
    exhibits = json.loads((out / "exhibits.json").read_text(encoding="utf-8"))
    assert [one["base"] for one in exhibits["filters"]] == ["run"]
    assert "Filters of the first layer" in page
    assert [one["row"] for one in exhibits["near"]] == [one["row"] for one in told][:6]
    assert all(len(one["tiles"]) == len(one["labels"]) == 4 for one in exhibits["near"])
    assert "Training images nearest to the surest mistakes" in page
    assert "12 images as training shows them (one, two)" in run[1].err
    assert (base / "seen.png").is_file()
    assert str(tmp_path) not in (out / "exhibits.json").read_text(encoding="utf-8")  # a report is passed on
    assert sum(len(data) for data, _ in found) < 300_000
    for data, _ in found:
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 96
    shutil.rmtree(base / "store")  # the images that it learnt from are gone
    manifest = json.loads((base / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"].pop("store/manifest.json")
    (base / "manifest.json").write_text(json.dumps(manifest))
    again = program(*asked, "ko")
    assert again.code == 0, again.err
    assert "12칸 중 12칸은 앞서 끝났으므로" in again.err
    kept = sources((out / "report.html").read_text(encoding="utf-8"))
    assert [data for data, alt in kept if "뷰" in alt] == [data for data, alt in found if "view" in alt]
    assert len(kept) == len(found)


def test_inspect_writes_the_views(run, tmp_path, program):
    path = tmp_path / "views.png"
    shown = program("inspect", run[0], "--seen", path)
    assert shown.code == 0, shown.err
    assert Image.open(io.BytesIO(path.read_bytes())).size == (8 * 96, 3 * 96)  # both views of twelve images
    assert "exists" in program("inspect", run[0], "--seen", path).complaint
    assert "no run on images" in program("inspect", "mlm", "--seen", tmp_path / "x.png").complaint


def test_inspect_probes_layers(run, pictures, program):
    shown = program("inspect", run[0], "--layers", pictures[0], "--labels", 20)
    assert shown.code == 0, shown.err
    told = shown.out.splitlines()
    assert told[0] == "learned from 20 rows, scored on 76 others, 5 draws"
    assert [line.split()[0] for line in told[2:]] == ["readout", "0", "1", "2", "3"]
    assert "reads texts" in program("inspect", "mlm", "--layers", pictures[0]).complaint


def test_messages_call_images_images(run, pictures, tmp_path, program):
    shown = program("transfer", run[0], "--data", pictures[0], "--route", "window_tagger", "--out", tmp_path / "x")
    assert shown.code == 2
    assert "pixels_logreg" in shown.complaint
    assert "tfidf" not in shown.complaint
    task = tmp_path / "task"
    assert program("transfer", run[0], "--data", pictures[0], "--route", "knn", "--out", task).code == 0
    pairs = Examples(items=["a"], second=["b"])
    with pytest.raises(HeadstartError, match="single texts"):
        check_kind(False, pairs)
    image = ImageRef.from_file(next(pictures[0].rglob("0*.png")))
    with pytest.raises(HeadstartError, match="pairs of images, but the rows hold one image"):
        check_kind(True, Examples(items=[image]))


def test_an_audit_shows_pairs_of_images(pictures, tmp_path, program):
    train = shutil.copytree(pictures[0], tmp_path / "train")
    first = sorted((train / "lying").glob("0*.png"))[0]
    shutil.copy(first, train / "standing" / "copy.png")  # the same image under another label
    shown = program("audit", train, "--corpus", pictures[1], "--out", tmp_path / "audit", "--language", "en")
    assert shown.code == 0, shown.err
    assert "Images that occur with different labels: 1 (2 rows)." in shown.out
    assert "text" not in shown.out
    page = (tmp_path / "audit/audit.html").read_text(encoding="utf-8")
    names = [alt.partition(" (")[0] for _, alt in sources(page)]
    assert {first.name, "copy.png"} <= set(names)
    exact = page[page.index("Copies within training data") :]
    assert [alt.partition(" (")[0] for _, alt in sources(exact)[:2]] == ["copy.png", first.name]
    shown = program("audit", train, "--corpus", pictures[1], "--language", "ko")
    assert "같은 이미지에 다른 라벨이 붙은 것이 1개(2행) 있습니다." in shown.out
    assert "글" not in shown.out


def test_a_resumed_run_has_the_same_weights(pictures, tmp_path, program):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    fixed = (*SMALL, "training.dtype=fp32")
    assert program("pretrain", pictures[0], "--out", straight, "--steps", 6, *fixed, "training.save_steps=3").code == 0
    assert program("pretrain", pictures[0], "--out", stopped, "--steps", 6, *fixed, "training.save_steps=3").code == 0
    newest = sorted((stopped / "checkpoints").iterdir())[-1]
    for part in newest.iterdir():
        part.unlink()
    newest.rmdir()
    assert program("pretrain", pictures[0], "--out", stopped, "--steps", 6, "--resume").code == 0
    weights = [sorted((out / "checkpoints").iterdir())[-1] / "weights.safetensors" for out in (straight, stopped)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_going_on_from_a_base_keeps_the_statistics_of_its_norms(run, pictures, tmp_path, program):
    """Those of changed images made vectors of photographs worse (docs/decisions.md, 2026-11-27)."""
    out, asked = tmp_path / "on", ("--steps", 3, "keep=false", "batches.images=32")
    shown = program("pretrain", pictures[0], "--base", run[0], "--out", out, *asked)
    assert shown.code == 0, shown.err
    before, after = (PretrainedModel.open(folder).backbone.state_dict() for folder in (run[0], out))
    counted = [name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert counted
    assert all(torch.equal(before[name], after[name]) for name in counted)
    learned = [name for name in before if name.endswith("norm.weight")]
    assert not any(torch.equal(before[name], after[name]) for name in learned)


@pytest.mark.parametrize("kind", ["npz", "zip"])
def test_archives_are_read_like_folders(kind, tmp_path, program):
    data = dict(zip(("npz", "zip"), image_archives()))[kind]
    (tmp_path / f"a.{kind}").write_bytes(data)
    shown = program("pretrain", tmp_path / f"a.{kind}", "--out", tmp_path / "r", "--steps", 1, *SMALL, "held_out=0")
    assert shown.code == 0, shown.err
    assert "4 rows read, 4 used, 0 skipped" in shown.err


@pytest.mark.full
def test_an_archive_and_a_folder_of_the_same_images_give_the_same_weights_and_scores(tmp_path, program):
    pictures = {
        part: (image_folder(tmp_path / part, count, first=first), tmp_path / f"{part}.npz")
        for part, count, first in (("train", 64, 0), ("test", 24, 1000))
    }
    for folder, archive in pictures.values():
        files = sorted(folder.rglob("*.png"))
        pixels = np.stack([np.asarray(Image.open(file)) for file in files])
        np.savez(archive, x=pixels, y=np.array([file.parent.name for file in files]))
    weights, scores = [], []
    for kind in (0, 1):
        run, report = tmp_path / f"run{kind}", tmp_path / f"report{kind}"
        assert program("pretrain", pictures["train"][kind], "--out", run, "--steps", 4, *SMALL).code == 0
        asked = ("--labels", 16, "--draws", 3, "--minutes", 2, "--routes", "probe,pixels_logreg", "--audit", "skip")
        files = ("--data", pictures["train"][kind], "--test", pictures["test"][kind])
        shown = program("compare", run, *files, "--out", report, *asked)
        assert shown.code == 0, shown.err
        weights.append((sorted((run / "checkpoints").iterdir())[-1] / "weights.safetensors").read_bytes())
        cells = map(json.loads, (report / "cells" / "cells.jsonl").read_text().splitlines())
        scores.append(sorted((cell["entry"].split()[0], cell["draw"], cell["score"]) for cell in cells))
    assert len(scores[0]) == 6
    assert weights[0] == weights[1]
    assert scores[0] == scores[1]


def test_labels_are_folders_below_the_shared_one():
    assert folder_labels(["images/Korean/a/1.png", "images/Latin/b/2.png"]) == ["Korean/a", "Latin/b"]
    assert folder_labels(["1.png", "2.png"]) == [None, None]
    assert folder_labels(["x/1.png", "x/2.png"]) == [None, None]
    assert folder_labels(["a/1.png", "2.png"]) == ["a", None]
    assert folder_labels([]) == []


def test_a_task_model_of_images_is_given_images(run, pictures, tmp_path, program):
    (tmp_path / "t.jsonl").write_text('{"text": "some text", "label": "lying"}\n' * 9)
    task = tmp_path / "task"
    assert program("transfer", run[0], "--data", pictures[0], "--route", "majority", "--out", task).code == 0
    for verb in ("predict", "evaluate"):
        shown = program(verb, task, tmp_path / "t.jsonl")
        assert (shown.code, shown.out) == (2, "")
        assert "was trained on images, and these rows hold texts; give images" in shown.complaint
    shown = program("embed", run[0], tmp_path / "t.jsonl", "--out", tmp_path / "v.npy")
    assert "was trained on images, and these rows hold texts" in shown.complaint


def test_an_audit_without_labels_leaves_out_what_is_no_image(tmp_path, program):
    image_folder(tmp_path / "d", 6)
    for path in (tmp_path / "d" / "lying").iterdir():
        path.rename(tmp_path / "d" / "standing" / path.name)
    (tmp_path / "d" / "standing" / "broken.png").write_bytes(b"no image")
    shown = program("audit", tmp_path / "d" / "standing")
    assert shown.code == 0, shown.err
    assert "7 rows read, 6 used, 1 skipped (1 not an image)" in shown.err
    assert "these images have no labels" in shown.err


def test_any_network_of_images_teaches_a_student_of_its_own_size(run, pictures, tmp_path, program):
    """The student keeps the recipe's network and reads the images at a size of its own."""
    student, again = tmp_path / "student", tmp_path / "again"
    asked = ("--objective", "distil_vectors", "--base", run[0], "--steps", 6, "training.save_steps=3")
    small = ("backbone.width=4", "objective.hidden=32", "batches.images=32", "processor.side=12", "training.dtype=fp32")
    shown = program("pretrain", pictures[0], "--out", student, *asked, *small)
    assert shown.code == 0, shown.err
    assert f"learning from {run[0].name}" in shown.err
    assert program("pretrain", pictures[0], "--out", again, *asked, *small).code == 0
    shutil.rmtree(sorted((again / "checkpoints").iterdir())[-1])
    assert program("pretrain", pictures[0], "--out", again, "--steps", 6, "--resume").code == 0
    weights = [sorted((out / "checkpoints").iterdir())[-1] / "weights.safetensors" for out in (student, again)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert program("embed", student, pictures[1], "--out", tmp_path / "v.npy").code == 0
    assert np.load(tmp_path / "v.npy").shape == (40, 4 * (8 + 16))
    shown = program("pretrain", pictures[0], "--out", tmp_path / "x", "--objective", "distil_vectors", "--steps", 1)
    assert "learns from a teacher; give a trained model as --base" in shown.complaint


def test_a_network_trained_by_labels_is_a_base_for_other_rows(run, pictures, tmp_path, program):
    task, other = tmp_path / "task", image_folder(tmp_path / "other", 32, first=5000)
    asked = ("transfer", run[0], "--data", pictures[1], "--route")
    assert program(*asked, "finetune", "--out", task, "route.epochs=1", "route.least_steps=4").code == 0
    shown = program("pretrain", other, "--base", task, "--out", tmp_path / "on", "--steps", 2)
    assert shown.code == 0, shown.err
    compare = ("--labels", 8, "--draws", 2, "--routes", "majority,knn", "--minutes", 1, "--out")
    for base in (task, tmp_path / "on"):
        shown = program("compare", base, "--data", pictures[0], "--test", pictures[1], *compare, tmp_path / "r")
        assert f"base {base.name}: it learned the answers of 40 of these 136 rows" in shown.complaint
        assert not (tmp_path / "r").exists()
    shown = program("compare", task, "--data", pictures[0], "--test", other, *compare, tmp_path / "r")
    assert shown.code == 0, shown.err
    told = json.loads((tmp_path / "r/report.json").read_text(encoding="utf-8"))["facts"]["bases"]
    assert told["task"]["start"] == "task"
    (task / "network/weights.safetensors").write_bytes(b"damaged")
    assert "weights.safetensors" in program("embed", task, other, "--out", tmp_path / "v.npy").complaint
    assert program(*asked, "knn", "--out", tmp_path / "frozen").code == 0
    shown = program("embed", tmp_path / "frozen", other, "--out", tmp_path / "v.npy")
    assert "trained no network of its own" in shown.complaint
