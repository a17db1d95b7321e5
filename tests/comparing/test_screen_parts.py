"""Finalists of a crossing: what every part chose first goes on before any second choice."""

from __future__ import annotations

from headstart.comparing.screen_parts import finalists_of_parts
from headstart.core import registry
from headstart.statistics.study import Entry

CLASSICAL = ("majority", "tfidf_logreg", "tfidf_nb", "tfidf_svm", "ppmi_logreg")
ENTRIES = [
    *(Entry(registry.load("route", name)()) for name in CLASSICAL),
    *(Entry(registry.load("route", name)(), "run") for name in ("probe", "knn", "joined", "finetune", "lora")),
]


def names(chosen):
    return [one.name for one in finalists_of_parts(ENTRIES, chosen)]


def test_the_union_keeps_the_order_of_the_entries():
    assert names([["majority", "probe · run", "tfidf_nb"], ["majority", "knn · run", "tfidf_nb"]]) == [
        "majority",
        "tfidf_nb",
        "probe · run",
        "knn · run",
    ]


def test_first_choices_go_before_second_ones_and_what_more_parts_chose_before_the_rest():
    one = ["majority", "probe · run", "knn · run", "joined · run", "tfidf_nb", "tfidf_svm"]
    two = ["majority", "finetune · run", "knn · run", "tfidf_logreg"]
    three = ["majority", "probe · run", "lora · run", "ppmi_logreg"]
    found = names([one, two, three])
    assert set(found) == {
        "majority",
        *("probe · run", "finetune · run", "tfidf_nb", "tfidf_logreg", "ppmi_logreg"),  # first choices
        "knn · run",  # two parts' second
    }


def test_an_entry_that_no_part_chose_is_not_trained():
    assert names([["probe · run"], ["probe · run"]]) == ["probe · run"]
