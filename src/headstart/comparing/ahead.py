"""What workers begin with while the command that compares still audits the rows: what is paid once in any case."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.comparing.crew import Crew
from headstart.comparing.draws import check_sizes
from headstart.comparing.screening_rows import screening_round
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.tickets import prepare_ticket, sharing
from headstart.statistics.study import Entry

_SHARE = 0.2  # of the time, at most, for each entry


def send_ahead(crew: Crew, entries: Sequence[Entry], data: StudyData, settings: StudySettings) -> None:
    """Send the tickets of the entries; later ones of the same names find them made, or being made.

    Before a screening of the classical entries alone: the pace of each base is timed first.
    """
    limit = _SHARE * settings.seconds
    if settings.screened:
        sizes = check_sizes(settings.sizes, data.most_labels)
        asked = screening_round(data, sizes, settings.seed, 0).asked
        groups = [[one] for one in entries if one.route.classical and one.kind == "classical"]
        tickets = [prepare_ticket(group, asked, test=False, limit=limit) for group in groups]
    else:
        tickets = [prepare_ticket(group, [], test=True, limit=limit) for group in sharing(entries)]
    for name, ticket in tickets:
        crew.submit(name, ticket)
