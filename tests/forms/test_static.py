"""Static files: packed on the way, kept for ever; pages are neither."""

from __future__ import annotations

from starlette.testclient import TestClient

from forms.rendering import asset
from tests.forms.town import ADDRESS, Town


def test_files_come_packed_and_pages_as_they_are(town: Town) -> None:
    asks = {"accept-encoding": "gzip"}
    with TestClient(town.app(), base_url=ADDRESS) as client:
        style = client.get(asset("page.css"), headers=asks)
        assert style.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in style.headers["vary"].lower()
        assert "immutable" in style.headers["cache-control"]
        plain = client.get(asset("page.css"), headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.text == style.text
        # A page holds secrets beside words of others: packed, its length would tell of them.
        page = client.get("/status", headers=asks)
        assert page.status_code == 200 and "content-encoding" not in page.headers
