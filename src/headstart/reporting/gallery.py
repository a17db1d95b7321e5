"""What a report shows of the data: the surest mistakes, as pictures or quoted texts, and what networks were shown."""

from __future__ import annotations

from headstart.comparing.exhibits import Exhibits, Quoted
from headstart.core.item_nouns import one_item
from headstart.reporting import markup
from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import listed, number
from headstart.reporting.phrases import counted, named, phrase
from headstart.statistics.mistakes import Mistake

_MOST_LINES = 12  # of quoted texts


def mistakes(found: StudyFindings, shown: Exhibits, language: str) -> str:
    """Return the mistakes that the best entry at the most labels was surest of, with what the rows hold."""
    told = [(one, shown.rows[one.row]) for one in found.mistakes if one.row in shown.rows]
    if not told:
        return ""
    if pictured := [(one, quoted) for one, quoted in told if quoted.tiles]:
        body = markup.gallery(_pictured(one, quoted, shown, language) for one, quoted in pictured)
    else:
        body = _table(told[:_MOST_LINES], found.takes, language)
    labels = counted(language, [found.last.size])
    heading = phrase(language, "mistakes", entry=found.verdicts[-1].best, labels=labels)
    return markup.section(heading, markup.note(phrase(language, "mistakes_note")), body)


def _pictured(one: Mistake, quoted: Quoted, shown: Exhibits, language: str) -> str:
    words = {"item": quoted.words, "row": f"{one.row + 1:,}", "true": one.true, "called": one.called}
    alt = phrase(language, "mistake_alt", **words)
    images = [markup.png(shown.tiles[number], alt) for number in quoted.tiles]
    return markup.picture(images, [one.true, f"→ {one.called}", " · ".join([*_sure(one), _wrong(one)])])


def _table(told: list[tuple[Mistake, Quoted]], takes: str, language: str) -> str:
    sure = any(one.probability is not None for one, _ in told)
    titles = ["true_class", "called", *(["probability"] if sure else []), "wrong_draws"]
    kinds = ["", "left", "left", *(["span"] if sure else []), "span"]
    item = one_item(takes, language).capitalize()
    head = markup.table_row([item, *(phrase(language, name) for name in titles)], kinds, tag="th")
    lines = [
        markup.table_row([quoted.words, one.true, one.called, *_sure(one), _wrong(one)], kinds) for one, quoted in told
    ]
    return markup.table("mistakes", head, [lines])


def _sure(one: Mistake) -> list[str]:
    return [] if one.probability is None else [number(one.probability)]


def _wrong(one: Mistake) -> str:
    return f"{one.wrong}/{one.draws}"


def seen(shown: Exhibits, language: str) -> str:
    """Return what each base of images was shown in pre-training, all versions of an image beside each other."""
    out = []
    for one in shown.seen:
        names = [named(language, "version", name) for name in one.versions]
        figures = []
        for first in range(0, len(one.tiles), len(names)):
            count = first // len(names) + 1
            alts = [phrase(language, "seen_alt", count=count, version=name) for name in names]
            images = [shown.tiles[number] for number in one.tiles[first : first + len(names)]]
            figures.append(markup.picture(list(map(markup.png, images, alts))))
        note = markup.note(phrase(language, "seen_note", base=one.base, versions=listed(names)))
        out.append(note + markup.gallery(figures))
    return markup.section(phrase(language, "seen"), *out)
