"""What audits find in images alone: near copies with other labels, borders that tell the class, drift in numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tiny_images import encoded

from headstart.auditing.audit import run_audit
from headstart.auditing.image_findings import agreeing, borders, near_conflicts, properties
from headstart.core.examples import Examples, ImageRef
from headstart.images.decode import decode
from headstart.reporting.audit_page import audit_page
from headstart.reporting.audit_sheets import audit_sheets
from headstart.reporting.audit_text import audit_sentences


def scene(seed: int, side: int = 40) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(60, 196, (9, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def framed(seed: int, level: int) -> ImageRef:
    """A scene in a frame of that level."""
    pixels = np.full((40, 40, 3), level, np.uint8)
    pixels[5:35, 5:35] = scene(seed, 30)
    return ImageRef.from_bytes(encoded(pixels))


def ref(pixels: np.ndarray) -> ImageRef:
    return ImageRef.from_bytes(encoded(pixels))


def where(row: int) -> dict:
    return {"row": row}


def test_near_copies_with_other_labels():
    near_N = np.array([1, 0, 3, 2, -1])
    found = near_conflicts(near_N, ["a", "b", "a", "a", "b"], where, 5)
    assert found == {"pairs": 1, "listed": [[{"label": "a", "row": 0}, {"label": "b", "row": 1}]]}
    assert near_conflicts(near_N, ["a"] * 5, where, 5) == {"pairs": 0, "listed": []}


def test_a_frame_that_tells_the_class_is_seen():
    labels_N = np.arange(120) % 2
    keys = [str(number) for number in range(120)]
    told = borders([framed(seed, (40, 200)[seed % 2]) for seed in range(120)], labels_N, 2, keys, 0)
    assert told["border"] > 0.95
    assert told["largest"] == 0.5
    random = np.random.default_rng(0).integers(2, size=120)
    same = borders([framed(seed, 120) for seed in range(120)], random, 2, keys, 0)
    assert abs(same["border"] - 0.5) < 0.15


def test_what_differs_most_comes_first():
    bright = [ref(np.clip(scene(seed) + 50.0, 0, 255).astype(np.uint8)) for seed in range(30)]
    plain = [ref(scene(seed)) for seed in range(30, 60)]
    found = properties(plain, bright)
    assert found[0]["property"] == "brightness"
    assert found[0]["auc"] == 1.0
    assert found[0]["test"] > found[0]["train"] + 40
    assert "width" not in [row["property"] for row in found]
    assert properties(plain, []) == []


def test_vectors_agree_with_copies_and_not_with_others():
    images = [ref(scene(seed)) for seed in range(40)]
    known = {image.digest: np.random.default_rng(at).normal(size=16) for at, image in enumerate(images)}
    known[images[2].digest] = -known[images[1].digest]
    pairs = [(images[0], images[0]), (images[1], images[2])]
    told = agreeing(pairs, images, lambda some: [known[one.digest] for one in some])
    assert (told["pairs"], told["agree"]) == (2, 1)
    assert told["cosines"][0] == 1.0
    assert told["cosines"][1] < -0.9


@pytest.fixture(scope="module")
def audit():
    """80 images whose frame tells the class, with a mirrored copy of another label, and brighter test images.

    A network that sees the mean colour of the image and nothing else.
    """
    train = [framed(seed, (40, 200)[seed % 2]) for seed in range(80)]
    pixels = np.asarray(Image.open(io.BytesIO(train[0].read())))
    train[1] = ref(pixels[:, ::-1].copy())
    bright = (
        np.clip(np.asarray(Image.open(io.BytesIO(framed(seed, 200).read()))) + 50.0, 0, 255) for seed in range(100, 140)
    )
    test = [ref(pixels.astype(np.uint8)) for pixels in bright]
    test[0] = ref(pixels[:36, 4:].copy())
    labels = np.arange(80) % 2
    return run_audit(
        Examples(train, None, labels, ("dark", "light")),
        Examples(test, None, np.arange(40) % 2, ("dark", "light")),
        embed=lambda items: np.stack([decode(item).pixels.mean(axis=(0, 1)) for item in items]),
    )


def test_an_audit_tells_of_all_of_them(audit):
    near = audit.data["splits"]["train"]["duplicates"]["near"]
    assert near["rows"] == 2
    assert near["listed"][0][1]["how"] == "mirrored"
    assert "cosine" in near["listed"][0][1]
    across = audit.data["across"]["train"]["copies"]["near"]
    assert across["listed"][0][1]["how"] == "cropped"
    assert audit.data["labels"]["near_conflicts"]["pairs"] == 1
    assert audit.data["labels"]["borders"]["border"] > 0.9
    assert audit.data["shift"]["texts"]["properties"][0]["property"] == "brightness"
    assert audit.data["near_by_vectors"]["pairs"] == 2


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("with different labels: 1", "The border alone", "What differs most is brightness", "By the vectors")),
        ("ko", ("라벨이 다른 쌍이 1개", "가장자리만으로", "가장 다른 점은 밝기", "벡터로도")),
    ],
)
def test_the_page_says_and_shows_them(audit, language, words):
    told = "\n".join(audit_sentences(audit.data, language))
    page = audit_page(audit, language)
    for word in words:
        assert word in told
        assert word in page
    assert ("mirrored" if language == "en" else "좌우 반전") in page
    assert page.count("data:image/png") > 4


def test_every_finding_has_a_contact_sheet(audit):
    sheets = audit_sheets(audit)
    assert {"near-copies-in-train.png", "near-copies-of-test-in-train.png", "near-conflicts.png"} <= set(sheets)
    assert "exact-copies-in-train.png" not in sheets  # there is none
    sheet = Image.open(io.BytesIO(sheets["near-copies-in-train.png"]))
    assert sheet.size == (2 * 96, 96)  # a copy beside what it copies
    border = np.asarray(Image.open(io.BytesIO(sheets["told-by-the-border.png"])).convert("L"))
    assert (border[10:70, 10:70] == 128).all()  # the middle of the first tile is blanked
    assert sorted([border[2, 2], border[2, 98]]) == [40, 200]  # a dark frame and a light one, a class each
    told = audit.data["shift"]["texts"]["unlike"]
    assert len(told["test"]) == len(told["train"]) == 24
    assert {"test-unlike-the-other-part.png", "train-unlike-the-other-part.png"} <= set(sheets)
