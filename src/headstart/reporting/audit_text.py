"""An audit in words, in English and Korean: its findings, the most important first, and how the gate ended."""

from __future__ import annotations

from typing import Any

from headstart.auditing.gate import GateResult
from headstart.auditing.two_sample import told_apart
from headstart.core.item_nouns import one_item, some_items
from headstart.reporting.number_text import percent_tenths
from headstart.reporting.phrases import LANGUAGES, catalogue, named, phrase

_CLEAR_P, _CLEAR_CLASSES = 0.01, 0.05
_BORDER, _MUCH = 0.1, 0.5  # share of labels told by the border beyond the commonest class; of those told by the whole
_PARTS = ("train", "test", "corpus")
# Findings that are no leak of labels.
_IN_ORDER = ("read_before", "single_read", "shared_read", "uncontaminated", "train_in_corpus", "no_single")
_IN_ORDER += ("not_shared",)


def audit_sentences(data: dict[str, Any], language: str) -> list[str]:
    """Return what an audit's data say, the most important first. Raises HeadstartError: unknown language."""
    catalogue(language)  # raises
    found = [
        *_left_out(data),
        *_leaks(data, language),
        *_doubts(data),
        *_shifts(data, language),
        *_inside(data, language),
    ]
    nouns = _nouns(data, language)
    lines = [phrase(language, f"gate.{name}", **values, **nouns) for name, values in found]
    return [line[:1].upper() + line[1:] for line in lines]


def gate_facts(result: GateResult) -> dict[str, Any]:
    """Return what a report states of the audit before it: the findings with their sentences, or why there is none."""
    if result.outcome == "waived":
        return {"waived": True}
    if result.outcome == "skipped":
        return {"skipped": "as asked"}
    if result.outcome == "out_of_time":
        told = {name: [phrase(name, "gate.out_of_time", seconds=result.seconds)] for name in LANGUAGES}
        return {"skipped": told["en"][0], "sentences": told}
    sentences = {name: audit_sentences(result.data, name) for name in LANGUAGES}
    for name, lines in sentences.items():
        nouns = _nouns(result.data, name)
        if result.documents is not None:
            lines.append(phrase(name, "gate.cut", count=result.documents, **nouns))
        if result.unseen:
            lines.append(phrase(name, "gate.unseen", names=", ".join(result.unseen), **nouns))
    return {"identity": result.identity, "sentences": sentences, "data": result.data}


def part_name(data: dict[str, Any], name: str, language: str) -> str:
    """Return what a part of an audit's data is called: train, test, corpus."""
    return phrase(language, f"gate.part_{name}", **_nouns(data, language))


def part_words(data: dict[str, Any], name: str, language: str) -> str:
    """Return what a part is called where it stands alone; one that is none of these keeps its own name."""
    return phrase(language, f"audit_page.{name}", **_nouns(data, language)) if name in _PARTS else name


def _nouns(data: dict[str, Any], language: str) -> dict[str, str]:
    """Return what the items of an audit are called; an audit that does not say was one of texts."""
    takes = data.get("takes", "text")
    return {"item": one_item(takes, language), "items": some_items(takes, language)}


def script_name(script: str, language: str) -> str:
    """Return what a writing system is called."""
    return named(language, "gate.script", script)


def _left_out(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return how many test rows no score can count, as their class is unknown to the training rows."""
    ledger = data["ledger"].get("test", {})
    count = ledger.get("skipped", {}).get("unknown label", 0)
    if not count:
        return []
    share = percent_tenths(count / max(ledger["read"], 1))
    return [("unknown", {"rows": f"{count:,}", "all": f"{ledger['read']:,}", "share": share})]


def _leaks(data: dict[str, Any], language: str) -> list[tuple[str, dict[str, Any]]]:
    out = []
    for name, across in data["across"].items():
        where, rows = part_name(data, name, language), f"{across['rows']:,}"
        if (copies := across.get("copies")) is not None:
            values = _counted(copies) | {"all": rows, "where": where}
            kinds = {"train": "contaminated", "corpus": "read_before"}
            found = kinds[name] if across["of"] == "test" else "train_in_corpus"
            if copies["rows"] or across["of"] == "test":
                out.append((found if copies["rows"] else "uncontaminated", values))
            if copies.get("other_label"):
                out.append(("other_label", {"rows": f"{copies['other_label']:,}"}))
        if (single := across.get("single_texts")) is not None and across["of"] == "test":
            same = single["exact"]["rows"] + single["normalised"]["rows"]
            found, none = ("shared", "not_shared") if data["task"] == "answer" else ("single", "no_single")
            values = _counted(single) | {"all": rows, "where": where, "same": f"{same:,}"}
            some = f"{found}_read" if name == "corpus" else found
            out.append((some if single["rows"] else none, values))
    groups = data.get("groups")
    if groups and groups["groups"]:
        out.append(
            (
                "groups",
                {"groups": groups["groups"], "rows": groups["test_rows"], "share": percent_tenths(groups["share"])},
            )
        )
    # A leak first, then what is in order.
    return sorted(out, key=lambda item: item[0] in _IN_ORDER)


def _counted(found: dict[str, Any]) -> dict[str, str]:
    kinds = {kind: f"{found[kind]['rows']:,}" for kind in ("exact", "normalised", "near")}
    return {"rows": f"{found['rows']:,}", "share": percent_tenths(found["share"])} | kinds


def _doubts(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    labels, out = data["labels"], []
    if labels.get("conflicts", {}).get("texts"):
        out.append(("conflicts", {key: f"{labels['conflicts'][key]:,}" for key in ("texts", "rows")}))
    if labels.get("near_conflicts", {}).get("pairs"):
        out.append(("near_conflicts", {"pairs": f"{labels['near_conflicts']['pairs']:,}"}))
    errors = labels.get("errors", {})
    if errors.get("rows"):
        values = {"rows": f"{errors['rows']:,}", "share": percent_tenths(errors["share"])}
        out.append(
            ("errors", values | {"clear": f"{errors['clear']:,}", "wrong": percent_tenths(1 - errors["accuracy"])})
        )
    if (told := labels.get("borders")) and _by_border(told):
        out.append(("borders", {name: percent_tenths(told[name]) for name in ("border", "whole", "largest")}))
    return out


def _by_border(told: dict[str, float]) -> bool:
    """Whether the border tells much of what the whole image does beyond the commonest class."""
    beyond = {name: told[name] - told["largest"] for name in ("border", "whole")}
    return beyond["border"] >= _BORDER and beyond["border"] >= _MUCH * beyond["whole"]


def _shifts(data: dict[str, Any], language: str) -> list[tuple[str, dict[str, Any]]]:
    out = []
    texts, classes = data["shift"].get("texts", {}), data["shift"].get("classes")
    if "auc" in texts:
        apart = told_apart(texts)
        out.append(("told_apart" if apart else "alike", texts))
        if apart and texts.get("properties"):
            first = texts["properties"][0]
            name = named(language, "gate.property", first["property"])
            values = {side: f"{first[side]:g}" for side in ("train", "test")}
            out.append(("properties", values | {"property": name}))
    if classes and classes["p"] < _CLEAR_P and classes["distance"] > _CLEAR_CLASSES:
        out.append(("classes", classes))
    if classes and classes["only_in_test"]:
        out.append(("new_classes", {"names": ", ".join(classes["only_in_test"][:10])}))
    return out


def _inside(data: dict[str, Any], language: str) -> list[tuple[str, dict[str, Any]]]:
    out, profiles = [], []
    for name, ledger in data["ledger"].items():
        if isinstance(ledger, dict) and (skipped := sum(ledger.get("skipped", {}).values())):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger["skipped"].items())
            where = part_name(data, name, language) if name in _PARTS else name
            values = {"skipped": f"{skipped:,}", "read": f"{ledger['read']:,}", "reasons": reasons, "where": where}
            out.append(("skipped", values))
    for name, split in data["splits"].items():
        where, rows = part_name(data, name, language), f"{split['profile']['rows']:,}"
        kinds = {kind: f"{split['duplicates'][kind]['rows']:,}" for kind in ("exact", "normalised", "near")}
        out.append(("duplicates", kinds | {"all": rows, "where": where}))
        if "passages" in split:
            out.append(("passages", {"where": where, "rows": rows, "passages": f"{split['passages']:,}"}))
        shape = split["profile"]
        if shape["empty"]:
            found = "flat" if data.get("takes") == "image" else "empty"
            out.append((found, {"rows": f"{shape['empty']:,}", "where": where}))
        if shape["characters"]:
            sizes = {"median": "0.5", "low": "0.05", "high": "0.95"}
            scripts = ", ".join(
                f"{script_name(script, language)} {percent_tenths(share)}"
                for script, share in list(shape["scripts"].items())[:3]
            )
            values = {key: f"{shape['characters'][share]:,.0f}" for key, share in sizes.items()}
            profiles.append(("profile", values | {"where": where, "rows": rows, "scripts": scripts or "–"}))
        elif shape.get("width"):
            sides = {side: f"{shape[side]['0.5']:,.0f}" for side in ("width", "height")}
            profiles.append(("images", sides | {"where": where, "rows": rows}))
    if (told := data.get("near_by_vectors")) and told["pairs"]:
        out.append(("near_by_vectors", {name: f"{told[name]:,}" for name in ("agree", "pairs")}))
    return out + profiles
