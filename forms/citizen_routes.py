"""Every page of citizens: their sign-in, applying on line, their own cases."""

from __future__ import annotations

from starlette.routing import Route

from forms import applying, citizen, mine
from forms.citizen import citizens_page
from forms.guard import page


def citizen_routes(files: int) -> list[Route]:
    """Return the routes; `files`: the largest body of a form with files, in bytes."""
    post = ("POST",)
    return [
        page("/mine/sign-in", citizen.sign_in, signed_in=False),
        page("/mine/go", citizen.go, signed_in=False),
        page("/mine/callback", citizen.come_back, signed_in=False),
        page("/mine/sign-out", citizen.sign_out, signed_in=False, methods=post),
        citizens_page("/apply/{matter}", applying.apply),
        citizens_page("/apply/{matter}", applying.hand_in, methods=post, body=files),
        citizens_page("/mine", mine.mine),
        citizens_page("/mine/{case_no}", mine.own_case),
        citizens_page("/mine/{case_no}/supply", mine.supply, methods=post, body=files),
        citizens_page("/mine/{case_no}/rate", mine.rate, methods=post),
    ]
