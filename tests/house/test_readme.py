"""The README cannot rot: its links lead somewhere, its names stand there, its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"bin/yichuang (?P<name>[a-z]+)")


def links(readme: str) -> list[tuple[str, str]]:
    text = (ROOT / readme).read_text("utf-8")
    return [(m["text"], m["target"]) for m in LINK.finditer(text)]


@pytest.mark.parametrize("readme", READMES)
def test_every_link_leads_to_a_file(readme: str) -> None:
    assert links(readme)
    missing = [target for _, target in links(readme) if not (ROOT / target).exists()]
    assert missing == []


def test_every_name_that_is_linked_is_defined_in_that_file() -> None:
    named = [(text.strip("`"), target) for text, target in links("README.md") if text[0] == "`"]
    named = [(name, target) for name, target in named if target.endswith(".py") and "/" not in name]
    assert len(named) >= 8
    for name, target in named:
        defined = (ROOT / target).read_text("utf-8")
        for part in name.split("."):
            assert re.search(rf"^\s*(async )?(def|class) {part}\b", defined, re.M), (name, target)


@pytest.mark.parametrize("readme", READMES)
def test_every_command_exists(readme: str) -> None:
    names = {m["name"] for m in COMMAND.finditer((ROOT / readme).read_text("utf-8"))}
    assert {"up", "test", "status", "audit", "replay", "known", "bench", "nats"} <= names
    told = subprocess.run(
        [sys.executable, "-m", "yichuang.cli", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", told)] == []


def test_both_readmes_name_the_same_commands() -> None:
    english, chinese = (
        {m["name"] for m in COMMAND.finditer((ROOT / readme).read_text("utf-8"))}
        for readme in READMES
    )
    assert chinese <= english
