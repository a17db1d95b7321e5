"""verify makes cells again: identical, inside the interval, outside; and refuses where the data are no longer those."""

from __future__ import annotations

import json
import shutil

import pytest

from headstart.core.manifest import seal

COMPARE = ("compare", "halves", "--labels", "8,16", "--draws", 2, "--routes", "tfidf_nb,probe", "--audit", "skip")


@pytest.fixture(scope="module")
def made(program, place, tmp_path_factory):
    """A report made from its own copies of the files."""
    home = tmp_path_factory.mktemp("verify")
    for name in ("train.tsv", "test.tsv"):
        shutil.copy(place / name, home / name)
    shutil.copytree(place / "halves", home / "run")
    files = ("--data", home / "train.tsv", "--test", home / "test.tsv")
    done = program(COMPARE[0], home / "run", *COMPARE[2:], *files, "--out", home / "report")
    assert done.code == 0, done.err
    return home


@pytest.fixture
def home(made, tmp_path):
    """A copy of it that a test may spoil; its report names the files of the copy."""
    shutil.copytree(made, tmp_path / "home")
    report = tmp_path / "home/report"
    inputs = (report / "inputs.json").read_text().replace(str(made), str(tmp_path / "home"))
    seal(report, "report", changed={"inputs.json": inputs.encode()})
    return tmp_path / "home"


def test_cells_are_made_again(program, made):
    done = program("verify", made / "report", "probe · run/16/2", "tfidf_nb/8/1")
    assert done.code == 0, done.err
    assert "2 cells made again: 2 identical, 0 within, 0 outside" in done.out
    assert done.err.count("identical, every answer is the same") == 2


def test_a_sample_all_and_an_id(program, made):
    assert "3 cells made again: 3 identical" in program("verify", made / "report", "--sample", 3).out
    assert "8 cells made again: 8 identical" in program("verify", made / "report", "all").out
    key = json.loads((made / "report/cells/cells.jsonl").read_text().splitlines()[0])["key"]
    assert "1 cells made again: 1 identical" in program("verify", made / "report", key[:10]).out


def test_a_cell_of_folds(program, place, tmp_path):
    command = ("compare", "none", "--data", "train.tsv", "--folds", 3, "--draws", 2, "--routes", "tfidf_nb")
    assert program(*command, "--audit", "skip", "--out", tmp_path / "c").code == 0
    assert "2 cells made again: 2 identical" in program("verify", tmp_path / "c", "all").out


@pytest.mark.parametrize(("wrong", "outcome", "code"), [(3, "within", 0), (70, "outside", 1)])
def test_another_score_is_held_against_the_interval(program, home, wrong, outcome, code):
    """The kept answers are changed (and signed again), so that the new ones differ from them."""
    import hashlib

    from safetensors.numpy import load_file, save

    lines = (home / "report/cells/cells.jsonl").read_text().splitlines()
    entry = next(json.loads(line) for line in lines if json.loads(line)["entry"] == "tfidf_nb")
    path = home / f"report/cells/{entry['key']}.safetensors"
    arrays = load_file(path)
    arrays["predicted_N"][:wrong] ^= 1
    path.write_bytes(save(arrays))
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (home / "report/cells/cells.jsonl").write_text("\n".join([*lines, json.dumps(entry)]) + "\n")
    seal(home / "report", "report")
    done = program("verify", home / "report", entry["key"])
    assert done.code == code
    assert f"1 {outcome}" in done.out


def spoil(name):
    def change(home):
        path = home / name
        path.write_text(path.read_text() + "film film film\tfilm\n")

    return change


def spoil_older(name):
    """The same where the report is of a version that did not keep what the files were like."""

    def change(home):
        spoil(name)(home)
        inputs = json.loads((home / "report/inputs.json").read_text())
        del inputs["contents"]
        seal(home / "report", "report", changed={"inputs.json": json.dumps(inputs).encode()})

    return change


@pytest.mark.parametrize(
    ("fault", "asked", "words"),
    [
        (
            spoil("train.tsv"),
            "all",
            ["its data files are not what they were", "train.tsv: its content", "put them back"],
        ),
        (spoil("test.tsv"), "all", ["its test files are not what they were", "test.tsv: its content"]),
        (spoil_older("train.tsv"), "all", ["the training rows changed since", "cannot be made again"]),
        (spoil_older("test.tsv"), "all", ["number of test rows changed"]),
        (lambda home: (home / "test.tsv").unlink(), "all", ["test.tsv: no such file"]),
        (lambda home: shutil.rmtree(home / "run"), "all", ["run"]),
        (lambda home: (home / "report/inputs.json").unlink(), "all", ["damaged report, inputs.json is missing"]),
        (lambda home: shutil.rmtree(home / "report/cells"), "all", ["no report of `headstart compare`"]),
        (lambda home: None, "prob · run/16/2", ["no cell 'prob · run/16/2'", "did you mean 'probe · run/16/2'"]),
        (lambda home: None, None, ["which cells?", "--sample"]),
    ],
)
def test_refusals_are_one_line(program, home, fault, asked, words):
    fault(home)
    refused = program("verify", home / "report", *([asked] if asked else []))
    assert refused.code == 2
    for word in words:
        assert word in refused.complaint


def test_another_base_is_refused(program, place, home):
    shutil.rmtree(home / "run")
    shutil.copytree(place / "mlm", home / "run")
    refused = program("verify", home / "report", "probe · run/16/2")
    assert "its base or its unlabelled documents changed" in refused.complaint
