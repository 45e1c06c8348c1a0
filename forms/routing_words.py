"""Why a unit is sent to an incident, in the reader's language."""

from __future__ import annotations

from cases.incidents.routing import Routed
from forms.visit import Visit
from forms.words import N_

PRINCIPLE = "principle"


def why_sent(visit: Visit, one: Routed) -> str:
    """Return the sentence of the table, a ruling or the principle. In Chinese it is the one that
    the log keeps; in English it says the same by the number of the line."""
    if visit.language == "zh":
        return one.why
    if one.line == PRINCIPLE:
        return visit.say(N_("责任清单没有写明：部件先属主后属地，事件先属地后属主"))
    if one.line.startswith("ruling:"):
        return visit.say(N_("派单仲裁裁定同类事件归其处置"))
    words = N_("责任清单 {line}：由其牵头") if one.lead else N_("责任清单 {line}：由其协同")
    said = visit.say(words).format(line=one.line)
    return f"{said} ({visit.say(one.note)})" if one.note else said
