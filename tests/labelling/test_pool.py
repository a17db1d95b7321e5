"""The pool: a bounded sample of different rows that depends on the rows and the seed alone."""

from __future__ import annotations

from headstart.data.read_request import ReadRequest
from headstart.labelling.pool import read_pool, row_key, told


def pool(path, known=(), most=10, seed=0, progress=lambda line: None):
    return read_pool(ReadRequest(paths=path), known, most=most, seed=seed, progress=progress)


def words(number: int) -> str:
    """A text that shares no piece with the others."""
    return " ".join(chr(0xAC00 + (number * 37 + place * 5003) % 11172) * 3 for place in range(4))


def test_a_sample_is_of_the_rows_not_of_their_order_or_number(tmp_path):
    lines = [words(number) for number in range(300)]
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "b.txt").write_text("\n".join([*lines[::-1], *lines[:50] * 3]) + "\n")
    one, other = pool(tmp_path / "a.txt"), pool(tmp_path / "b.txt")
    assert one.examples.items == other.examples.items
    assert len(one.examples) == 10
    assert one.sampled
    assert "a sample by hash" in told(one)
    assert pool(tmp_path / "a.txt", seed=1).examples.items != one.examples.items
    larger = pool(tmp_path / "a.txt", most=40).examples.items
    assert larger[:10] == one.examples.items


def test_all_rows_are_kept_where_there_is_room(tmp_path):
    lines = [words(number) for number in range(30)]
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    found = pool(tmp_path / "a.txt", most=30)
    assert sorted(found.examples.items) == sorted(lines)
    assert not found.sampled


def test_known_rows_are_left_out_whatever_their_spaces(tmp_path):
    (tmp_path / "a.txt").write_text("하나 둘\ntwo  words\nthree other words\n")
    found = pool(tmp_path / "a.txt", known={row_key(["two words"]), row_key(["하나 둘"])})
    assert found.examples.items == ["three other words"]
    assert found.labelled == 2


def test_long_files_tell_how_far_they_are(tmp_path):
    with open(tmp_path / "a.txt", "w") as stream:
        stream.writelines(f"{number % 1000}\n" for number in range(200_500))
    lines = []
    pool(tmp_path / "a.txt", progress=lines.append)
    assert lines == ["100,000 rows read", "200,000 rows read"]
