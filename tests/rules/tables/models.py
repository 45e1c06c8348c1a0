"""DMN models as XML, made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

V15 = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def model(*parts: str, space: str = V15) -> bytes:
    """A model of the given elements, each with a `name`."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<definitions xmlns="{space}" name="m" '
        'xmlns:feel="http://www.omg.org/spec/FEEL/20140401">' + "\n".join(parts) + "</definitions>"
    ).encode()


def input_data(name: str, kind: str) -> str:
    return (
        f"<inputData id={quoteattr('i_' + name)} name={quoteattr(name)}>"
        f"<variable name={quoteattr(name)} typeRef={quoteattr(kind)}/></inputData>"
    )


def item(name: str, kind: str, allowed: str) -> str:
    return (
        f"<itemDefinition name={quoteattr(name)}><typeRef>{kind}</typeRef>"
        f"<allowedValues><text>{escape(allowed)}</text></allowedValues></itemDefinition>"
    )


def decision(
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    rows: Sequence[Sequence[str]],
    needs: Sequence[str] = (),
    attributes: str = 'hitPolicy="UNIQUE"',
    kind: str = "string",
) -> str:
    """A decision table. `inputs`: `expression:type`; `outputs`: elements; `needs`: hrefs."""
    links = "".join(
        f"<informationRequirement><{'requiredDecision' if n.startswith('d_') else 'requiredInput'}"
        f" href={quoteattr('#' + n)}/></informationRequirement>"
        for n in needs
    )
    columns = ""
    for one in inputs:
        text, _, type_ref = one.rpartition(":")
        columns += (
            f'<input><inputExpression typeRef="{type_ref}"><text>{escape(text)}</text>'
            "</inputExpression></input>"
        )
    lines = ""
    for row in rows:
        cells = [f"<text>{escape(cell)}</text>" for cell in row]
        lines += "<rule>"
        lines += "".join(f"<inputEntry>{c}</inputEntry>" for c in cells[: len(inputs)])
        lines += "".join(f"<outputEntry>{c}</outputEntry>" for c in cells[len(inputs) :])
        lines += "</rule>\n"
    return (
        f"<decision id={quoteattr('d_' + name)} name={quoteattr(name)}>"
        f'<variable name={quoteattr(name)} typeRef="{kind}"/>{links}'
        f"<decisionTable {attributes}>{columns}{''.join(outputs)}\n{lines}</decisionTable>"
        "</decision>"
    )
