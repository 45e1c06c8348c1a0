"""A file of the catalogue as the value its model describes, or what is wrong with its shape."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from catalogue.marks import Fault, Marked, read_marked

_Model = TypeVar("_Model", bound=BaseModel)


def read_shaped(
    folder: Path, name: str, model: type[_Model]
) -> tuple[_Model | None, Marked | None, list[Fault]]:
    """Return the value of the folder's file `name`, with what is wrong with the file.

    A folder without the file has no value and no fault.
    """
    path = folder / name
    if not path.is_file():
        return None, None, []
    marked, faults = read_marked(path, name)
    if marked is None or faults:
        return None, marked, faults
    value, faults = shaped(marked, model)
    return value, marked, faults


def shaped(marked: Marked, model: type[_Model]) -> tuple[_Model | None, list[Fault]]:
    """Return a file's value in its model's shape, or a fault for each part that has not got it.

    The remedy names the file of code that holds the model: its docstrings say what is wanted.
    """
    try:
        return model.model_validate(marked.value), []
    except ValidationError as wrong:
        remedy = f"请对照 {model.__module__.replace('.', '/')}.py 改正"
        return None, [
            marked.fault(
                tuple(error["loc"]),
                "：".join(filter(None, (".".join(map(str, error["loc"])), error["msg"]))),
                remedy,
            )
            for error in wrong.errors()
        ]
