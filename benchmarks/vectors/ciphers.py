"""Wycheproof's JSON, NIST loader files of SM3 and SM4-GCM, SM2 examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from audit.notes import accepts_ed25519
from audit.sm2 import NotSM2, SM2PublicKey, point_of_pem
from audit.sm3 import hmac_sm3, sm3
from audit.sm4 import InvalidTag, Sm4Gcm
from benchmarks.vectors.folder import Folder, Tallies, Tally, VectorFile

ED25519, HMAC_SM3, DIGEST_SM3 = "Ed25519", "HMAC-SM3", "SM3"
SM4_GCM, SM2_DIGEST, SM2_MESSAGE = "SM4-GCM", "SM2（摘要）", "SM2（全文）"
FAMILIES = (ED25519, HMAC_SM3, DIGEST_SM3, SM4_GCM, SM2_DIGEST, SM2_MESSAGE)

_SM2_EXAMPLE = {"pub_x", "pub_y", "message", "r", "s"}
_SM2_RECORD = {"digest", "input_hex", "sig_der_hex"}


def read(folder: Folder, tallies: Tallies) -> None:
    """Feed every vector of these forms."""
    for file in folder.files:
        content = file.content
        if isinstance(content, dict) and "testGroups" in content:
            _wycheproof(folder, file, content, tallies)
        elif isinstance(content, dict) and _SM2_EXAMPLE <= content.keys():
            folder.claim(file)
            with tallies[SM2_MESSAGE].understood(file.name):
                _sm2_example(file.name, content, tallies[SM2_MESSAGE])
        elif _is_records(content):
            with tallies[SM2_DIGEST].understood(file.name):
                _sm2_records(folder, file, content, tallies[SM2_DIGEST])
        elif file.text and "\n" in file.text and file.content is None:
            _nist(folder, file, file.text, tallies)


# ── wycheproof ──


def _wycheproof(
    folder: Folder, file: VectorFile, content: dict[str, Any], tallies: Tallies
) -> None:
    algorithm = str(content.get("algorithm", ""))
    judges = {"HMACSM3": (HMAC_SM3, _mac), "SM4-GCM": (SM4_GCM, _aead), "EDDSA": (ED25519, _eddsa)}
    if algorithm not in judges:
        return
    folder.claim(file)
    family, judge = judges[algorithm]
    for group in content["testGroups"]:
        for test in group["tests"]:
            place = f"{file.path.name} {test.get('tcId')}"
            with tallies[family].understood(place):
                judge(place, group, test, tallies[family])


def _eddsa(place: str, group: dict[str, Any], test: dict[str, Any], tally: Tally) -> None:
    key = group.get("publicKey") or group["key"]
    if key.get("curve") != "edwards25519":
        tally.remark(f"曲线 {key.get('curve')}，本日志不用")
        return
    public = bytes.fromhex(key["pk"])
    held = accepts_ed25519(public, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
    tally.check(place, test["result"] == "valid", held)


def _mac(place: str, group: dict[str, Any], test: dict[str, Any], tally: Tally) -> None:
    made = hmac_sm3(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]))
    held = made[: group["tagSize"] // 8].hex() == test["tag"]
    tally.check(place, test["result"] == "valid", held)


def _aead(place: str, group: dict[str, Any], test: dict[str, Any], tally: Tally) -> None:
    if group["tagSize"] != 128:
        tally.remark("标签不足 128 位，保险库不用也不收")
        return
    if not 64 <= group["ivSize"] <= 1024:
        tally.remark("随机数不足 64 位或超过 1024 位，不支持（保险库只用 96 位）")
        return
    key, nonce, aad, message, sealed, tag = (
        bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
    )
    box = Sm4Gcm(key)
    try:
        held = box.decrypt(nonce, sealed + tag, aad) == message
    except InvalidTag:
        held = False
    if test["result"] == "valid":
        held = held and box.encrypt(nonce, message, aad) == sealed + tag
    tally.check(place, test["result"] == "valid", held)


# ── NIST loader files ──


def _nist(folder: Folder, file: VectorFile, text: str, tallies: Tallies) -> None:
    title = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    records = list(_records(text))
    if any({"Len", "Msg", "MD"} <= r.keys() for r in records) and "SM3" in title:
        folder.claim(file)
        for record in records:
            if "Len" not in record:
                continue
            content = bytes.fromhex(record["Msg"])[: int(record["Len"]) // 8]
            place = f"{file.path.name} {record['Len']} 位"
            tallies[DIGEST_SM3].check(place, record["MD"].lower(), sm3(content).hex())
    elif any({"KEY", "IV", "TAG", "CIPHERTEXT"} <= r.keys() for r in records) and "SM4" in title:
        folder.claim(file)
        for record in records:
            place = f"{file.path.name} {record.get('COUNT')}"
            with tallies[SM4_GCM].understood(place):
                _gcm_record(place, record, tallies[SM4_GCM])


def _gcm_record(place: str, record: dict[str, str], tally: Tally) -> None:
    key, nonce, aad, message = (
        bytes.fromhex(record.get(name, "")) for name in ("KEY", "IV", "AAD", "PLAINTEXT")
    )
    expected = (record["CIPHERTEXT"] + record["TAG"]).lower()
    tally.check(place, expected, Sm4Gcm(key).encrypt(nonce, message, aad).hex())


def _records(text: str) -> Iterator[dict[str, str]]:
    """Yield the groups of `NAME = value` lines that blank lines part."""
    for block in text.split("\n\n"):
        record = {}
        for line in block.splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                record[name.strip()] = value.strip()
        if record:
            yield record


# ── SM2 ──


def _sm2_example(place: str, content: dict[str, Any], tally: Tally) -> None:
    key = SM2PublicKey.from_point(b"\x04" + bytes.fromhex(content["pub_x"] + content["pub_y"]))
    signature = encode_dss_signature(int(content["r"], 16), int(content["s"], 16))
    identity = str(content.get("id", "")).encode()
    held = key.accepts(str(content["message"]).encode(), signature, identity)
    tally.check(place, not content.get("wantErr", False), held)


def _is_records(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(one, dict) and _SM2_RECORD <= one.keys() for one in content)
    )


def _sm2_records(
    folder: Folder, file: VectorFile, content: list[dict[str, Any]], tally: Tally
) -> None:
    folder.claim(file)
    keys = [f for f in folder.files if f.path.parent == file.path.parent and _pem_key(f)]
    if len(keys) != 1:
        tally.remark(
            f"{file.name}：同一文件夹内应有一把 SM2 公钥，实有 {len(keys)} 把", len(content)
        )
        return
    folder.claim(*keys)
    key = _pem_key(keys[0])
    assert key is not None
    for number, record in enumerate(content, 1):
        digest, signature = (bytes.fromhex(record[n]) for n in ("input_hex", "sig_der_hex"))
        expected = str(record.get("result", "valid")) == "valid"
        # OpenSSL signs any digest as a number; our heads are signed over SM3 alone.
        place = f"{file.name} 第 {number} 条（{record['digest']}）"
        tally.check(place, expected, key.accepts_digest(digest, signature))


def _pem_key(file: VectorFile) -> SM2PublicKey | None:
    """Return the key of a PEM file, None if it holds none."""
    try:
        return SM2PublicKey.from_point(point_of_pem(file.text or ""))
    except NotSM2:
        return None
