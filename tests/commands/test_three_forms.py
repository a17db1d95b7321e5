"""One table as Excel saves it in Korea (CP949), as UTF-8 and as a workbook: the same rows, model and answers."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from program import headstart
from workbooks import workbook

from headstart.core.files import sha256

COLUMNS = ("번호", "리뷰", "별점", "작성일", "라벨")
WORDS = ("재미있다", "지루하다", "배우가 좋다", "각본이 허술하다", "음악이 좋아서 또 본다", "다시는 안 본다")


def table(rows: int, start: int = 0) -> list[tuple]:
    """Rows with a number, a text with commas, quotes and line ends, a decimal, a date and a label."""
    out = []
    for number in range(start, start + rows):
        good = number % 2
        text = f'{WORDS[number % 6]}, "{WORDS[2 if good else 3]}"' + ("\n두 번째 줄" if number % 5 == 0 else "")
        out.append((number, text, number / 4, f"2024-{number % 12 + 1:02d}-03", "긍정" if good else "부정"))
    return out


def as_text(rows) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows([COLUMNS, *rows])
    return stream.getvalue()


def as_workbook(rows) -> bytes:
    return workbook([COLUMNS, *rows])


FORMS = {
    "cp949.csv": lambda rows: as_text(rows).encode("cp949"),
    "utf8.csv": lambda rows: as_text(rows).encode("utf-8"),
    "marked.csv": lambda rows: as_text(rows).encode("utf-8-sig"),
    "semicolons.csv": lambda rows: as_text(rows).replace(",", ";").encode("cp949"),
    "utf16.txt": lambda rows: as_text(rows).replace(",", "\t").encode("utf-16"),
    "book.xlsx": as_workbook,
}


def written(path) -> list[dict[str, str]]:
    """The rows of a table that `predict` wrote."""
    if path.suffix == ".xlsx":
        head, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
        return [{name: "" if cell is None else cell for name, cell in zip(head, row)} for row in rows]
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """For every form: the hashes of the model's arrays, the rows that were read, and the answers written back."""
    out = {}
    for name, write in FORMS.items():
        folder = tmp_path_factory.mktemp("form")
        commas = name in ("semicolons.csv", "utf16.txt")  # their cells hold no commas, which would become separators
        train, new = (
            [tuple(str(cell).replace(",", " ") if commas else cell for cell in row) for row in rows]
            for rows in (table(60), table(12, 100))
        )
        (folder / name).write_bytes(write(train))
        (folder / f"new-{name}").write_bytes(write(new))
        told = headstart(
            "transfer",
            "none",
            "--data",
            str(folder / name),
            "--text",
            "리뷰",
            "--label",
            "라벨",
            "--route",
            "tfidf_nb",
            "--out",
            str(folder / "task"),
        )
        assert told.code == 0, told.err
        end = ".xlsx" if name.endswith(".xlsx") else ".csv"
        told = headstart(
            "predict", str(folder / "task"), str(folder / f"new-{name}"), "--out", str(folder / f"answers{end}")
        )
        assert told.code == 0, told.err
        arrays = {path.name: sha256(path) for path in sorted((folder / "task").rglob("*.safetensors"))}
        out[name] = (arrays, told, written(folder / f"answers{end}"))
    return out


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("semicolons.csv", "utf16.txt")])
def test_every_form_gives_the_same_model_and_the_same_answers(done, name):
    arrays, _, rows = done[name]
    assert arrays
    assert arrays == done["utf8.csv"][0]
    plain = done["utf8.csv"][2]
    assert [
        {key: str(value) for key, value in row.items() if key in ("리뷰", "answer", "라벨", "작성일")} for row in rows
    ] == [{key: value for key, value in row.items() if key in ("리뷰", "answer", "라벨", "작성일")} for row in plain]


@pytest.mark.parametrize("name", FORMS)
def test_answers_come_back_with_all_columns(done, name):
    _, _, rows = done[name]
    assert len(rows) == 12
    assert list(rows[0])[: len(COLUMNS)] == list(COLUMNS)
    probabilities = ["p(긍정)", "p(부정)"]
    for row in rows:
        assert abs(sum(float(row[column]) for column in probabilities) - 1) < 1e-3


def test_semicolons_and_tabs_are_the_same_table_too(done):
    assert done["semicolons.csv"][0] == done["utf16.txt"][0] != done["utf8.csv"][0]
    assert done["semicolons.csv"][2] == done["utf16.txt"][2]
