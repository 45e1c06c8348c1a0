"""Forged receipts: each is a true one, altered in one way, with the exit code that it deserves."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audit.receipts import spell_receipt

Receipt = dict[str, Any]


@dataclass(frozen=True)
class Forgery:
    """`code`: 1 not to be trusted, 2 incomplete, 3 no receipt at all."""

    name: str
    content: bytes
    code: int


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def body_of(receipt: Receipt, place: int) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(base64.b64decode(receipt["entries"][place]["body"]))
    return body


def put(receipt: Receipt, place: int, body: dict[str, Any]) -> None:
    """Spell an altered body as the log would."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    receipt["entries"][place]["body"] = b64(text.encode())


def forgeries(true: Receipt, other: Receipt, foreign: Receipt, old: Receipt) -> list[Forgery]:
    """Return the forgeries of a closed case's receipt.

    `other`: another case of the same log. `foreign`: a case of the same number in the test city's
    log. `old`: the same case, as it was proved before its last entries.
    """
    made: list[Forgery] = []

    def forge(name: str, code: int, change: Callable[[Receipt], None]) -> None:
        receipt = copy.deepcopy(true)
        change(receipt)
        made.append(Forgery(name, spell_receipt(receipt), code))

    for name, change in _BODIES.items():
        forge(name, 1, change)
    forge("the act of an entry altered", 1, lambda r: put(r, 1, {**body_of(r, 1), "act": "x"}))
    forge("two payloads swapped", 1, _swap_payloads)
    forge("a payload's text altered", 1, lambda r: r["payloads"][0].update(content=b64(b"9")))
    forge("a payload's salt altered", 1, lambda r: r["payloads"][0].update(salt=b64(bytes(32))))
    forge("a payload of no commitment", 1, lambda r: r["payloads"][0].update(name="other"))
    forge("a payload given twice", 1, lambda r: r["payloads"].append(dict(r["payloads"][0])))
    forge("a payload under another entry", 1, lambda r: r["payloads"][0].update(entry=1))
    forge("an entry left out of the middle", 1, lambda r: _drop(r, 2))
    forge("two entries in another order", 1, _reorder)
    forge("an entry given twice", 1, lambda r: r["entries"].insert(1, dict(r["entries"][1])))
    forge("another case's entry mixed in", 1, lambda r: _mix(r, other))
    forge("another case's receipt under this number", 1, lambda r: _rename(r, other))
    forge("two entries with one place", 1, lambda r: _set(r, 2, seq=2))
    forge("the closing count altered", 1, lambda r: _set(r, -1, count=len(r["entries"]) - 1))
    forge("the closing count and its place altered", 1, lambda r: _set(r, -1, count=4, seq=4))
    forge("an index beyond the tree", 1, lambda r: r["entries"][0].update(index=10**6))
    forge("another index", 1, lambda r: r["entries"][0].update(index=r["entries"][0]["index"] + 1))
    forge("a node altered", 1, _node)
    forge("a node missing", 1, lambda r: r["logs"][0]["nodes"].popitem())
    forge("a node of 31 bytes", 1, lambda r: _all_nodes(r, b64(bytes(31))))
    forge("a node that is no base64", 1, lambda r: _all_nodes(r, "!"))
    forge("the head's size altered", 1, lambda r: _note(r, 1, "9"))
    forge("the head's size with a zero before it", 1, lambda r: _note(r, 1, "0" + _line(r, 1)))
    forge("the head's root altered", 1, lambda r: _note(r, 2, b64(bytes(32))))
    forge("the signature altered", 1, _signature)
    forge("the signature stripped", 1, lambda r: _strip(r))
    forge("another origin in the head", 1, lambda r: _note(r, 0, "city.example/other"))
    forge("another origin beside the head", 1, lambda r: r["logs"][0].update(origin="x/other"))
    forge("an old head replayed", 1, lambda r: r["logs"][0].update(old["logs"][0]))
    forge("the test city's head", 1, lambda r: r["logs"][0].update(foreign["logs"][0]))
    made.append(Forgery("the test city's receipt", spell_receipt(foreign), 1))
    # What is true but says less.
    forge("the end cut off", 2, lambda r: _cut(r, len(r["entries"]) - 1))
    forge("the proofs of the end taken away", 2, _unseal)
    # What is no receipt.
    text = spell_receipt(true).decode()
    for name, broken in {
        "a key given twice": '{"case":"C-9",' + text[1:],
        "a fraction": text.replace('"index":', '"index":1.0,"x":', 1),
        "not a number": text.replace('"clock":null', '"clock":{"a":NaN}'),
        "a huge integer": text.replace('"clock":null', '"clock":{"a":' + "9" * 400 + "}"),
        "an integer beyond the double's": text.replace(
            '"clock":null', '"clock":{"a":1%s}' % ("0" * 16)
        ),
        "a hidden mark of direction": text.replace('"clock":null', '"clock":{"a":"\u202egnp"}'),
        "the same mark as an escape": text.replace('"clock":null', '"clock":{"a":"\\u202egnp"}'),
        "a hidden mark in a node": text.replace('"nodes":{"', '"nodes":{"9.9":"\u200b","', 1),
        "a second tree that is none": text.replace('"nodes":{', '"sm3":{},"nodes":{', 1),
        "a second tree of no nodes": text.replace('"nodes":{', '"sm3":null,"nodes":{', 1),
        "an unknown field": text.replace('"clock":null', '"clock":null,"trust":"me"'),
        "a trusted key of its own": text.replace('"scope":', '"policy":"log x","scope":', 1),
        "another format": text.replace("yichuang-receipt/1", "yichuang-receipt/2"),
        "no entries": json.dumps({**true, "entries": [], "payloads": [], "withheld": []}),
        "a place as a text": text.replace('"log":0', '"log":"0"', 1),
        "a log that is not there": text.replace('"log":0', '"log":7', 1),
        "a truth for a number": text.replace('"log":0', '"log":false', 1),
        "text after the end": text + "{}",
        "cut in the middle": text[: len(text) // 2],
        "a list": f"[{text}]",
        "nothing": "",
        "nested deep": "[" * 100_000,
        "a byte order mark": "\ufeff" + text,
    }.items():
        made.append(Forgery(name, broken.encode(), 3))
    made.append(Forgery("not UTF-8", spell_receipt(true) + b"\xff", 3))
    made.append(Forgery("too large", b" " * (16 * 1024 * 1024) + spell_receipt(true), 3))
    return made


def _respelled(change: Callable[[str], str]) -> Callable[[Receipt], None]:
    def respell(receipt: Receipt) -> None:
        text = base64.b64decode(receipt["entries"][1]["body"]).decode()
        altered = change(text)
        assert altered != text
        receipt["entries"][1]["body"] = b64(altered.encode())

    return respell


_BODIES: dict[str, Callable[[Receipt], None]] = {
    "a body with a space": _respelled(lambda text: text.replace('"act":', '"act": ', 1)),
    "a body with an escape": _respelled(lambda text: text.replace("case.", "\\u0063ase.", 1)),
    "a body with a key twice": _respelled(lambda text: '{"act":"x",' + text[1:]),
    "a body with 1.0": _respelled(lambda text: text.replace('"v":1,', '"v":1.0,')),
    "a body with a bidi mark": _respelled(lambda text: text.replace("decide", "dec\u202eide", 1)),
    "a body in another normal form": _respelled(lambda text: text.replace("clerk", "cle\u0301k")),
    "a body with a field of its own": _respelled(lambda text: text[:-1] + ',"z":1}'),
    "a body that is no JSON": _respelled(lambda text: text[:-1]),
    "a body that is a list": _respelled(lambda text: f"[{text}]"),
    "a body nested deep": _respelled(lambda text: "[" * 30_000),
    "a body on no day": _respelled(lambda text: text.replace("2026-11-", "2026-13-", 1)),
    "a body one bit off": _respelled(lambda text: text.replace('"human"', '"humao"')),
}  # fmt: skip


def _swap_payloads(receipt: Receipt) -> None:
    first, second = receipt["payloads"][:2]
    first["entry"], second["entry"] = second["entry"], first["entry"]


def _drop(receipt: Receipt, place: int) -> None:
    del receipt["entries"][place]
    receipt["payloads"] = [one for one in receipt["payloads"] if one["entry"] < place]


def _cut(receipt: Receipt, length: int) -> None:
    del receipt["entries"][length:]
    receipt["payloads"] = [one for one in receipt["payloads"] if one["entry"] < length]


def _reorder(receipt: Receipt) -> None:
    entries = receipt["entries"]
    entries[1], entries[2] = entries[2], entries[1]
    receipt["payloads"] = []


def _mix(receipt: Receipt, other: Receipt) -> None:
    receipt["entries"][2] = other["entries"][2]
    receipt["logs"][0]["nodes"] |= other["logs"][0]["nodes"]
    receipt["payloads"] = []


def _rename(receipt: Receipt, other: Receipt) -> None:
    receipt.update(copy.deepcopy(other) | {"case": receipt["case"]})


def _set(receipt: Receipt, place: int, **changes: int) -> None:
    place %= len(receipt["entries"])
    body = body_of(receipt, place)
    put(receipt, place, {**body, "s": {**body["s"], **changes}})


def _node(receipt: Receipt) -> None:
    nodes = receipt["logs"][0]["nodes"]
    nodes[min(nodes)] = b64(bytes(32))


def _all_nodes(receipt: Receipt, value: str) -> None:
    nodes = receipt["logs"][0]["nodes"]
    nodes.update(dict.fromkeys(nodes, value))


def _line(receipt: Receipt, line: int) -> str:
    lines: list[str] = receipt["logs"][0]["checkpoint"].split("\n")
    return lines[line]


def _note(receipt: Receipt, line: int, text: str) -> None:
    lines = receipt["logs"][0]["checkpoint"].split("\n")
    lines[line] = text
    receipt["logs"][0]["checkpoint"] = "\n".join(lines)
    if line == 0:
        receipt["logs"][0]["origin"] = text


def _signature(receipt: Receipt) -> None:
    note = receipt["logs"][0]["checkpoint"]
    head, _, line = note.rpartition(" ")
    raw = bytearray(base64.b64decode(line))
    raw[-1] ^= 1
    receipt["logs"][0]["checkpoint"] = f"{head} {b64(bytes(raw))}\n"


def _strip(receipt: Receipt) -> None:
    text = receipt["logs"][0]["checkpoint"].partition("\n\n")[0]
    receipt["logs"][0]["checkpoint"] = f"{text}\n\n— somebody {b64(bytes(68))}\n"


def _unseal(receipt: Receipt) -> None:
    receipt["entries"][-1].update(log=None, index=None)
