"""Drafts and uploads: each sees one's own, and a file belongs to one case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from cases.database import open_engine
from cases.desk import MOST_DRAFTS, Desk, Draft, DraftMoved, TooManyDrafts, Upload
from cases.web_tables import upload, web_metadata
from tests.stores import lay_out

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    lay_out(opened, web_metadata)
    yield opened
    opened.dispose()


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def _upload(desk: Desk) -> Upload:
    kept = Upload(
        desk.new_upload_id(), "u:a", "0" * 64, 3, "application/pdf", b"sealed name", NOW, ""
    )
    desk.keep_upload(kept, b"sealed bytes")
    return kept


def test_a_draft_is_found_by_its_owner_only(desk: Desk) -> None:
    draft = Draft("d1", "food-permit", b"sealed", NOW)
    desk.save_draft("u:a", draft)
    assert desk.find_draft("u:a", "d1") == draft
    assert desk.find_draft("u:b", "d1") is None
    desk.remove_draft("u:b", "d1")
    assert desk.drafts("u:a") == (draft,)


def test_a_draft_saved_again_takes_the_place_of_the_version_that_was_seen(desk: Desk) -> None:
    assert desk.save_draft("u:a", Draft("d1", "food-permit", b"one", NOW)) == 1
    desk.save_draft("u:b", Draft("d1", "food-permit", b"theirs", NOW))
    later = Draft("d1", "food-permit", b"two", NOW + timedelta(minutes=1))
    assert desk.save_draft("u:a", later, seen=1) == 2
    assert desk.drafts("u:a") == (replace(later, version=2),)
    desk.remove_draft("u:a", "d1")
    assert desk.drafts("u:a") == () and len(desk.drafts("u:b")) == 1


@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_draft_that_was_saved_since_is_not_overwritten(desk: Desk, seen: int) -> None:
    desk.save_draft("u:a", Draft("d1", "food-permit", b"one", NOW))
    desk.save_draft("u:a", Draft("d1", "food-permit", b"two", NOW), seen=1)
    with pytest.raises(DraftMoved):
        desk.save_draft("u:a", Draft("d1", "food-permit", b"mine", NOW), seen)
    assert desk.drafts("u:a")[0].sealed == b"two"


def test_a_draft_that_was_removed_is_not_begun_again(desk: Desk) -> None:
    desk.save_draft("u:a", Draft("d1", "food-permit", b"one", NOW))
    desk.remove_draft("u:a", "d1")
    with pytest.raises(DraftMoved):
        desk.save_draft("u:a", Draft("d1", "food-permit", b"late", NOW), seen=1)
    assert desk.drafts("u:a") == ()


def test_a_draft_that_nobody_goes_on_with_is_forgotten(desk: Desk) -> None:
    desk.save_draft("u:a", Draft("d1", "food-permit", b"", NOW))
    assert desk.forget_drafts(NOW) == 0
    assert desk.forget_drafts(NOW + timedelta(seconds=1)) == 1


def test_nobody_keeps_more_drafts_than_the_limit(desk: Desk) -> None:
    for n in range(MOST_DRAFTS):
        desk.save_draft("u:a", Draft(f"d{n}", "food-permit", b"", NOW))
    with pytest.raises(TooManyDrafts):
        desk.save_draft("u:a", Draft("one more", "food-permit", b"", NOW))
    desk.save_draft("u:a", Draft("d0", "food-permit", b"again", NOW), seen=1)
    desk.save_draft("u:b", Draft("d0", "food-permit", b"", NOW))


def test_an_upload_comes_back_as_it_was_kept(desk: Desk) -> None:
    kept = _upload(desk)
    assert desk.find_upload(kept.id) == kept
    assert desk.read_upload(kept.id) == b"sealed bytes"
    assert desk.find_upload("unknown") is None and desk.read_upload("unknown") is None


def test_an_upload_goes_to_one_case_of_its_owner(desk: Desk) -> None:
    kept = _upload(desk)
    assert not desk.hand_to_case(kept.id, "u:b", "case-1")
    assert desk.hand_to_case(kept.id, "u:a", "case-1")
    assert desk.hand_to_case(kept.id, "u:a", "case-1")  # asked again
    assert not desk.hand_to_case(kept.id, "u:a", "case-2")
    assert desk.find_upload(kept.id) == replace(kept, case_id="case-1")


def test_only_uploads_that_no_case_has_are_forgotten(desk: Desk) -> None:
    used, unused = _upload(desk), _upload(desk)
    desk.hand_to_case(used.id, "u:a", "case-1")
    assert desk.forget_unused(NOW) == 0
    assert desk.forget_unused(NOW + timedelta(seconds=1)) == 1
    assert desk.read_upload(used.id) and desk.read_upload(unused.id) is None


def test_a_file_in_quarantine_is_given_to_nobody(desk: Desk, engine: Engine) -> None:
    kept = _upload(desk)
    with engine.begin() as connection:
        connection.execute(update(upload).values(is_held=True))
    assert desk.read_upload(kept.id) is None
