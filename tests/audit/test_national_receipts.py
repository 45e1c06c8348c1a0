"""A receipt of a log with two trees: the house checks the second, the others say they do not."""

from __future__ import annotations

import base64
import copy
import shutil
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine

from audit import yichuang_verify
from audit.receiptcheck import check_receipt
from audit.receipts import ReceiptMaker, Statement, spell_receipt
from audit.shards import reading_all
from audit.vault import SubjectVault
from tests.audit.test_second_tree import National, national  # noqa: F401

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")


@pytest.fixture
def both(national: National) -> tuple[dict[str, Any], str, str]:  # noqa: F811
    """A receipt, a policy with the keys of both trees, and one with the first's alone."""
    national.take(0, 5)
    national.sequencer.seal()
    vault = SubjectVault(create_engine("sqlite://"), bytes(32))  # nothing is sealed here
    maker = ReceiptMaker(partial(reading_all, national.log), {"cases": national.cases}, vault)
    made = maker.of_case("C-1", lambda *_: False, Statement({}))
    first, second = national.first.verifier.vkey, national.second.verifier.vkey
    return made, f"log {first}\nlog {second}\nquorum none\n", f"log {first}\nquorum none\n"


def test_the_house_checks_both_trees(both: tuple[dict[str, Any], str, str]) -> None:
    made, policy, _ = both
    assert made["logs"][0]["sm3"]["origin"] == f"{made['logs'][0]['origin']}/sm3"
    report = check_receipt(spell_receipt(made), policy)
    assert (report.exit_code, report.marks, report.unchecked) == (2, ["not_closed"], [])


def test_without_its_key_the_second_tree_is_named_as_unchecked(
    both: tuple[dict[str, Any], str, str],
) -> None:
    made, policy, first = both
    report = check_receipt(spell_receipt(made), first)
    assert report.exit_code == 2 and len(report.unchecked) == 1
    for trust in (policy, first):
        alone = yichuang_verify.verify(spell_receipt(made), trust)
        assert alone.exit_code == 2
        assert "其余签名行（如国密 SM2）没有核对" in [zh for zh, _ in alone.unchecked]


def test_a_forged_second_tree_is_refused(both: tuple[dict[str, Any], str, str]) -> None:
    made, policy, _ = both
    for change in (_node, _head, _origin, _first_head):
        forged = copy.deepcopy(made)
        change(forged["logs"][0])
        report = check_receipt(spell_receipt(forged), policy)
        assert (report.exit_code, {one.code for one in report.faults}) == (1, {"sm3"}), change


def _node(log: dict[str, Any]) -> None:
    nodes = log["sm3"]["nodes"]
    nodes.update(dict.fromkeys(nodes, base64.b64encode(bytes(32)).decode()))


def _head(log: dict[str, Any]) -> None:
    log["sm3"]["checkpoint"] = log["sm3"]["checkpoint"].replace("\n5\n", "\n4\n")


def _origin(log: dict[str, Any]) -> None:
    log["sm3"]["origin"] = "another/sm3"


def _first_head(log: dict[str, Any]) -> None:
    log["sm3"]["checkpoint"] = log["checkpoint"]
