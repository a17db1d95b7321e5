"""What the verdict says, in English and Korean; Korean avoids particles that depend on how a name sounds."""

from __future__ import annotations

VERDICT_PHRASES: dict[str, tuple[str, str]] = {
    "nothing_finished": (
        "No cell was finished, so there is nothing to judge yet; the same command continues.",
        "끝난 칸이 없어 아직 판단할 것이 없습니다. 같은 명령을 다시 실행하면 이어집니다.",
    ),
    "headline_worth": (
        "Pre-training was worth it at {labels}.",
        "{labels}에서는 사전학습이 값을 했습니다.",
    ),
    "headline_not_worth": (
        "Pre-training was not worth it at {labels}.",
        "{labels}에서는 사전학습이 값을 하지 못했습니다.",
    ),
    "headline_undecided": (
        "At {labels} this data does not decide whether pre-training was worth it.",
        "{labels}에서는 사전학습이 값을 했는지 이 데이터로 결정되지 않습니다.",
    ),
    "headline_none": (
        "No pre-trained model took part, so this comparison says nothing about pre-training.",
        "사전학습 모델이 참여하지 않아 사전학습에 대해서는 말할 수 없습니다.",
    ),
    "headline_unfinished": (
        "No pre-trained model finished enough draws to be compared, so nothing is said about pre-training; "
        "what could not run is listed with the reason.",
        "비교할 만큼 끝난 사전학습 모델이 없어 사전학습에 대해서는 말할 수 없습니다. 실행되지 않은 것과 그 이유는 따로 "
        "적었습니다.",
    ),
    "few_labels": (
        "Only {size} of {classes} classes can have a label.",
        "클래스 {classes}개 중 {size}개만 라벨을 가질 수 있습니다.",
    ),
    "no_entry_shown": (
        "No route was shown to be better than guessing: get more labels, or check whether the labels are right.",
        "추측보다 낫다고 확인된 방법이 없습니다. 라벨을 더 모으거나 라벨이 맞는지 확인하세요.",
    ),
    "use": ("Use {entry}: {score}.", "권장: {entry}, 점수 {score}."),
    "picked": (" (allowing for being the best of {count})", " ({count}개 가운데 최고를 골랐다는 점을 반영한 구간)"),
    "peers": ("Cannot be told apart from it: {entries}.", "이와 구별되지 않는 방법: {entries}."),
    "cheaper": (
        "Of these, {entry} needs only {share} of its time.",
        "그중 {entry} 쪽은 걸리는 시간이 {share}뿐입니다.",
    ),
    "unshown": ("Not shown to be better than guessing: {entries}.", "추측보다 낫다고 확인되지 않음: {entries}."),
    "unlearned": (
        "Did not learn (less than {slight} ahead of guessing): {entries}.",
        "학습하지 못한 방법(추측 대비 {slight} 미만): {entries}.",
    ),
    "size_worth": ("Pre-training was worth it.", "사전학습이 값을 했습니다."),
    "size_not_worth": ("Pre-training was not worth it.", "사전학습이 값을 하지 못했습니다."),
    "size_undecided": (
        "Whether pre-training was worth it is not decided by this data.",
        "사전학습이 값을 했는지는 이 데이터로 결정되지 않습니다.",
    ),
    "against_classical": (
        "{entry} against the best classical entry ({other}): {lead}, ahead in {wins} draws.",
        "{entry}: 가장 좋은 고전 방법({other}) 대비 {lead}, 추출 {wins}에서 앞섬.",
    ),
    "against_control": (
        "Against the same network from random start ({other}): {lead}, ahead in {wins} draws.",
        "같은 신경망을 무작위 값에서 시작한 경우({other}) 대비 {lead}, 추출 {wins}에서 앞섬.",
    ),
    "because_classical": (
        "No pre-trained route can be more than {margin} ahead of the best classical entry.",
        "어떤 사전학습 방법도 가장 좋은 고전 방법을 {margin} 넘게 앞설 수 없습니다.",
    ),
    "because_control": (
        "No pre-trained route can be more than {margin} ahead of the same network from random start.",
        "어떤 사전학습 방법도 무작위 값에서 시작한 같은 신경망을 {margin} 넘게 앞설 수 없습니다.",
    ),
    "because_draws": (
        "Most of the uncertainty comes from the label draws: more draws would help.",
        "불확실성은 주로 라벨 추출에서 옵니다. 추출 횟수를 늘리면 도움이 됩니다.",
    ),
    "because_test": (
        "Most of the uncertainty comes from the test set: more test rows would help, more draws would not.",
        "불확실성은 주로 시험 데이터에서 옵니다. 시험 행을 늘려야 하며 추출을 늘려도 소용이 적습니다.",
    ),
    "because_one_draw": (
        "One draw has no measurable spread: at least 2 are needed, 10 are better.",
        "한 번의 추출로는 흔들림을 잴 수 없습니다. 최소 2번, 가급적 10번이 필요합니다.",
    ),
    "because_no_control": (
        "The same network from random start was not run, so the network alone may be the reason: add route scratch.",
        "무작위 값에서 시작한 같은 신경망을 돌리지 않아 신경망 자체의 효과일 수 있습니다. scratch를 추가하세요.",
    ),
    "because_no_classical": (
        "No classical entry was run to compare with.",
        "비교할 고전 방법을 돌리지 않았습니다.",
    ),
    "not_audited": (
        "No headline: the data was not audited for leaks and duplicates. Leave out --audit skip to audit it, or say "
        "--audit waive to do without.",
        "데이터의 누출과 중복을 점검하지 않았으므로 머리 결론을 내지 않습니다. --audit skip 옵션을 빼면 점검하고, "
        "점검 없이 보려면 --audit waive 옵션을 쓰세요.",
    ),
    "audit_waived": ("(not audited)", "(데이터 점검 안 함)"),
    "clean": (
        "On the {rows} test rows without a copy elsewhere: {score}; on the {others} with one: {other}.",
        "다른 곳에 사본이 없는 시험 {rows}행에서는 {score}, 사본이 있는 {others}행에서는 {other}.",
    ),
    "detectable": (
        "A study like this one finds a difference ({entry} against {other}) of {value} in 80 % of cases.",
        "이만한 비교가 80 % 확률로 찾아내는 차이({entry} 대 {other})는 {value}입니다.",
    ),
    "detectable_none": (
        "A study like this one is too small to find any difference ({entry} against {other}) in 80 % of cases.",
        "이만한 비교로는 어떤 차이({entry} 대 {other})도 80 % 확률로 찾아내지 못합니다.",
    ),
    "more_draws": (
        "{draws} more draws would find one of {wanted}.",
        "추출을 {draws}번 늘리면 {wanted}의 차이까지 찾습니다.",
    ),
    "more_rows": (
        "{rows} more test rows would find one of {wanted}.",
        "시험 행을 {rows}개 늘리면 {wanted}의 차이까지 찾습니다.",
    ),
    "more_nothing": (
        "To find one of {wanted}, more of both draws and test rows is needed.",
        "{wanted}의 차이를 찾으려면 추출과 시험 행을 모두 늘려야 합니다.",
    ),
    "labels_worth": (
        "In labels: {size} with {entry} are worth {value} with the best classical entry "
        "(95 % interval: {low} to {high}).",
        "라벨로 따지면 {entry}의 {size}개는 가장 좋은 고전 방법의 {value}에 해당합니다(95 % 구간: {low} ~ {high}).",
    ),
    "labels_surely": (
        "In labels: {size} with {entry} are worth {value} with the best classical entry, beyond what was measured.",
        "라벨로 따지면 {entry}의 {size}개는 가장 좋은 고전 방법의 {value}에 해당하며, 측정한 범위를 벗어납니다.",
    ),
    "labels_about": ("about {labels}", "약 {labels}개"),
    "labels_below": ("fewer than {labels}", "{labels}개 미만"),
    "labels_above": ("more than {labels}", "{labels}개 초과"),
    "outlook": (
        "Expected at {labels}, if the curves go on as they are: {entries}.",
        "곡선이 지금처럼 이어진다면 {labels}에서 기대되는 점수: {entries}.",
    ),
    "crossover": (
        "{second} would catch up with {first} at about {value} labels (95 % interval: {low} to {high}).",
        "{second}: 라벨 약 {value}개에서 {first} 수준을 따라잡을 것으로 보입니다(95 % 구간: {low} ~ {high}).",
    ),
    "crossover_none": (
        "No crossover is in sight: {second} catches up with {first} by {limit} labels with a chance of {chance}.",
        "역전은 예상되지 않습니다. {second}: 라벨 {limit}개까지 {first} 수준을 따라잡을 확률은 {chance}입니다.",
    ),
}
