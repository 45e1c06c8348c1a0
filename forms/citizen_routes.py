"""Every page of citizens: their sign-in, applying on line, their own cases."""

from __future__ import annotations

from starlette.routing import Route

from forms import applying, citizen, collecting, mine, uploading, withdrawing
from forms.citizen import citizens_page
from forms.guard import page
from forms.uploading import PIECE_BODY


def citizen_routes(files: int) -> list[Route]:
    """Return the routes; `files`: the largest body of a form with files, in bytes."""
    post = ("POST",)
    return [
        page("/mine/sign-in", citizen.sign_in, signed_in=False),
        page("/mine/go", citizen.go, signed_in=False),
        page("/mine/callback", citizen.come_back, signed_in=False),
        page("/mine/sign-out", citizen.sign_out, signed_in=False, methods=post),
        page("/mine/signed-out", citizen.signed_out, signed_in=False),
        page("/mine/leave", citizen.leave, signed_in=False),
        citizens_page("/apply/{matter}", applying.apply),
        citizens_page("/apply/{matter}", applying.hand_in, methods=post, body=files),
        citizens_page("/mine", mine.mine),
        citizens_page("/mine/uploads", uploading.piece, methods=post, body=PIECE_BODY),
        citizens_page("/mine/{case_no}", mine.own_case),
        citizens_page("/mine/{case_no}/supply", mine.supply, methods=post, body=files),
        citizens_page("/mine/{case_no}/rate", mine.rate, methods=post),
        citizens_page("/mine/{case_no}/withdraw", withdrawing.ask),
        citizens_page("/mine/{case_no}/withdraw", withdrawing.withdraw, methods=post),
        citizens_page("/mine/{case_no}/collect", collecting.collect, methods=post),
        citizens_page("/mine/{case_no}/papers/{paper}", collecting.paper),
    ]
