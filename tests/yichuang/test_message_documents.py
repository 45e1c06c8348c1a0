"""The documents for integrators say what the code does."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from cases.messages import BODIES, OF_LAW
from yichuang import asyncapi
from yichuang.commands.nats import describe
from yichuang.orders import VERBS

API = Path(__file__).parents[2] / "docs" / "api"
PUBLISHED = Path(__file__).parent / "data" / "asyncapi-3.0.0.json"


def test_the_asyncapi_document_is_the_generated_one() -> None:
    assert json.loads((API / "asyncapi.json").read_text("utf-8")) == asyncapi.document()


def test_the_asyncapi_document_passes_the_published_schema() -> None:
    validator = Draft7Validator(json.loads(PUBLISHED.read_text("utf-8")))
    assert [error.message for error in validator.iter_errors(asyncapi.document())] == []


def test_the_published_schema_refuses_a_document_without_channels_address() -> None:
    document = asyncapi.document()
    document["operations"]["answer"]["action"] = "shout"
    validator = Draft7Validator(json.loads(PUBLISHED.read_text("utf-8")))
    assert not validator.is_valid(document)


def test_the_schema_files_are_the_generated_ones() -> None:
    files = {path.name: json.loads(path.read_text("utf-8")) for path in (API / "schemas").iterdir()}
    assert files == asyncapi.schemas()


def test_writing_them_again_changes_no_byte(tmp_path: Path) -> None:
    assert describe(tmp_path) == 0
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        assert (API / path.relative_to(tmp_path)).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("name", sorted(asyncapi.schemas()))
def test_every_message_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(asyncapi.schemas()[name])


def test_every_verb_from_outside_has_a_schema_and_what_is_of_the_law_has_none() -> None:
    assert set(VERBS) == set(BODIES) - OF_LAW
    assert {f"case.{verb}.v1.json" for verb in VERBS} <= set(asyncapi.schemas())


def test_an_order_that_names_no_case_does_not_pass_its_schema() -> None:
    validator = Draft202012Validator(asyncapi.order_schema("withdraw"))
    assert validator.is_valid({"case_no": "A-1", "body": {}})
    assert not validator.is_valid({"body": {}})
    assert not validator.is_valid({"case_no": "A-1", "reference": "B", "body": {}})
