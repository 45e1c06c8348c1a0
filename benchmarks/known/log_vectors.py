"""Vectors of the signed log's formats and ciphers, as their makers publish them, and our answers.

Form: a folder (or one file) with any of: transparency-dev/merkle inclusion and consistency JSON; a
tlog-tiles log; a witness's exchanges; sigstore bundles and trusted roots; C2SP examples;
input/output pairs of RFC 8785; wycheproof's Ed25519, HMAC-SM3 and SM4-GCM; NIST loader files of SM3
and SM4-GCM; SM2 records and examples; RFC 3161 responses beside their certificates. Each file is
told by its content. A form of which none is there, and a file of no form, are named; neither is a
difference.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from benchmarks.known import Known, KnownUnreadable
from benchmarks.vectors import ciphers, exchanges, stamps, texts, trees
from benchmarks.vectors.folder import Folder, Tallies
from benchmarks.vectors.keys import KeyRing

FORMS = (trees, exchanges, texts, ciphers, stamps)
"""Modules that each know some forms."""


def run(path: Path) -> Known:
    """Return, family by family, how many published answers ours equal. Raises `KnownUnreadable`."""
    folder = Folder(path)
    tallies = Tallies(tuple(family for forms in FORMS for family in forms.FAMILIES))
    keys = KeyRing(folder)
    trees.read(folder, tallies, keys)
    exchanges.read(folder, tallies)
    texts.read(folder, tallies)
    ciphers.read(folder, tallies)
    stamps.read(folder, tallies)
    cases = sum(tally.cases for tally in tallies)
    unknown = [file.name for file in folder.unclaimed()]
    if not cases:
        raise KnownUnreadable(f"{path}：没有认得的向量（{len(folder.files)} 个文件）")
    absent = [tally.family for tally in tallies if not tally.cases and not tally.remarks]
    lines = [f"{t.family}：{t.equal}/{t.cases}" for t in tallies if t.cases]
    lines += [f"{t.family}：{what}：{n}" for t in tallies for what, n in t.remarks.items()]
    lines += [f"这里没有：{'、'.join(absent)}"] if absent else []
    lines += [f"不认得或本日志不用，未算：{name}" for name in unknown]
    families: dict[str, JsonValue] = {
        tally.family: {"cases": tally.cases, "equal": tally.equal, "remarks": {**tally.remarks}}
        for tally in tallies
    }
    return Known(
        cases=cases,
        equal=sum(tally.equal for tally in tallies),
        differences=[line for tally in tallies for line in tally.differences],
        report={"families": families, "absent": [*absent], "unknown_files": [*unknown]},
        lines=lines,
    )
