"""Images in audits: equal pixels have equal folds, planted near copies are found, different images are not."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_images import encoded, flat

from headstart.auditing import image_candidates, image_copies, image_items, image_looks, image_sketches
from headstart.auditing.audit import run_audit
from headstart.auditing.copies import Copies, inside
from headstart.auditing.items import kind_of
from headstart.core.examples import Examples, ImageRef


def scene(seed: int, side: int = 96) -> np.ndarray:
    """A colour picture of soft blobs, uint8 [side, side, 3]: coarse noise made large."""
    coarse = np.random.default_rng(seed).integers(40, 216, (9, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def ref(pixels: np.ndarray, kind: str = "PNG") -> ImageRef:
    return ImageRef.from_bytes(encoded(pixels, kind))


def resized(pixels: np.ndarray, share: float) -> np.ndarray:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.BICUBIC))


def jpeg(pixels: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=80)
    return np.asarray(Image.open(stream))


def brighter(pixels: np.ndarray, by: float) -> np.ndarray:
    return np.clip(np.rint(pixels * by), 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "jpeg": jpeg,
    "three quarters": lambda pixels: resized(pixels, 0.75),
    "half": lambda pixels: resized(pixels, 0.5),
    "brighter": lambda pixels: brighter(pixels, 1.1),
    "darker": lambda pixels: brighter(pixels, 0.9),
    "mirrored": lambda pixels: pixels[:, ::-1].copy(),
    "upside down": lambda pixels: pixels[::-1].copy(),
    "crop": lambda pixels: pixels[: round(0.9 * len(pixels)), len(pixels) - round(0.9 * len(pixels)) :].copy(),
}


def test_equal_pixels_have_equal_folds():
    grey, colour = scene(1)[..., 0].copy(), scene(2)
    for pixels, other in ((grey, grey), (colour, colour), (grey, np.stack([grey] * 3, 2))):
        folds = image_items.folds([ref(pixels), ref(other, "BMP"), ref(other, "PPM")])
        assert len(set(folds)) == 1
    changed = grey.copy()
    changed[3, 3] ^= 1
    shapes = [np.zeros((4, 9), np.uint8), np.zeros((6, 6), np.uint8), np.zeros((9, 4), np.uint8)]
    assert len(set(image_items.folds([ref(grey), ref(changed), *map(ref, shapes)]))) == 5
    assert len(image_items.folds([ref(grey)])[0]) == image_sketches.FOLD


@pytest.mark.parametrize("change", CHANGES)
def test_planted_near_copies_are_found(change):
    plain = [scene(seed) for seed in range(40)]
    copies = [CHANGES[change](pixels) for pixels in plain[:30]]
    folds = image_items.folds([ref(pixels) for pixels in [*plain, *copies]])
    mate_N = image_items.near(folds)
    assert mate_N[:30].tolist() == list(range(40, 70))
    assert mate_N[30:40].tolist() == [-1] * 10
    assert mate_N[40:].tolist() == list(range(30))
    (index,) = image_items.indexes(folds[:40])
    for start in range(40, 70, 7):
        before = index.found_N.copy()
        index.add(folds[start : start + 7])
        new = np.flatnonzero((before < 0) & (index.found_N >= 0))
        assert (index.found_N[new] + start - 40 == new).all()
        assert (index.found_N[before >= 0] == before[before >= 0]).all()
    assert (index.found_N >= 0).tolist() == [True] * 30 + [False] * 10


def all_pairs(folds: list[str]) -> np.ndarray:
    """Return the likeness of every view of every image to every other one, [N, N]: the larger of both ways."""
    sketches = image_sketches.Sketches.of(folds)
    count = len(folds)
    row, view, at = (part.ravel() for part in np.indices((count, image_candidates.VIEWS, count)))
    other = row != at
    hits = image_candidates.Hits(row[other], view[other], at[other])
    likeness = np.zeros((count, count))
    np.maximum.at(likeness, (hits.row, hits.at), image_copies.likeness(sketches, sketches, hits))
    return np.maximum(likeness, likeness.T)


def test_the_search_equals_a_comparison_of_all_pairs(monkeypatch):
    monkeypatch.setattr(image_candidates, "_PER_CELL", 4)
    monkeypatch.setattr(image_candidates, "_PORTION", 3)
    plain = [scene(seed, 48) for seed in range(5)]
    changed = [CHANGES[name](plain[at]) for at, name in enumerate(("half", "mirrored", "crop"))]
    folds = image_items.folds([ref(pixels) for pixels in [*plain, *changed]])
    likeness = all_pairs(folds)
    expected = np.where(likeness.max(axis=1) > 0, likeness.argmax(axis=1), -1)
    assert expected.tolist() == [5, 6, 7, -1, -1, 0, 1, 2]
    assert image_items.near(folds).tolist() == expected.tolist()
    (index,) = image_items.indexes(folds[:5])
    index.add(folds[5:])
    assert index.found_N.tolist() == [0, 1, 2, -1, -1]


@pytest.mark.parametrize(
    ("change", "name"),
    [("half", "resized"), ("mirrored", "mirrored"), ("upside down", "upside_down"), ("crop", "cropped")],
)
def test_how_a_copy_was_made(change, name):
    one, other = image_items.folds([ref(scene(5)), ref(CHANGES[change](scene(5)))])
    assert image_copies.how(one, other) == image_copies.how(other, one) == name


def test_a_crop_is_laid_on_the_pixels_that_it_shows():
    whole = np.stack([np.asarray(Image.fromarray(scene(seed)[..., 0]).resize((32, 32))) for seed in range(9)])
    boxes = np.random.default_rng(0).uniform([0, 0, 28, 28], [3, 3, 29, 29], (9, 4))
    crops = image_sketches.cut_out(whole.astype(np.float32), boxes, 32)
    begun = boxes + np.random.default_rng(1).uniform(-0.6, 0.6, boxes.shape)
    found, _ = image_copies._laid_on(crops, whole.astype(np.float32), begun)
    assert np.abs(found - boxes).max() < 0.1 < np.abs(begun - boxes).max()


def test_what_is_no_copy():
    """Flat images, slopes of light, other colours, other shapes, much darker images, images that cannot be decoded."""
    slope = np.add.outer(np.linspace(0, 90, 40), np.linspace(0, 60, 40))
    slopes = [np.rint(slope + level).astype(np.uint8) for level in (0, 20, 40)]
    red = np.zeros((40, 40, 3), np.uint8)
    red[10:30, 10:30, 0] = 250
    red[15:20, 12:28] = 0
    shown = [flat(level, side) for level in (0, 1, 128, 255) for side in (4, 40)]
    others = [*slopes, red, red[:, :, ::-1].copy(), brighter(scene(3), 0.6), scene(3), resized(scene(3), 0.5)[:, 10:]]
    stretched = np.asarray(Image.fromarray(scene(3)).resize((120, 90)))
    images = [*map(ImageRef.from_bytes, shown), *map(ref, others), ref(stretched)]
    images += [ImageRef.from_bytes(b"no image"), ImageRef.from_bytes(b"none")]
    folds = image_items.folds(images)
    assert len(set(folds)) == len(folds)
    assert (image_items.near(folds) == -1).all()
    (index,) = image_items.indexes(folds)
    index.add(folds)  # the same images are equal, not near
    assert (index.found_N == -1).all()


def test_nothing_at_all():
    assert image_items.folds([]) == []
    assert image_items.near([]).shape == (0,)
    (index,) = image_items.indexes([])
    index.add(image_items.folds([ref(scene(0))]))
    assert image_items.features([]).shape[0] == 0
    assert image_items.profile([])["rows"] == 0
    assert image_items.near(image_items.folds([ref(scene(0))])).tolist() == [-1]


def test_pairs_are_near_where_both_images_are():
    one, two, other = scene(1), scene(2), scene(3)
    first = [ref(one), ref(resized(one, 0.5)), ref(one)]
    second = [ref(two), ref(jpeg(two)), ref(other)]
    folds = image_items.folds(first, second)
    assert image_items.near(folds).tolist() == [1, 0, -1]
    assert image_items.features(first, second).shape == (3, 2 * image_items.features(first).shape[1])


def test_copies_of_a_split_and_of_a_stream():
    plain = [scene(seed) for seed in range(6)]
    items = [ref(plain[0]), ref(plain[1]), ref(plain[0]), ref(plain[1], "BMP"), ref(jpeg(plain[2])), ref(plain[2])]
    folds = image_items.folds(items)
    found = inside(items, folds)
    assert found.exact_N.tolist() == [-1, -1, 0, -1, -1, -1]
    assert found.normalised_N.tolist() == [-1, -1, 0, 1, -1, -1]
    assert found.near_N.tolist() == [-1, -1, -1, -1, 5, 4]
    targets = [ref(plain[0]), ref(plain[1]), ref(plain[2]), ref(plain[3])]
    stream = [ref(plain[5]), ref(resized(plain[2], 0.5)), ref(plain[1], "BMP"), ref(plain[0])]
    copies = Copies(targets, image_items.folds(targets))
    copies.add(stream, image_items.folds(stream))
    kind_N, at_N = copies.result()
    assert (kind_N.tolist(), at_N.tolist()) == ([1, 2, 3, 0], [3, 2, 1, -1])


def test_profile_and_what_is_shown(tmp_path):
    path = tmp_path / "rose.png"
    path.write_bytes(encoded(scene(0, 20)))
    grey = np.stack([np.arange(64, dtype=np.uint8).reshape(8, 8)] * 3, 2)
    images = [ImageRef.from_file(path), ref(grey), ImageRef.from_bytes(flat(9)), ImageRef.from_bytes(b"none")]
    found = image_items.profile(images)
    assert (found["rows"], found["empty"], found["unreadable"]) == (4, 1, 1)
    assert (found["width"]["0"], found["width"]["0.5"], found["width"]["1"]) == (4, 8, 20)
    assert found["channels"] == {"1": 0.6667, "3": 0.3333}
    assert found["bytes"]["1"] == path.stat().st_size
    assert json.loads(json.dumps(found)) == found
    assert image_items.sizes(images).tolist() == [400, 64, 16, 0]
    assert image_items.shown(images[0]) == "rose.png (20 x 20)"
    assert image_items.shown(images[1]) == f"image {images[1].digest[:12]} (8 x 8)"
    assert "unreadable" in image_items.shown(images[3])


def test_looks_are_kept_and_bounded(monkeypatch):
    monkeypatch.setattr(image_looks, "_kept", {})
    monkeypatch.setattr(image_looks, "_KEPT", 3)
    images = [ref(scene(seed, 12)) for seed in range(5)]
    first = image_looks.looks(images)
    assert list(image_looks._kept) == [image.digest for image in images[2:]]
    assert image_looks.looks(images[2:])[0] is first[2]
    again = image_looks.looks([images[4], images[0], images[0]])
    assert [look.pixels for look in again] == [first[at].pixels for at in (4, 0, 0)]


def test_an_audit_of_images():
    def bright(seed: int) -> np.ndarray:
        return np.clip(scene(seed, 24).astype(int) // 2 + 120 * (seed % 2), 0, 255).astype(np.uint8)

    train = [ref(bright(seed)) for seed in range(80)]
    labels = np.arange(80) % 2
    labels[7] = 0  # the planted error
    test = [ref(bright(seed)) for seed in range(100, 140)]
    test[0], test[1] = ref(bright(3), "BMP"), ref(brighter(bright(4), 0.95))
    classes = ("dark", "bright")
    assert kind_of(train) is image_items
    train_rows, test_rows = Examples(train, None, labels, classes), Examples(test, None, np.arange(40) % 2, classes)
    audit = run_audit(train_rows, test_rows, lambda: iter([*train[:5], test[5], ImageRef.from_bytes(b"x")]))
    copies = audit.data["across"]["train"]["copies"]
    assert [copies[kind]["rows"] for kind in ("exact", "normalised", "near")] == [0, 1, 1]
    assert audit.data["across"]["corpus"]["copies"]["exact"]["rows"] == 1
    assert audit.slices["contaminated"].sum() == 2
    assert audit.slices["read_before"].sum() == 3  # the two copies of training rows are among the corpus too
    assert audit.data["splits"]["train"]["profile"]["width"]["0.5"] == 24
    assert audit.data["labels"]["errors"]["listed"][0]["row"] == 8
    assert audit.data["shift"]["texts"]["words"] == {"train": [], "test": []}


def photographs(shared_data: Path) -> list[np.ndarray]:
    with zipfile.ZipFile(shared_data / "flower_photos/dev.zip") as files:
        names = [name for name in files.namelist() if name.endswith(".jpg")]
        return [np.asarray(Image.open(io.BytesIO(files.read(name))).convert("RGB")) for name in names]


@pytest.mark.full
def test_on_photographs_and_clothes(shared_data):
    photos = photographs(shared_data)
    folds = image_items.folds([ref(pixels) for pixels in photos])
    assert (image_items.near(folds) >= 0).sum() <= 2  # one real pair
    for change in CHANGES.values():
        (index,) = image_items.indexes(folds)
        index.add(list(dict.fromkeys(image_items.folds([ref(change(pixels), "PPM") for pixels in photos]))))
        assert (index.found_N >= 0).mean() >= 0.95
    clothes = np.load(shared_data / "fashion_mnist/dev.npz")["x"][:2_000]
    assert (image_items.near(image_items.folds([ref(pixels, "PPM") for pixels in clothes])) == -1).all()
