"""What a command says to the person who typed it."""

import json
import sys
from typing import Any


def say(text: str = "") -> None:
    """Write one line to standard output at once, so that it is seen while the command runs."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """Write one JSON document; anything JSON does not know is written as its text."""
    say(json.dumps(value, ensure_ascii=False, indent=2, default=str))
