"""Bad input, bad surroundings: one line that begins `headstart:` and teaches, no traceback, nothing saved is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess

import pytest

from headstart.core.manifest import faults

PRETRAIN = "pretrain {} --out {{tmp}}/out --steps 3 backbone.width=32"


def pretrain(source: str, more: str = "") -> str:
    return f"{PRETRAIN.format(source)} {more}"


def transfer(data: str, more: str = "", base: str = "halves") -> str:
    return f"transfer {base} --data {data} --out {{tmp}}/out {more}"


def compare(more: str, data: str = "train.tsv", base: str = "halves") -> str:
    return f"compare {base} --data {data} --test test.tsv --out {{tmp}}/out {more}"


# id: (command, what the complaint must hold)
REFUSED = {
    "missing file": (pretrain("corpsu.txt"), ["corpsu.txt: no such file", "did you mean 'corpus.txt'"]),
    "missing labels": (transfer("trian.tsv"), ["trian.tsv: no such file", "'train.tsv'"]),
    "missing run": (transfer("train.tsv", base="halvs"), ["halvs: no such directory", "'halves'"]),
    "missing task": ("predict tsak corpus.txt", ["tsak: no such directory", "'task'"]),
    "empty file": (pretrain("empty.txt"), ["empty.txt: the file is empty"]),
    "blank file": (pretrain("blank.txt"), ["no document in blank.txt", "3 empty"]),
    "half a compressed file": (pretrain("broken.txt.gz"), ["damaged, its end is missing", "--lost 1"]),
    "binary file": (pretrain("noise.bin"), ["noise.bin: a binary file"]),
    "wrong column": (pretrain("test.tsv", "--column documnet"), ["'documnet'", "did you mean 'document'"]),
    "wrong label column": (transfer("train.tsv", "--label lable"), ["'lable'", "did you mean 'label'"]),
    "wrong text column": ("predict task test.tsv --text documnet", ["'documnet'", "did you mean 'document'"]),
    "one column twice": (transfer("train.tsv", "--text label --label label"), ["'label'"]),
    "labels of plain text": (transfer("corpus.txt"), ["corpus.txt: plain text has no labels", ".tsv"]),
    "header only": (transfer("header.tsv"), ["no usable row in header.tsv"]),
    "one class": (transfer("one_class.tsv"), ["only one class, 'film'"]),
    "one class, compare": (compare("--labels 4", "one_class.tsv"), ["only one class, 'film'"]),
    "vocabulary too large": (pretrain("corpus.txt", "--vocabulary 50000"), ["vocabulary 50,000 is larger than"]),
    "vocabulary too large, wordpiece": (
        pretrain("corpus.txt", "--objective mlm --vocabulary 50000"),
        ["vocabulary 50,000 is larger than the data allows", "reached"],
    ),
    "vocabulary 0": (pretrain("corpus.txt", "--vocabulary 0"), ["--vocabulary 0: must be larger than 0"]),
    "minutes 0": (pretrain("corpus.txt", "--minutes 0"), ["--minutes 0: must be larger than 0"]),
    "minutes -1": (pretrain("corpus.txt", "--minutes -1"), ["--minutes -1: must be larger than 0"]),
    "minutes abc": (pretrain("corpus.txt", "--minutes abc"), ["--minutes abc: expected a number"]),
    "minutes inf": (pretrain("corpus.txt", "--minutes inf"), ["--minutes inf"]),
    "steps 1.5": ("pretrain corpus.txt --out {tmp}/out --steps 1.5", ["--steps 1.5: expected a whole number"]),
    "no value": ("pretrain corpus.txt --out {tmp}/out --minutes", ["--minutes needs a value"]),
    "no out": ("pretrain corpus.txt", ["--out is missing", "headstart pretrain --help"]),
    "no corpus": ("pretrain --out {tmp}/out", ["CORPUS is missing"]),
    "unknown command": ("pretrian corpus.txt", ["unknown command 'pretrian'", "did you mean 'pretrain'"]),
    "unknown option": (pretrain("corpus.txt", "--stpes 3"), ["--stpes", "--steps"]),
    "unknown choice": (pretrain("corpus.txt", "--unit pargraph"), ["--unit pargraph", "'paragraph'"]),
    "too many arguments": ("list route probe layer", ["'layer' is not understood here", "headstart list --help"]),
    "unknown route": (transfer("train.tsv", "--route prob"), ["unknown route 'prob'", "did you mean 'probe'"]),
    "unknown objective": (pretrain("corpus.txt", "--objective halfs"), ["unknown objective 'halfs'", "'halves'"]),
    "unknown metric": (compare("--metric acuracy"), ["unknown metric 'acuracy'", "'accuracy'"]),
    "metric of another task": (
        compare("--metric chrf"),
        ["--metric chrf: it scores generate", "ask for classify", "macro_f1"],
    ),
    "unknown axis": ("list objectiv", ["unknown axis 'objectiv'", "'objective'"]),
    "unknown export": ("export mlm --out {tmp}/out --to tflite", ["unknown export 'tflite'", "hf"]),
    "unknown pooling": ("embed mlm corpus.txt --out {tmp}/v.npy --pooling max", ["unknown pooling 'max'", "mean"]),
    "unknown setting": (
        pretrain("corpus.txt", "--objective mlm objective.mask_raito=0.3"),
        ["unknown setting of objective mlm 'mask_raito'", "did you mean 'mask_ratio'"],
    ),
    "unknown part": (pretrain("corpus.txt", "objectiv.learning_rate=0.3"), ["'objectiv'", "did you mean 'objective'"]),
    "unknown backbone": (pretrain("corpus.txt", "backbone=modernbrt"), ["unknown backbone", "'modernbert'"]),
    "unknown route setting": (transfer("train.tsv", "probe.laier=2"), ["'laier'", "did you mean 'layer'"]),
    "ill-typed setting": (
        pretrain("corpus.txt", "training.learning_rate=fast"),
        ["training.learning_rate='fast': expected a number"],
    ),
    "ill-typed size": (pretrain("corpus.txt", "backbone.width=wide"), ["width='wide': expected a whole number"]),
    "size 0": (pretrain("corpus.txt", "backbone.width=0"), ["width=0: expected at least 1"]),
    "batches of nothing": (pretrain("corpus.txt", "batches.tokens=0"), ["batches.tokens=0: expected at least 1"]),
    "share above 1": (pretrain("corpus.txt", "held_out=2"), ["held_out=2.0"]),
    "optimizer setting": (pretrain("corpus.txt", "training.beta2=2"), ["training.beta2=2.0"]),
    "no such layer": ("embed mlm corpus.txt --out {tmp}/v.npy --layer 7", ["layer=7", "-1 (last)"]),
    "labels beyond the pool": (compare("--labels 5000"), ["labels=5000", "120 rows"]),
    "missing corpus": (compare("--corpus corpsu.txt"), ["corpsu.txt: no such file", "did you mean 'corpus.txt'"]),
    "blank corpus": (compare("--corpus blank.txt"), ["no document in blank.txt"]),
    "labels of letters": (compare("--labels a,b"), ["--labels a,b: expected whole numbers with commas"]),
    "labels 0": (compare("--labels 0"), ["--labels 0", "at least 1"]),
    "demo draws 1.5": ("demo --out {tmp}/out --draws 1.5", ["--draws 1.5: expected a whole number"]),
    "draws 0": (compare("--draws 0"), ["--draws 0: must be larger than 0"]),
    "route without base": (compare("--routes probe", base="none"), ["probe", "not `none`"]),
    "transfer without base": (transfer("train.tsv", base="none"), ["route probe", "pre-trained base"]),
    "no documents long enough": (pretrain("short.txt"), ["nothing to learn", "0 of 298 documents", "at least 4 words"]),
    "one document": (pretrain("one_document.txt"), ["nothing to learn", "1 of 1 documents"]),
    "one word": (pretrain("one_word.txt"), ["more text is needed"]),
    "not a task": ("evaluate halves test.tsv", ["halves: not a task model"]),
    "not a run": ("embed task corpus.txt --out {tmp}/v.npy", ["task", "run"]),
    "no masks": ("fill mlm film", ["the text has no [MASK]"]),
    "no masked model": ("fill halves [MASK]", ["halves is no masked language model", "--objective mlm"]),
    "export of a bag": ("export halves --out {tmp}/out", ["ngram_bag does not exist in transformers"]),
    "export of a probe": ("export task --out {tmp}/out", ["ngram_bag does not exist in transformers", "onnx"]),
    "out below a file": ("pretrain corpus.txt --out corpus.txt/run --steps 3", ["corpus.txt is a file"]),
    "out is a file": ("pretrain corpus.txt --out corpus.txt --steps 3", ["corpus.txt is a file"]),
    "out in /proc": (
        "pretrain corpus.txt --out /proc/none/run --steps 3",
        ["cannot write /proc/none/run: its folder is gone, or cannot be made"],
    ),
    "transfer below a file": ("transfer halves --data train.tsv --out corpus.txt/t", ["corpus.txt is a file"]),
    "vectors below a file": ("embed halves corpus.txt --out corpus.txt/v.npy", ["corpus.txt is a file"]),
    "answers below a file": ("predict task corpus.txt --out corpus.txt/p.jsonl", ["corpus.txt is a file"]),
    "run exists": ("pretrain corpus.txt --out halves --steps 3", ["halves exists", "--resume"]),
    "task exists": ("transfer halves --data train.tsv --out task", ["task exists", "choose another --out"]),
    "export exists": ("export mlm --out halves", ["halves exists", "choose another --out"]),
    "report over a run": ("compare halves --data train.tsv --out halves", ["halves exists and is no comparison"]),
    "answers exist": ("predict task test.tsv --out train.tsv", ["train.tsv exists"]),
    "resume of no run": ("pretrain corpus.txt --out task --resume", ["task is no run", "run.json"]),
    "resume of another": (
        "pretrain corpus.txt --out halves --objective mlm --resume",
        ["--objective mlm: halves was started with halves"],
    ),
    "resume of another recipe": (
        "pretrain corpus.txt --out halves --recipe bert --resume",
        ["--recipe bert: halves was started with objective halves"],
    ),
    "recipe against the base": (
        pretrain("corpus.txt", "--base mlm --recipe gpt2"),
        ["objective causal needs a backbone that reads from left to right"],
    ),
    "extend without a base": (pretrain("corpus.txt", "extend=20"), ["extend=20: only the vocabulary of a --base"]),
    "extend by less": (pretrain("corpus.txt", "--base mlm extend=-3"), ["extend=-3: must be at least 0"]),
    "task of a wrong column": (transfer("train.tsv", "--text documnet"), ["'documnet'", "did you mean 'document'"]),
    "resume with a setting": (
        "pretrain corpus.txt --out halves --resume objective.minimum=9",
        ["objective.minimum=9: halves was started with other settings"],
    ),
}


def state(folder) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(program, place, tmp_path, case):
    command, pieces = REFUSED[case]
    before = state(place)
    found = program(*command.format(tmp=tmp_path).split())
    assert found.code == 2, found.err
    assert [piece for piece in pieces if piece not in found.complaint] == [], found.complaint
    assert state(place) == before
    assert list(tmp_path.iterdir()) == []  # so that the mended command works with the same --out


# id: (command, what must be said)
USED = {
    "labels missing": (transfer("gaps.tsv"), ["40 rows read, 32 used, 8 skipped (8 no label)", "gaps.tsv:2"]),
    "broken gzip": (
        pretrain("broken.txt.gz", "--lost 1"),
        ["1 cut off by the damaged end", "the rows before were used"],
    ),
    "broken jsonl": (pretrain("broken.jsonl"), ["60 rows read, 59 used, 1 skipped", "broken.jsonl:7: not valid JSON"]),
    "unknown labels": ("evaluate task mixed.tsv", ["3 rows read, 2 used, 1 skipped (1 unknown label)", "mixed.tsv:4"]),
    "one document, mlm": (
        pretrain("one_document.txt", "--objective mlm backbone.heads=2 backbone.depth=1"),
        ["1 rows read, 1 used"],
    ),
    "one word, mlm": (
        pretrain("one_word.txt", "--objective mlm backbone.heads=2 backbone.depth=1"),
        ["1 rows read, 1 used"],
    ),
}


@pytest.fixture(scope="module")
def _mixed(place):
    path = place / "mixed.tsv"
    path.write_text("document\tlabel\nfilm actor\tfilm\nsoup bread\tfood\nwheel road\troad\n")
    yield
    path.unlink()


@pytest.mark.usefixtures("_mixed")
@pytest.mark.parametrize("case", USED)
def test_the_rest_is_used_and_counted(program, tmp_path, case):
    command, pieces = USED[case]
    found = program(*command.format(tmp=tmp_path).split())
    assert found.code == 0, found.err
    assert [piece for piece in pieces if piece not in found.err] == [], found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize(
    "command",
    ["predict task -", "pretrain - --out {tmp}/out --steps 3", "embed halves - --out {tmp}/v.npy"],
)
def test_nothing_on_stdin(program, tmp_path, command):
    found = program(*command.format(tmp=tmp_path).split())
    assert found.code == 2
    assert "standard input" in found.complaint
    assert "empty" in found.complaint
    assert list(tmp_path.iterdir()) == []


def test_a_refused_corpus_does_not_block_the_mended_command(program, tmp_path):
    out = tmp_path / "run"
    assert program("pretrain", "noise.bin", "--out", out, "--steps", 2).code == 2
    assert program("pretrain", "corpus.txt", "--out", out, "--steps", 2, "backbone.width=32").code == 0


def run_copy(place, tmp_path):
    return shutil.copytree(place / "halves", tmp_path / "run")


def spoil(checkpoint) -> None:
    weights = checkpoint / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])


def test_damaged_newest_checkpoint_falls_back(program, place, tmp_path):
    run = run_copy(place, tmp_path)
    spoil(run / "checkpoints/step-000000006")
    found = program("transfer", run, "--data", "train.tsv", "--out", tmp_path / "t")
    assert found.code == 0
    assert "damaged" in found.err
    assert "falling back" in found.err
    again = program("pretrain", "corpus.txt", "--out", run, "--resume")
    assert again.code == 0
    assert "falling back" in again.err
    assert "resumed from step-000000003" in again.err
    assert faults(run / "checkpoints/step-000000006", "checkpoint") == []


@pytest.mark.parametrize("verb", ["transfer {run} --data train.tsv --out {tmp}/t", "pretrain x --out {run} --resume"])
def test_all_checkpoints_damaged(program, place, tmp_path, verb):
    run = run_copy(place, tmp_path)
    for checkpoint in (run / "checkpoints").iterdir():
        spoil(checkpoint)
    found = program(*verb.format(run=run, tmp=tmp_path).split())
    assert found.code == 2
    assert "no checkpoint of 2 can be used" in found.complaint
    assert len(list((run / "checkpoints").iterdir())) == 2  # left for whoever can mend them


@pytest.mark.parametrize("name", ["model.safetensors", "task.json", "model.json"])
def test_damaged_task(program, place, tmp_path, name):
    task = shutil.copytree(place / "task", tmp_path / "task")
    (task / name).write_bytes(b"x" + (task / name).read_bytes()[2:])
    found = program("predict", task, "corpus.txt")
    assert found.code == 2
    assert name in found.complaint


@pytest.mark.parametrize("text", ['{"spec": {"corpus"', "[]", '{"spec": {}}', '{"spec": 7}'])
def test_damaged_run_description(program, place, tmp_path, text):
    run = run_copy(place, tmp_path)
    (run / "run.json").write_text(text)
    for command in (("pretrain", "x", "--out", run, "--resume"), ("embed", run, "corpus.txt", "--out", tmp_path / "v")):
        found = program(*command)
        assert found.code == 2
        assert "run.json" in found.complaint


def test_damaged_shards_are_made_again(program, place, tmp_path):
    run = run_copy(place, tmp_path)
    (run / "store/ids.bin").write_bytes(b"nothing")
    again = program("pretrain", "corpus.txt", "--out", run, "--resume", "--steps", 7)
    assert again.code == 0
    assert faults(run / "store", "store") == []


@pytest.mark.parametrize("part", ["prepare._processor", "prepare.ensure_store", "run.prepared"])
def test_interrupted_while_preparing(program, tmp_path, monkeypatch, part):
    def interrupt(*_):
        raise KeyboardInterrupt

    command = ("pretrain", "corpus.txt", "--out", tmp_path / "run", "--steps", 3, "backbone.width=32")
    with monkeypatch.context() as patch:
        patch.setattr(f"headstart.training.{part}", interrupt)
        found = program(*command)
    assert found.code == 130
    assert "interrupted" in found.complaint
    assert "--resume" in found.complaint
    assert program(*command, "--resume").code == 0


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8])
def test_disk_that_fills_up_at_any_write(program, place, tmp_path, monkeypatch, number):
    run = run_copy(place, tmp_path)
    calls, real = [0], os.fsync

    def fail(handle):
        calls[0] += 1
        if calls[0] >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        found = program("pretrain", "corpus.txt", "--out", run, "--resume", "--steps", 9)
    assert found.code == 2, found.err
    assert "disk full while writing" in found.complaint
    assert faults(run / "checkpoints/step-000000006", "checkpoint") == []
    assert program("pretrain", "corpus.txt", "--out", run, "--resume", "--steps", 9).code == 0


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full(program, place, small_disk):
    run = shutil.copytree(place / "halves", small_disk / "run")
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass
    for command in (
        ("pretrain", "corpus.txt", "--out", run, "--resume", "--steps", 9),
        ("pretrain", "corpus.txt", "--out", small_disk / "new", "--steps", 2, "backbone.width=32"),
        ("transfer", "halves", "--data", "train.tsv", "--out", small_disk / "task"),
        ("embed", "halves", "corpus.txt", "--out", small_disk / "v.npy"),
        ("predict", "task", "corpus.txt", "--out", small_disk / "p.jsonl"),
        ("export", "mlm", "--out", small_disk / "hf"),
    ):
        found = program(*command)
        assert found.code == 2, found.err
        assert "disk full while writing" in found.complaint
    assert faults(run / "checkpoints/step-000000006", "checkpoint") == []
    filler.unlink()
    assert program("pretrain", "corpus.txt", "--out", run, "--resume", "--steps", 9).code == 0
    assert program("pretrain", "corpus.txt", "--out", small_disk / "new", "--steps", 2, "backbone.width=32").code == 0
