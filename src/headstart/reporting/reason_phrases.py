"""What a report says of reasons: English stands where a reason is found, other languages in the catalogue, by code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.core.reason import as_reason, filled
from headstart.reporting.phrases import catalogue


def reason_text(language: str, reason: str | Mapping[str, Any]) -> str:
    """Return a reason in a language, English where that has no such sentence.

    reason: a `Reason`, or what its `told()` returned. A text without a code is returned as it is.
    """
    told = reason if isinstance(reason, Mapping) else as_reason(reason).told()
    own = catalogue(language).get(f"reasons.{told['code']}")
    if own is None:
        return told["text"]
    values = {
        name: reason_text(language, one) if isinstance(one, Mapping) else one for name, one in told["values"].items()
    }
    return filled(own, values)
