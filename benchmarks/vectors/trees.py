"""Merkle proofs of transparency-dev/merkle, logs in tlog-tiles form, sigstore bundles."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from audit.merkle import (
    HASH_BYTES,
    TILE_WIDTH,
    Frontier,
    ProofRefused,
    complete_root,
    consistency_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_extension,
    verify_inclusion,
)
from audit.notes import Checkpoint, NoteInvalid, parse_checkpoint
from benchmarks.vectors.folder import Folder, Tallies, Tally, VectorFile
from benchmarks.vectors.keys import KeyRing

INCLUSION, CONSISTENCY = "merkle 包含证明", "merkle 一致性证明"
TILE_SIGNATURES, TILE_ROOTS = "tlog-tiles 签名", "tlog-tiles 树根"
TILE_PAIRS, TILE_FILES = "tlog-tiles 两两一致", "tlog-tiles 瓦片与条目包"
BUNDLE_PROOFS, BUNDLE_SIGNATURES = "sigstore 包含证明", "sigstore 树头签名"
FAMILIES = (
    INCLUSION,
    CONSISTENCY,
    TILE_SIGNATURES,
    TILE_ROOTS,
    TILE_PAIRS,
    TILE_FILES,
    BUNDLE_PROOFS,
    BUNDLE_SIGNATURES,
)

_INCLUSION = {"leafIdx", "treeSize", "root", "leafHash", "proof"}
_CONSISTENCY = {"size1", "size2", "root1", "root2", "proof"}
_SUBTREE = {"start", "end"}


def read(folder: Folder, tallies: Tallies, keys: KeyRing) -> None:
    """Feed every proof, tile log and bundle."""
    for file in folder.files:
        content = file.content
        if not isinstance(content, dict):
            continue
        if _SUBTREE <= content.keys() and "proof" in content:
            folder.claim(file)
            tallies[INCLUSION].remark("子树证明（Merkle Tree Certificates），本日志不用，未算")
        elif _INCLUSION <= content.keys():
            folder.claim(file)
            with tallies[INCLUSION].understood(file.name):
                _inclusion(file.name, content, tallies[INCLUSION])
        elif _CONSISTENCY <= content.keys():
            folder.claim(file)
            with tallies[CONSISTENCY].understood(file.name):
                _consistency(file.name, content, tallies[CONSISTENCY])
        elif "verificationMaterial" in content:
            folder.claim(file)
            with tallies[BUNDLE_PROOFS].understood(file.name):
                _bundle(file.name, content, tallies, keys)
    for log in {f.path.parent for f in folder.files if f.path.name == "checkpoint"}:
        with tallies[TILE_ROOTS].understood(log.name):
            _tile_log(folder, log, tallies, keys)


def _bytes(encoded: Any) -> bytes:
    return base64.b64decode(encoded or "")


def _hashes(encoded: Any) -> list[bytes]:
    return [_bytes(one) for one in encoded or ()]


def _inclusion(place: str, asked: dict[str, Any], tally: Tally) -> None:
    try:
        leaf, root, proof = _bytes(asked["leafHash"]), _bytes(asked["root"]), asked["proof"]
        verify_inclusion(leaf, asked["leafIdx"], asked["treeSize"], _hashes(proof), root)
        held = True
    except ProofRefused:
        held = False
    tally.check(place, not asked.get("wantErr", False), held)


def _consistency(place: str, asked: dict[str, Any], tally: Tally) -> None:
    sizes, proof = (asked["size1"], asked["size2"]), _hashes(asked["proof"])
    try:
        verify_consistency(*sizes, proof, _bytes(asked["root1"]), _bytes(asked["root2"]))
        held = True
    except ProofRefused:
        held = False
    tally.check(place, not asked.get("wantErr", False), held)


# ── sigstore bundles ──


def _bundle(place: str, bundle: dict[str, Any], tallies: Tallies, keys: KeyRing) -> None:
    entries = (bundle["verificationMaterial"] or {}).get("tlogEntries") or []
    if not entries:
        tallies[BUNDLE_PROOFS].remark("没有日志条目的包")
    for entry in entries:
        said = entry.get("inclusionProof") or {}
        note = (said.get("checkpoint") or {}).get("envelope")
        if not note:
            # A root that nobody signed proves nothing; audit.md §3.9, point 4.
            tallies[BUNDLE_PROOFS].remark("没有签名树头，不能算作证明")
            continue
        _bundle_entry(place, entry, said, note, tallies, keys)


def _bundle_entry(
    place: str,
    entry: dict[str, Any],
    said: dict[str, Any],
    note: str,
    tallies: Tallies,
    keys: KeyRing,
) -> None:
    try:
        head = parse_checkpoint(note.rpartition("\n\n")[0] + "\n")
        leaf = leaf_hash(_bytes(entry["canonicalizedBody"]))
        path = _hashes(said["hashes"])
        # Size and root from the head, never from the proof.
        verify_inclusion(leaf, int(said["logIndex"]), head.size, path, head.root)
        found = "成立"
    except (ProofRefused, NoteInvalid) as error:
        found = str(error)
    tallies[BUNDLE_PROOFS].check(place, "成立", found)
    signed = keys.signed(note)
    if signed is None:
        tallies[BUNDLE_SIGNATURES].remark("这里没有其日志公钥")
    else:
        tallies[BUNDLE_SIGNATURES].check(place, "成立", signed)


# ── logs as tiles ──


def _tile_log(folder: Folder, log: Path, tallies: Tallies, keys: KeyRing) -> None:
    heads = list(_heads(folder, log))
    if not heads:
        return
    for file in folder.files:
        if log / ".state" in file.path.parents:
            folder.claim(file)  # the log server's own, no part of the format
    leaves = _leaves(folder, log)
    frontier, roots = Frontier(), {0: Frontier().root()}
    for leaf in leaves:
        frontier.append(leaf)
        roots[frontier.size] = frontier.root()
    for file, head, note in heads:
        signed = keys.signed(note)
        if signed is None:
            tallies[TILE_SIGNATURES].remark(f"没有 {head.origin} 的公钥（vkey）")
        else:
            tallies[TILE_SIGNATURES].check(file.name, "成立", signed)
    published = _roots(log, heads, roots, tallies[TILE_ROOTS])
    _pairs(log, {s: r for s, r in published.items() if s <= len(leaves)}, leaves, tallies)
    _tile_files(folder, log, leaves, tallies[TILE_FILES])


def _roots(
    log: Path,
    heads: Sequence[tuple[VectorFile, Checkpoint, str]],
    roots: Mapping[int, bytes],
    tally: Tally,
) -> dict[int, bytes]:
    """Compare each head's root with that of the leaves; return the roots by size."""
    published: dict[int, bytes] = {}
    for file, head, _ in heads:
        if published.setdefault(head.size, head.root) != head.root or head.size not in roots:
            tally.check(file.name, head.root.hex(), "瓦片不够或另有一个树根")
    for size, root in sorted(published.items()):
        if size in roots:
            tally.check(f"{log.name} {size}", root.hex(), roots[size].hex())
    return published


def _heads(folder: Folder, log: Path) -> Iterator[tuple[VectorFile, Checkpoint, str]]:
    for file in folder.files:
        if file.path.parent != log or not file.path.name.startswith("checkpoint"):
            continue
        note = file.text or ""
        try:
            head = parse_checkpoint(note.rpartition("\n\n")[0] + "\n")
        except NoteInvalid:
            continue
        folder.claim(file)
        yield file, head, note


def _pairs(
    log: Path, published: dict[int, bytes], leaves: Sequence[bytes], tallies: Tallies
) -> None:
    def node(height: int, index: int) -> bytes:
        return complete_root(leaves[index << height : (index + 1) << height])

    for old, new in combinations(sorted(published), 2):
        try:
            proof = consistency_proof(old, new, node)
            verify_extension(old, new, proof, published[old], published[new])
            found = "成立"
        except ProofRefused as error:
            found = str(error)
        tallies[TILE_PAIRS].check(f"{log.name} {old}→{new}", "成立", found)


def _leaves(folder: Folder, log: Path) -> list[bytes]:
    """Return the leaf hashes that the widest tiles of level 0 hold, in order, as far as they go."""
    widest: dict[int, bytes] = {}
    for file in folder.files:
        spot = _spot(log, file.path)
        if spot and spot[0] == "0" and len(file.raw) > len(widest.get(spot[1], b"")):
            widest[spot[1]] = file.raw
    leaves: list[bytes] = []
    for index in sorted(widest):
        if index * TILE_WIDTH != len(leaves):
            break
        row = widest[index]
        leaves += [row[i : i + HASH_BYTES] for i in range(0, len(row), HASH_BYTES)]
    return leaves


def _tile_files(folder: Folder, log: Path, leaves: Sequence[bytes], tally: Tally) -> None:
    for file in folder.files:
        spot = _spot(log, file.path)
        if spot is None:
            continue
        folder.claim(file)
        level, index, width = spot
        first = index * TILE_WIDTH
        if level == "entries":
            expected = list(leaves[first : first + width])
            tally.check(file.name, expected, [leaf_hash(entry) for entry in _bundled(file.raw)])
            continue
        span = TILE_WIDTH ** int(level)
        hashes = []
        for place in range(first, first + width):
            covered = list(leaves[place * span : (place + 1) * span])
            whole = len(covered) == span
            hashes.append(root_at(span, _over(covered)) if whole else b"")
        tally.check(file.name, file.raw.hex(), b"".join(hashes).hex())


def _over(covered: Sequence[bytes]) -> Any:
    return lambda height, index: complete_root(covered[index << height : (index + 1) << height])


def _bundled(raw: bytes) -> Iterator[bytes]:
    """Yield the entries of a bundle: each after its length, two bytes; C2SP tlog-tiles."""
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2])
        yield raw[at + 2 : at + 2 + length]
        at += 2 + length


def _spot(log: Path, path: Path) -> tuple[str, int, int] | None:
    """Return (level or `entries`, tile index, width) of a tile's path; C2SP tlog-tiles §Merkle."""
    try:
        level, *parts = path.relative_to(log / "tile").parts
    except ValueError:
        return None
    width = TILE_WIDTH
    if len(parts) > 1 and parts[-2].endswith(".p") and parts[-1].isdecimal():
        width = int(parts[-1])
        parts = [*parts[:-2], parts[-2].removesuffix(".p")]
    digits = [part.removeprefix("x") for part in parts]
    if not digits or not all(len(d) == 3 and d.isdecimal() for d in digits):
        return None
    if level != "entries" and not level.isdecimal():
        return None
    return level, int("".join(digits)), width
