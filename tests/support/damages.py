"""Random damages over every kind of artefact: each must be told when the artefact is opened."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from load_paths import verbs_of
from old_artefacts import headstart
from tiny_images import image_folder, striped_images

from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor, save_processor
from headstart.core.manifest import MANIFEST, need_intact
from headstart.data.corpus import Corpus
from headstart.data.image_store import ImageStore
from headstart.data.token_store import TokenStore, write_store
from headstart.fitting.task_model_files import load_task
from headstart.reporting.report import read_report
from headstart.training.pretrained_model import PretrainedModel

WORDS = (("film", "actor", "scene", "story", "영화", "배우"), ("bread", "soup", "taste", "dinner", "음식", "요리"))
SMALL = ("batches.tokens=256", "training.save_steps=2", "--steps", 4, "--threads", 1, "backbone.width=8")
_RETRIEVE = ("--task", "retrieve", "--label", "label")
_QUICK = ("route.epochs=1", "route.least_steps=2", "route.choose_learning_rate=no")
ROUTES = {"finetune": ("mlm", *_QUICK), "bag": ("halves", "route.count=2")}
# Of the full gates: a route for each other way in which a task model is kept.
MORE_ROUTES = {
    "probe": ("halves",),
    "knn": ("halves",),
    "prototypes": ("mlm",),
    "nearest": ("halves", *_RETRIEVE),
    "joined": ("halves",),
    "lora": ("mlm", *_QUICK),
    "prompt": ("mlm",),
    "cotrain": ("halves",),
    "majority": ("halves",),
    "tfidf_logreg": ("halves",),
    "ppmi_logreg": ("halves",),
    "tfidf_cosine": ("halves", *_RETRIEVE),
}
IMAGE_ROUTES = {"probe": (), "pixels_logreg": (), "nearest_mean": (), "hog_svm": (), "pca_logreg": ()}
STRAY = (
    "notes.txt",
    "weights.safetensors.bak",
    "config.yaml",
    "model.py",
    "0123456789abcdef01234567.safetensors",
    ".env",
)


@dataclass(frozen=True)
class Artefact:
    """folder: one artefact; twin: another of the same kind; opened: returns what opening warns of. output: what is
    got from an artefact that compares only what it uses.

    verbs: command lines that load it; {0} stands for the artefact, {home} for what it was made from, {out} for a folder
    that is there for the command alone.
    """

    name: str
    folder: Path
    twin: Path
    opened: Callable[[Path], list[str]]
    verbs: tuple[str, ...] = ()
    output: Callable[[Path], bytes] | None = None


def make(home: Path, more: bool = False) -> list[Artefact]:
    """Make two small artefacts of every kind, from two texts, in `home`/0 and `home`/1; more: for the full gates."""
    for number in range(2):
        _make(home / str(number), number)
        if more:
            _make_more(home / str(number), number)

    def model(path: Path) -> list[str]:
        return PretrainedModel.open(path).warnings

    def silent(action: Callable[[Path], object]) -> Callable[[Path], list[str]]:
        def opened(path: Path) -> list[str]:
            action(path)
            return []

        return opened

    kinds = {
        "halves": model, "mlm": model, "network": model, "export": model, "processor": silent(load_processor),
        "store": silent(TokenStore.open), "report": silent(read_report), **dict.fromkeys(ROUTES, silent(load_task)),
    }  # fmt: skip
    if more:
        kinds |= dict.fromkeys([*MORE_ROUTES, *(f"pictures_{route}" for route in IMAGE_ROUTES)], silent(load_task))
        kinds |= {"pictures_run": model, "pictures_store": silent(ImageStore.open), "sentences": model}
        kinds |= {"peft": silent(need_intact), "winner": silent(read_report), "sweep": silent(need_intact)}
    served = ("halves", "mlm", "pictures_run")

    def made(name: str, opened: Callable[[Path], list[str]]) -> Artefact:
        places = (home / "0" / name, home / "1" / name)
        return Artefact(name, *places, opened, verbs_of(name), vectors if name in served else None)

    return [made(name, opened) for name, opened in kinds.items()]


def vectors(folder: Path) -> bytes:
    """Return the vectors that a run gives to two items."""
    model = PretrainedModel.open(folder)
    return model.embed(["film scene", "soup 요리"] if model.processor.takes == "text" else striped_images(2)).tobytes()


def _make(home: Path, number: int) -> None:
    home.mkdir(parents=True)
    source = random.Random(number)
    rows = [(" ".join(source.choices(words, k=source.randint(6, 9))), label) for _ in range(24 + number)
            for label, words in zip(("film", "food"), WORDS)]  # fmt: skip
    text, table = home / "text.txt", home / "table.tsv"
    text.write_text("".join(f"{row}\n" for row, _ in rows), encoding="utf-8")
    table.write_text("document\tlabel\n" + "".join(f"{row}\t{label}\n" for row, label in rows), encoding="utf-8")
    (home / "few.txt").write_text("".join(f"{row}\n" for row, _ in rows[:4]), encoding="utf-8")
    other = [" ".join(source.choices(words, k=5)) for words in (*WORDS, *WORDS)]
    (home / "other.txt").write_text("".join(f"{row}\n" for row in other), encoding="utf-8")
    (home / "few.tsv").write_text("document\n" + "".join(f"{row}\n" for row, _ in rows[:4]), encoding="utf-8")
    pretrain = ("pretrain", text, *SMALL, "--seed", number, "--vocabulary", 60 + number)
    headstart(*pretrain, "--out", home / "halves", "--objective", "halves", "backbone.mlp_width=8")
    headstart(*pretrain, "--out", home / "mlm", "--objective", "mlm", "backbone.depth=1", "backbone.heads=2")
    for route, (base, *settings) in ROUTES.items():
        _transfer(home, route, base, number, *settings)
    compare = ("compare", home / "halves", "--data", table, "--labels", 8, "--routes", "tfidf_nb", "--audit", "skip")
    headstart(*compare, "--draws", 1 + number, "--threads", 1, "--no-winner", "--out", home / "report")
    headstart("export", home / "mlm", "--out", home / "export")
    model = PretrainedModel.open(home / "mlm")
    model.save(home / "network")
    save_processor(model.processor, home / "processor")
    write_store(Corpus(text), model.processor, home / "store")


def _transfer(home: Path, route: str, base: str, number: int, *settings: str) -> None:
    data = ("--data", home / "table.tsv", "--out", home / route, "--route", route)
    headstart("transfer", home / base, *data, "--threads", 1, "--seed", number, *settings)


def _make_more(home: Path, number: int) -> None:
    """Make the artefacts of the full gates beside those of `_make`."""
    for route, (base, *settings) in MORE_ROUTES.items():
        _transfer(home, route, base, number, *settings)
    image_folder(home / "pictures", 24, first=24 * number)
    images = (*SMALL[1:], "batches.images=8", "objective.hidden=16", "objective.projection=8")
    headstart("pretrain", home / "pictures", *images, "--seed", number, "--out", home / "pictures_run")
    for route in IMAGE_ROUTES:
        data = ("--data", home / "pictures", "--out", home / f"pictures_{route}", "--route", route)
        headstart("transfer", home / "pictures_run", *data, "--threads", 1, "--seed", number)
    shutil.copytree(home / "pictures_run/store", home / "pictures_store")
    rows = ("--data", home / "table.tsv")
    compare = ("compare", home / "halves", *rows, "--labels", 8, "--routes", "tfidf_nb,probe", "--minutes", 0.2)
    headstart(*compare, "--draws", 1 + number, "--threads", 1, "--out", home / "winner")
    sweep = ("sweep", home / "halves", *rows, "--route", "tfidf_logreg", "--vary", "default=0.1,1,10", "--trials", 2)
    headstart(*sweep, "--threads", 1, "--seed", number, "--out", home / "sweep")
    headstart("export", home / "lora", "--to", "peft", "--data", home / "few.tsv", "--out", home / "peft")
    headstart(
        "export", home / "mlm", "--to", "sentence-transformers", "--data", home / "few.txt", "--out", home / "sentences"
    )


def files_of(folder: Path) -> list[str]:
    """Return the files of an artefact."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


GROWING = ("halves", "mlm", "pictures_run", "report", "winner", "sweep")
KINDS = ("flip", "add", "remove", "swap", "cut", "zero", "rename", "move", "exchange", "link", "left")


def damages(artefacts: list[Artefact], count: int, seed: int) -> Iterator[tuple[Artefact, str, str]]:
    """Yield (artefact, kind of damage, path of the file or folder that is damaged), kinds and artefacts in turn."""
    source = random.Random(seed)
    for number in range(count):
        artefact = artefacts[number % len(artefacts)]
        kind = KINDS[(number // len(artefacts) + number) % len(KINDS)]
        names = files_of(artefact.folder)
        if kind in ("add", "left"):
            stray = source.choice(STRAY) if kind == "add" else f".{Path(source.choice(names)).name}.6703.tmp"
            yield artefact, kind, str(Path(source.choice(names)).parent / stray)
            continue
        folders = sorted({str(Path(name).parent) for name in names} - {"."})
        if kind in ("move", "link", "exchange") and folders:
            yield artefact, kind, source.choice(folders)
            continue
        kind = kind if kind not in ("move", "link", "exchange") else "rename"
        if kind in ("remove", "rename") and artefact.name in ("export", "processor", "peft", "sentences"):
            names.remove(MANIFEST)  # without it, it is somebody else's
        if artefact.name == "sweep" and kind in ("remove", "rename"):
            names.remove(MANIFEST)  # as an earlier version made it
        if kind in ("flip", "cut", "zero"):
            names = [name for name in names if any((artefact.folder / name).read_bytes())]
        if kind == "swap":
            names = [name for name in names if _differs(artefact, name)]
        yield artefact, kind, source.choice([name for name in names if not name.endswith("README.md")])


def _differs(artefact: Artefact, name: str) -> bool:
    """Whether the twin has the file with other bytes; a model card is there to be edited (`LAYOUTS`)."""
    own, other = artefact.folder / name, artefact.twin / name
    return name != "README.md" and other.is_file() and other.read_bytes() != own.read_bytes()


def apply(artefact: Artefact, kind: str, name: str, folder: Path, source: random.Random) -> None:
    """Damage one file or folder of `folder`, which is a copy of the artefact."""
    path = folder / name
    if kind in ("add", "left"):
        path.write_bytes(b"stray")
    elif kind == "remove":
        path.unlink()
    elif kind == "swap":
        shutil.copy(artefact.twin / name, path)
    elif kind in ("rename", "move"):
        path.rename(path.with_name(f"{path.name}0" if kind == "rename" else f"{path.name[:-1]}9"))
    elif kind == "exchange":
        _exchange(path, sorted(one for one in path.parent.iterdir() if one.is_dir()))
    elif kind == "link":
        target = folder.with_name("elsewhere") / path.name
        target.parent.mkdir()
        path.rename(target)
        path.symlink_to(target)
    else:
        data = bytearray(path.read_bytes())
        place = source.randrange(8 * len(data))
        if kind == "flip":
            data[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(len(data)) if kind == "zero" else data[: place // 8] if kind == "cut" else data)


def _exchange(path: Path, beside: list[Path]) -> None:
    """Exchange a folder with the one beside it; a folder that is alone gets another name."""
    other = beside[(beside.index(path) + 1) % len(beside)]
    path.rename(path.with_name("between"))
    if other != path:
        other.rename(path)
        path.with_name("between").rename(other)


def untold(artefacts: list[Artefact], count: int, seed: int, work: Path) -> list[str]:
    """Return the damages that opening does not tell in one line that names the file.

    Where opening does not read the damaged file, its output must be that of before, and comparing all must tell.
    """
    source, missed = random.Random(seed), []
    before = {one.name: one.output(one.folder) for one in artefacts if one.output is not None}
    for artefact, kind, name in damages(artefacts, count, seed):
        folder = Path(shutil.copytree(artefact.folder, work / artefact.folder.name))
        apply(artefact, kind, name, folder, source)
        said = _said(artefact.opened, folder)
        harmless = artefact.output is not None and not said and artefact.output(folder) == before[artefact.name]
        if harmless:
            said = _said(lambda path: need_intact(path) or [], folder)
        if kind == "left" and artefact.name in GROWING:  # a kill must not make unusable what grows; it is removed later
            said = said or [name]
        # A manifest that lists other contents makes the files beside it the wrong ones.
        word = "damaged" if name.endswith(MANIFEST) or kind in ("move", "exchange") else Path(name).name
        if not any(word in line and "\n" not in line for line in said):
            missed.append(f"{kind} {artefact.name}/{name}: {said}")
        shutil.rmtree(folder)
        shutil.rmtree(work / "elsewhere", ignore_errors=True)
    return missed


def _said(opened: Callable[[Path], list[str]], folder: Path) -> list[str]:
    try:
        return opened(folder)
    except HeadstartError as error:
        return [str(error)]
