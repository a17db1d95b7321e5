"""What a report says of screening and confirmation, in English and Korean."""

from __future__ import annotations

SCREENING_PHRASES: dict[str, tuple[str, str]] = {
    "screening": ("Screening", "예비 심사"),
    "screening_told": (
        "{tried} of {entries} entries were tried on the labelled data in {time}, without a look at a test row. "
        "{finalists} were chosen at {made} and confirmed on fresh label draws: {draws}.",
        "{entries}개 항목 가운데 {tried}개를 시험 행은 보지 않고 라벨 데이터에서 {time} 동안 시험했습니다. {made}에 "
        "{finalists}개를 골라 새로운 라벨 추출로 확인했습니다: {draws}.",
    ),
    "screening_draws": ("{draws} draws at {labels}", "{labels}에서 추출 {draws}번"),
    "screening_asked": (
        "Asked beforehand, and claimed with at most 5 % false claims in all: is the chosen pre-trained entry ahead of "
        "the classical finalists and of its own network from random start? Other differences have plain intervals.",
        "미리 정한 질문(잘못된 주장은 모두 합해 5 % 이하): 선택된 사전학습 항목이 고전 방법 결선 항목과 무작위 값에서 "
        "시작한 같은 신경망을 앞서는가? 그 밖의 차이는 보정하지 않은 구간으로만 보입니다.",
    ),
    "screening_table": ("All screened entries", "심사한 모든 항목"),
    "screening_note": (
        "Scores in screening are means over few draws on rows of the labelled data, and no estimate of what to expect.",
        "심사 점수는 라벨 데이터 일부에서 몇 번 잰 평균이며 기대 점수가 아닙니다.",
    ),
    "finalist": ("finalist", "결선"),
    "missing_classical": (
        "{entries} could not be compared ({reason}): the answer leaves this classical method out.",
        "{entries}: 비교하지 못했습니다({reason}). 이 고전 방법은 답에 들어 있지 않습니다.",
    ),
    "because_few_draws": (
        "{draws} draws are too few for a verdict: at least {needed} are needed, so give more minutes.",
        "추출 {draws}번은 결론을 내기에 너무 적습니다. 최소 {needed}번이 필요하니 시간을 더 주세요.",
    ),
}
