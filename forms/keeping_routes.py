"""The routes of keeping it running: dead letters, alarms, signals, the census."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import alarms, census, keeping, letters, signals
from forms.disclosure_ports import Shown
from forms.guard import page


def keeping_routes() -> list[BaseRoute]:
    """Return them."""
    post = ("POST",)
    return [
        page(
            "/letters",
            letters.letters,
            act="dead_letter_read",
            thing="dead_letter",
            shows=Shown("list", "dead_letter"),
        ),
        page(
            "/letters/{letter}",
            letters.letter,
            act="dead_letter_read",
            thing="dead_letter",
            shows=Shown("read", "dead_letter"),
        ),
        page(
            "/letters/{letter}",
            letters.mend,
            act="dead_letter_mend",
            thing="dead_letter",
            methods=post,
            body=2 * 1024 * 1024,
            shows=Shown("read", "dead_letter"),
        ),
        page("/alarms", alarms.alarms, act="alarms_read", thing="alarms"),
        page("/alarms/dead", alarms.dead, act="alarms_read", thing="alarms"),
        page("/alarms/{alarm}", alarms.alarm, act="alarms_read", thing="alarms"),
        page("/signals", signals.signals, act="signals_read", thing="signal"),
        page("/signals/windows", signals.windows, act="signals_read", thing="signal"),
        page(
            "/signals/windows",
            signals.plan,
            act="signals_plan",
            thing="signal",
            methods=post,
        ),
        page(
            "/signals/windows/{window}/lift",
            signals.lift,
            act="signals_plan",
            thing="signal",
            methods=post,
        ),
        page("/signals/{signal}", signals.signal, act="signals_read", thing="signal"),
        page("/integrations", keeping.integrations, act="dead_letter_read", thing="dead_letter"),
        page("/backups", keeping.backups, act="census_read", thing="census"),
        page("/census", census.census, act="census_read", thing="census"),
    ]
