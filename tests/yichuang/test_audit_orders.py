"""What `yichuang audit` promises of every order: a sentence, `--json`, and exit code 3 unread."""

import argparse
import importlib
from pathlib import Path

import pytest

from yichuang.commands import audit
from yichuang.settings import Settings


@pytest.mark.parametrize("name", audit.names())
def test_every_order_has_a_sentence_and_takes_json(name: str) -> None:
    order = importlib.import_module(f"yichuang.audit_orders.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser()
    order.add(parser)
    assert order.HELP and order.run.__doc__
    assert "--json" in parser.format_help()


@pytest.mark.parametrize("words", [["verify"], ["status"], ["prove", "0" * 36]])
def test_without_a_log_there_is_nothing_to_read(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    audit.add(parser)
    assert audit.run(parser.parse_args(words), Settings(data=tmp_path)) == 3
    assert "bin/yichuang init" in capsys.readouterr().err
