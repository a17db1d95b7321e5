"""An audit in words, in English and Korean: its findings, the most important first, and how the gate ended."""

from __future__ import annotations

from typing import Any

from headstart.auditing.gate import GateResult
from headstart.core.errors import unknown
from headstart.core.item_nouns import one_item, some_items
from headstart.reporting.number_text import percent_tenths
from headstart.reporting.phrases import LANGUAGES

_CLEAR_P, _CLEAR_AUC, _CLEAR_CLASSES = 0.01, 0.55, 0.05
_PARTS = {"train": ("the training data", "학습 데이터"), "test": ("the test data", "시험 데이터")}
_PARTS |= {"corpus": ("the corpus", "라벨 없는 {items}")}

_IN_ORDER = ("uncontaminated", "train_in_corpus", "no_single", "not_shared")  # findings that are no leak
_SCRIPTS = {"hangul": "한글", "latin": "라틴 문자", "han": "한자", "kana": "가나", "cyrillic": "키릴 문자"}

_PHRASES = {
    "contaminated": (
        "{rows} of {all} test rows ({share}) have a copy in {where} (exact {exact}, normalised {normalised}, near "
        "{near}): scores on them measure memory; read the scores of the clean rows beside them.",
        "시험 {all}행 중 {rows}행({share})이 {where}에 복사본이 있습니다(완전 일치 {exact}, 정규화 후 일치 "
        "{normalised}, 거의 같음 {near}). 이 행의 점수는 암기를 재는 것이므로 깨끗한 행의 점수를 함께 보세요.",
    ),
    "read_before": (
        "{rows} of {all} test rows ({share}) have a copy in {where} (exact {exact}, normalised {normalised}, near "
        "{near}), without its answer: a network may have read it; read the scores of the clean rows beside them.",
        "시험 {all}행 중 {rows}행({share})이 {where}에 복사본이 있습니다(완전 일치 {exact}, 정규화 후 일치 "
        "{normalised}, 거의 같음 {near}). 거기에 답은 없지만 신경망이 그 글을 이미 읽었을 수 있습니다. 깨끗한 행의 "
        "점수를 함께 보세요.",
    ),
    "uncontaminated": (
        "None of the {all} test rows has a copy in {where} (exact, normalised or near).",
        "시험 {all}행 중 {where}에 복사본이 있는 행은 없습니다(완전 일치, 정규화 후 일치, 거의 같음 모두).",
    ),
    "train_in_corpus": (
        "{rows} of {all} training rows ({share}) are also in {where}; fine for training rows, not for test rows.",
        "학습 {all}행 중 {rows}행({share})이 {where}에도 있습니다. 학습 행이면 괜찮지만 시험 행이면 안 됩니다.",
    ),
    "single": (
        "{rows} of {all} test pairs ({share}) share a single {item} with {where} (exact or normalised {same}, near "
        "{near}).",
        "시험 {all}쌍 중 {rows}쌍({share})은 {item} 하나가 {where}에도 있습니다(일치 {same}, 거의 같음 {near}).",
    ),
    "no_single": (
        "No text of the {all} test pairs is in {where} (exact, normalised or near).",
        "시험 {all}쌍의 문장 가운데 {where}에도 있는 것은 없습니다(완전 일치, 정규화 후 일치, 거의 같음 모두).",
    ),
    "shared": (
        "{rows} of {all} test rows ({share}) have a question or a passage that is also in {where} (exact or "
        "normalised {same}, near {near}).",
        "시험 {all}행 중 {rows}행({share})은 질문이나 지문이 {where}에도 있습니다(일치 {same}, 거의 같음 {near}).",
    ),
    "not_shared": (
        "No question and no passage of the {all} test rows is in {where} (exact, normalised or near).",
        "시험 {all}행의 질문과 지문 가운데 {where}에도 있는 것은 없습니다(완전 일치, 정규화 후 일치, 거의 같음 모두).",
    ),
    "passages": (
        "{where}: {rows} questions on {passages} passages, as is usual; copies are questions on the same passage.",
        "{where}: 지문 {passages}개에 질문 {rows}개로, 흔한 구성입니다. 복사본은 같은 지문에 대한 질문끼리 찾습니다.",
    ),
    "other_label": (
        "{rows} of those copies carry another label than the training row they copy.",
        "그 복사본 중 {rows}행은 원본 학습 행과 라벨이 다릅니다.",
    ),
    "groups": (
        "{groups} groups are in both training and test data ({rows} test rows, {share}): split by group.",
        "{groups}개 그룹이 학습과 시험 데이터 양쪽에 있습니다(시험 {rows}행, {share}). 그룹 단위로 나누세요.",
    ),
    "conflicts": (
        "{items} that occur with different labels: {texts} ({rows} rows).",
        "같은 {item}에 다른 라벨이 붙은 것이 {texts}개({rows}행) 있습니다.",
    ),
    "errors": (
        "{clear} training labels are clearly doubted by a classifier that has not seen them: look at these, the first "
        "of the list. It doubts {rows} ({share}) in all, but it gives {wrong} of the rows another class than their "
        "label anyway: most of the other doubts will be mistakes of its own.",
        "그 행을 보지 않은 분류기가 뚜렷이 의심하는 학습 라벨은 {clear}개입니다. 목록 맨 위에 있으니 이것부터 "
        "확인하세요. 의심하는 라벨은 모두 {rows}개({share})이지만, 이 분류기는 원래 전체의 {wrong}에서 라벨과 다른 "
        "답을 내므로 나머지는 대부분 분류기의 실수일 것입니다.",
    ),
    "told_apart": (
        "Test rows can be told from training rows (AUC {auc}, 95 % interval {low} to {high}, p {p}): the test score "
        "is for another kind of {item} than was trained on.",
        "시험 행과 학습 행이 구별됩니다(AUC {auc}, 95 % 구간 {low}–{high}, p {p}). 시험 점수는 학습한 것과 다른 종류의 "
        "{item}에 대한 것입니다.",
    ),
    "alike": (
        "Test rows cannot be told from training rows to a degree that matters (AUC {auc}, 95 % interval {low} to "
        "{high}).",
        "시험 행과 학습 행은 뚜렷이 구별되지 않습니다(AUC {auc}, 95 % 구간 {low}–{high}).",
    ),
    "classes": (
        "Classes are of other shares in test than in training data (total variation {distance}, p {p}).",
        "클래스 비율이 학습과 시험 데이터에서 다릅니다(총변동 {distance}, p {p}).",
    ),
    "unknown": (
        "{rows} of {all} test rows ({share}) have a class that no training row has and are left out: scores are for "
        "the others, and a model in use would get all of these wrong.",
        "시험 {all}행 중 {rows}행({share})은 학습 데이터에 없는 클래스라서 뺐습니다. 점수는 나머지 행의 것이며, 실제로 "
        "쓰면 이 행들은 모두 틀립니다.",
    ),
    "new_classes": (
        "Classes that only the test data have: {names}.",
        "시험 데이터에만 있는 클래스: {names}.",
    ),
    "duplicates": (
        "Of {all} rows in {where}, {exact} repeat an earlier row exactly, {normalised} after normalising, and {near} "
        "have a near copy.",
        "{where} {all}행 중 {exact}행은 앞 행과 완전히 같고, 정규화하면 {normalised}행이 같으며, {near}행은 거의 같은 "
        "행이 있습니다.",
    ),
    "skipped": (
        "{skipped} of {read} rows read for {where} were skipped ({reasons}).",
        "{where}: 읽은 {read}행 중 {skipped}행을 건너뛰었습니다({reasons}).",
    ),
    "flat": (
        "{rows} {items} of {where} are of one colour all over.",
        "{where}에 전체가 한 가지 색인 {items}: {rows}장.",
    ),
    "empty": ("{rows} rows of {where} are empty.", "{where}에 빈 행이 {rows}개 있습니다."),
    "images": (
        "{where}: {rows} {items}, {width} x {height} pixels in the middle.",
        "{where}: {items} {rows}장, 크기 중앙값 {width} x {height} 픽셀.",
    ),
    "profile": (
        "{where}: {rows} rows, {median} characters in the middle ({low} to {high} for 9 of 10); letters: {scripts}.",
        "{where}: {rows}행, 글자 수 중앙값 {median}(열에 아홉은 {low}–{high}), 문자: {scripts}.",
    ),
}


_CUT = {
    "en": "Of the unlabelled {items} only the first {count:,} were held against the test rows, for time.",
    "ko": "시간 때문에 라벨 없는 {items} 가운데 처음 {count:,}개만 시험 행과 비교했습니다.",
}
_UNSEEN = {
    "en": "The {items} that {names} saw in pre-training are gone: whether test rows are among them is not known.",
    "ko": "사전학습에 쓴 {items} 원본이 없어 시험 행이 그 안에 있었는지 확인하지 못한 모델: {names}.",
}
_OUT_OF_TIME = {
    "en": "The audit was given up: it did not end within {seconds:.0f} s, half of the time.",
    "ko": "점검을 중단했습니다. 전체 시간의 절반인 {seconds:.0f}초 안에 끝나지 않았습니다.",
}


def audit_sentences(data: dict[str, Any], language: str) -> list[str]:
    """Return what an audit's data say, the most important first. Raises HeadstartError: unknown language."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    at = LANGUAGES.index(language)
    found = [*_left_out(data), *_leaks(data, language), *_doubts(data), *_shifts(data), *_inside(data, language)]
    nouns = _nouns(data, language)
    lines = [_PHRASES[name][at].format(**values, **nouns) for name, values in found]
    return [line[:1].upper() + line[1:] for line in lines]


def gate_facts(result: GateResult) -> dict[str, Any]:
    """Return what a report states of the audit before it: the findings with their sentences, or why there is none."""
    if result.outcome == "waived":
        return {"waived": True}
    if result.outcome == "skipped":
        return {"skipped": "as asked"}
    if result.outcome == "out_of_time":
        told = {name: [_OUT_OF_TIME[name].format(seconds=result.seconds)] for name in LANGUAGES}
        return {"skipped": told["en"][0], "sentences": told}
    sentences = {name: audit_sentences(result.data, name) for name in LANGUAGES}
    for name, lines in sentences.items():
        nouns = _nouns(result.data, name)
        lines += [] if result.documents is None else [_CUT[name].format(count=result.documents, **nouns)]
        lines += [_UNSEEN[name].format(names=", ".join(result.unseen), **nouns)] if result.unseen else []
    return {"identity": result.identity, "sentences": sentences, "data": result.data}


def part_name(data: dict[str, Any], name: str, language: str) -> str:
    """Return what a part of an audit's data is called: train, test, corpus."""
    return _PARTS[name][LANGUAGES.index(language)].format(**_nouns(data, language))


def _nouns(data: dict[str, Any], language: str) -> dict[str, str]:
    """Return what the items of an audit are called; an audit that does not say was one of texts."""
    takes = data.get("takes", "text")
    return {"item": one_item(takes, language), "items": some_items(takes, language)}


def script_name(script: str, language: str) -> str:
    """Return what a writing system is called."""
    return script.capitalize() if language == "en" else _SCRIPTS.get(script, script)


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
            found = ("shared", "not_shared") if data["task"] == "answer" else ("single", "no_single")
            values = _counted(single) | {"all": rows, "where": where, "same": f"{same:,}"}
            out.append((found[not single["rows"]], values))
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
    errors = labels.get("errors", {})
    if errors.get("rows"):
        values = {"rows": f"{errors['rows']:,}", "share": percent_tenths(errors["share"])}
        out.append(
            ("errors", values | {"clear": f"{errors['clear']:,}", "wrong": percent_tenths(1 - errors["accuracy"])})
        )
    return out


def _shifts(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    out = []
    texts, classes = data["shift"].get("texts", {}), data["shift"].get("classes")
    if "auc" in texts:
        apart = texts["p"] < _CLEAR_P and texts["auc"] > _CLEAR_AUC
        out.append(("told_apart" if apart else "alike", texts))
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
    return out + profiles
