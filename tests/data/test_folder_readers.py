"""Readers of folders: a folder that is one data set is read whole, and its images become examples of a task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data import open as opening
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.row import Row
from headstart.data.task_files import read_items
from headstart.fitting.task_model_files import save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.majority import Majority
from headstart.tasks.classify import ClassifyTask

PICTURES = {name: flat(place) for place, name in enumerate("abcde")}


@dataclass(frozen=True, kw_only=True)
class Album(ReaderSpec):
    """Pictures in a folder per class (a planted reader for the test)."""

    takes: ClassVar[str] = "image"
    folders: ClassVar[bool] = True

    @classmethod
    def recognises_folder(cls, folder: Path) -> bool:
        return any(folder.glob("*/*.png"))

    def read(self, source, ledger):
        for number, path in enumerate(sorted(source.folder.glob("*/*.png")), 1):
            if path.stat().st_size == 0:
                ledger.reject("empty picture", source.name, number, path.name)
            else:
                yield Row({"picture": ImageRef.from_file(path), "label": path.parent.name}, source.name, number)


@pytest.fixture
def album(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(opening, "_folder_kinds", lambda: [Album])
    for label, names in (("cat", "ab"), ("dog", "cde")):
        (tmp_path / "album" / label).mkdir(parents=True)
        for name in names:
            (tmp_path / "album" / label / f"{name}.png").write_bytes(PICTURES[name])
    (tmp_path / "album" / "dog" / "f.png").write_bytes(b"")
    (tmp_path / "album" / "read me.txt").write_text("not a picture")
    return tmp_path / "album"


def test_a_folder_is_read_whole(album):
    ledger = Ledger()
    assert opening.expand(album, ledger) == [str(album)]
    rows = list(opening.read_rows(str(album), ledger))
    assert [row.value["label"] for row in rows] == ["cat", "cat", "dog", "dog", "dog"]
    assert dict(ledger.skipped) == {"empty picture": 1}


def test_a_named_reader_of_folders_takes_any_folder(tmp_path):
    (tmp_path / "x.txt").write_text("text")
    assert opening.expand(tmp_path) == [str(tmp_path / "x.txt")]
    assert opening.expand(tmp_path, reader=Album()) == [str(tmp_path)]
    assert list(opening.read_rows(str(tmp_path), Ledger(), reader=Album())) == []


def test_images_are_examples_of_a_task(album, tmp_path):
    examples, ledger = ClassifyTask().read_examples(ReadRequest(paths=album))
    assert examples.classes == ("cat", "dog")
    assert [item.read() for item in examples.items] == list(PICTURES.values())
    assert ledger.balanced
    assert ledger.columns == {"text": "picture", "label": "label"}
    assert any("image column 'picture' chosen" in note and "it holds images" in note for note in ledger.notes)
    new, _ = read_items(ReadRequest(paths=album, remembered=ledger.columns))
    assert list(new.items) == list(examples.items)
    model = Majority().run(examples, Workspace(), seed=0)
    assert model.predict(new) == ["dog"] * 5
    save_task(model, tmp_path / "task", Majority(), {})


def test_a_corpus_of_a_folder_has_a_fingerprint(album):
    corpus = Corpus(str(album))
    before, size = corpus.fingerprint(), corpus.bytes_on_disk()
    (album / "cat" / "a.png").write_bytes(bytes(len(PICTURES["a"])))
    assert corpus.fingerprint() != before
    assert corpus.bytes_on_disk() == size == sum(map(len, PICTURES.values())) + len("not a picture")


def test_vectors_of_images_are_kept_by_their_bytes(album):
    class Base:
        identity, asked = "base", 0

        def embed(self, items, layer, pooling):
            self.asked += len(items)
            return np.stack([np.full(2, len(item.read()), np.float32) for item in items])

    base = Base()
    workspace = Workspace(base)
    examples, _ = ClassifyTask().read_examples(ReadRequest(paths=album))
    copies = [ImageRef.from_bytes(item.read()) for item in examples.items]
    assert workspace.vectors([*examples.items, *copies]).shape == (10, 2)
    assert base.asked == 5


def test_an_image_without_a_label_is_named(album):
    with pytest.raises(HeadstartError, match="no label column 'kind'"):
        ClassifyTask().read_examples(ReadRequest(paths=album, label="kind"))
