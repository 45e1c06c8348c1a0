"""`yichuang rules schema`: JSON Schema of a rule pack, for editors that complete and underline."""

from __future__ import annotations

import argparse

from rules.model import Definition
from yichuang.settings import Settings
from yichuang.terminal import say_json

HELP = "规则包的 JSON Schema，供编辑器使用 (JSON Schema of a pack, for editors)"


def add(parser: argparse.ArgumentParser) -> None:
    del parser  # nothing to ask


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the schema. What it cannot say (limits, names, examples), `rules check` does."""
    del args, settings
    say_json(Definition.model_json_schema(by_alias=True))
    return 0
