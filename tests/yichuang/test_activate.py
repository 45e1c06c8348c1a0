"""`rules activate`: a person's own password, the pages' door, two people, one digest."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cases.accounts import Accounts, Place
from cases.database import open_engine
from cases.messages import Grant
from cases.sign_in import SignedIn, SignIn
from cases.web_tables import account
from policies.identity import Credentials
from tests.cases.entering import enrolled as enter_first
from tests.cases.entering import second_code
from tests.granting import regrant
from tests.yichuang.registry import Town, city, now, settings, template
from tests.yichuang.test_releasing import food
from yichuang import joining, way_in
from yichuang.cli import parser_for
from yichuang.rule_orders import activate
from yichuang.settings import Settings

__all__ = ["settings", "template"]

PASSWORD = "Wm7#longer-than-short"


def enrolled(town: Town, login: str, role: str) -> None:
    door = door_of(town)
    accounts = Accounts(town.web, Credentials(), door.record)
    account, code = accounts.create_account(login, login, "sp", at=now(), by="u:root")
    regrant(town.web, account, [Grant(role=role, department="*")])
    assert isinstance(enter_first(door, login, code, PASSWORD, now(), Place()), SignedIn)


def door_of(town: Town) -> SignIn:
    keys = open_engine(town.settings.store_url("keys"), read_only=True)
    sealer = joining.sealer_of(town.settings, joining.vault_of(town.settings, keys))
    return way_in.sign_in_of(town.settings, town.web, sealer)


def code_of(town: Town, login: str) -> str:
    """Return what the person's app shows now; empty for nobody."""
    with town.web.connect() as connection:
        user = connection.execute(
            select(account.c.id).where(account.c.login == login)
        ).scalar_one_or_none()
    return second_code(door_of(town), user, now()) if user else ""


async def asked(
    town: Town,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *words: str,
    password: str = PASSWORD,
) -> tuple[int, dict[str, Any]]:
    """Run the command as the launcher would and return its exit code and answer."""
    parser = parser_for("rules")
    args: argparse.Namespace = parser.parse_args(
        ["rules", "activate", *words, "--password-stdin", "--json"]
    )
    who = words[words.index("--as") + 1]
    lines = f"{password}\n{code_of(town, who)}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    client = town.shop.signals.client
    assert client is not None
    here = town.settings.model_copy(
        update={
            "temporal_address": client.service_client.config.target_host,
            "temporal_namespace": client.namespace,
            "temporal_task_queue": "town",
        }
    )
    code = await asyncio.to_thread(activate.run, args, here)
    said = capsys.readouterr().out
    return code, json.loads(said) if said.startswith("{") else {}


async def test_two_people_activate_from_the_command_line(
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "food.yaml"
    file.write_text(food("2026.2", 5), "utf-8")
    async with city(settings) as (town, working), working():
        enrolled(town, "editor1", "catalogue_editor")
        enrolled(town, "signer1", "catalogue_signer")

        async def ask(*words: str, **more: str) -> tuple[int, dict[str, Any]]:
            return await asked(town, capsys, monkeypatch, *words, **more)

        wrong, _ = await ask(str(file), "--as", "editor1", password="not-this-one-at-all")
        assert wrong == 1
        none, refused = await ask(str(file), "--as", "signer1")
        assert (none, refused["status"]) == (1, "refused")
        done, made = await ask(str(file), "--as", "editor1")
        assert (done, made["state"], len(made["dossier"])) == (0, "proposed", 64)
        on = ("--dossier", made["dossier"])
        early, refused = await ask(made["release"], "--as", "signer1", *on)
        assert (early, refused["code"]) == (1, "not_endorsed")
        assert (await ask(made["release"], "--as", "editor1", *on))[0] == 0
        signed, active = await ask(made["release"], "--as", "signer1", *on)
        assert (signed, active["state"]) == (0, "active")
