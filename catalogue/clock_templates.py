"""The clock templates that ship: timetables of procedures beside the licence, as values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from catalogue.clock_rules import ClockTemplate
from catalogue.load import HERE, CatalogueFaulty
from catalogue.marks import Fault
from catalogue.reading import read_templates


class TemplateUnknown(LookupError):
    """No template has that code; the sentence lists those there are."""


def load_templates(folder: Path = HERE) -> Mapping[str, ClockTemplate]:
    """Return the templates of `folder`/clocks by code. Raises `CatalogueFaulty` where a file is
    no template; what is wrong between files, `catalogue check` says."""
    faults: list[Fault] = []
    found = {template.code: template for template, _ in read_templates(folder, faults)}
    if faults:
        raise CatalogueFaulty(faults)
    return found


def template(code: str, folder: Path = HERE) -> ClockTemplate:
    """Return one template. Raises `TemplateUnknown`, `CatalogueFaulty`."""
    known = load_templates(folder)
    try:
        return known[code]
    except KeyError as unknown:
        raise TemplateUnknown(f"没有时限模板「{code}」；有：{'、'.join(known)}") from unknown
