"""Tables made for a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rules.tables.spec import TableSpec
from rules.tables.table import Table, build

BASE: dict[str, Any] = {
    "id": "t",
    "title": {"zh": "试表", "en": "trial table"},
    "basis": "XKF-26",
    "in_force_from": "2020-01-01",
}


@pytest.fixture(scope="session")
def table_spec() -> Callable[..., TableSpec]:
    """A table of number columns `a`, `b`, … and one text output unless told otherwise."""

    def make(*rows: list[Any], hit: str = "U", **more: Any) -> TableSpec:
        inputs = more.pop("inputs", [{"field": "a", "type": "number"}])
        outputs = more.pop("outputs", [{"name": "said", "type": "text"}])
        raw = {**BASE, "hit": hit, "inputs": inputs, "outputs": outputs, "rows": list(rows), **more}
        return TableSpec.model_validate(raw)

    return make


@pytest.fixture(scope="session")
def table_of(table_spec: Callable[..., TableSpec]) -> Callable[..., Table]:
    def make(*rows: list[Any], **more: Any) -> Table:
        return build(table_spec(*rows, **more))

    return make
