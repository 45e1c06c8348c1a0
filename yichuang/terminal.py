"""What a command says to the person who typed it."""

import json
import os
import sys
from typing import Any


class NobodyListens(Exception):
    """Whoever read standard output has gone (`| head`): stop, there is nobody to complain to."""


def say(text: str = "") -> None:
    """Write one line to standard output at once, so that it is seen while the command runs.

    Raises `NobodyListens` where standard output is a pipe that nobody reads any more.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as gone:
        # What is left in the buffer would be tried once more, and complained of, at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise NobodyListens from gone


def complain(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """Write one JSON document; anything JSON does not know is written as its text.

    One line for a program that reads it, indented for a person at a terminal.
    """
    indent = 2 if sys.stdout.isatty() else None
    say(json.dumps(value, ensure_ascii=False, indent=indent, default=str))
