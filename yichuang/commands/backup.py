"""`yichuang backup DIR`, `yichuang backup verify DIR`: the whole city of one instant, sealed."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path

from yichuang.backing_up import BackupFailed, back_up
from yichuang.backup_seal import SecretTooWeak
from yichuang.backup_set import (
    Manifest,
    NoBackup,
    WrongSecret,
    faults,
    read_list,
    unsealed_faults,
)
from yichuang.embedded.ground import StartRefused
from yichuang.embedded.serving import ServerMissing
from yichuang.keyring import KeyMissing
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "备份：整座城同一时刻的一套；backup verify 核验 (back up the whole city, or verify a backup)"
DAMAGED, WRONG = 1, 2


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="+", metavar="[verify] DIR", help="备份的文件夹（新的或空的）(the folder)"
    )
    parser.add_argument(
        "--key", type=Path, help="一个文件：备份的口令或者密钥；与备份分开保管 (kept elsewhere)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 done, 1 a damaged backup or none made, 2 wrongly asked."""
    verifying = len(args.words) == 2 and args.words[0] == "verify"
    if not verifying and len(args.words) != 1:
        complain("用法：backup DIR --key FILE，或者 backup verify DIR [--key FILE]")
        return WRONG
    try:
        folder = Path(args.words[-1]).expanduser()
        if verifying:
            return _verify(args, folder)
        manifest = asyncio.run(back_up(settings, folder, secret_of(args.key), told_of(args.json)))
    except (BackupFailed, ServerMissing) as failed:
        complain(str(failed))
        return DAMAGED
    except WrongSecret:
        complain("备份口令不对")
        return WRONG
    except NoBackup as none:
        complain(str(none))
        return DAMAGED
    except (SecretTooWeak, KeyMissing, StartRefused, OSError) as wrong:
        complain(str(wrong))
        return WRONG
    tell(args.json, manifest)
    return 0


def told_of(as_json: bool):  # type: ignore[no-untyped-def]
    """Return what says how far it is."""
    return (lambda _line: None) if as_json else say


def secret_of(path: Path | None) -> bytes:
    """Return what the operator keeps. Raises `SecretTooWeak`, `OSError`."""
    if path is None:
        raise SecretTooWeak("要有 --key FILE：备份里有全部密钥，不加密不做备份")
    return path.expanduser().read_bytes().rstrip(b"\r\n")


def tell(as_json: bool, manifest: Manifest) -> None:
    """Say what a backup is."""
    if as_json:
        say_json({**asdict(manifest), "digest": manifest.digest})
        return
    total = sum(one.bytes for one in manifest.parts)
    say(f"{manifest.city} {manifest.at}：{len(manifest.parts)} 个部分，共 {total / 1e6:.1f} MB")
    say(f"日志 {manifest.origin}：{manifest.size} 条；清单摘要 {manifest.digest}")


def _verify(args: argparse.Namespace, folder: Path) -> int:
    manifest, signed_by = read_list(folder)
    found = faults(folder, manifest)
    if not found and args.key is not None:
        found = unsealed_faults(folder, manifest, manifest.key(secret_of(args.key)))
    if args.json:
        say_json({**asdict(manifest), "signed_by": signed_by, "faults": found})
    else:
        tell(False, manifest)
        say(f"清单由 {signed_by} 签名")
        for one in found:
            say(f"不符：{one}")
        if not found:
            say("各部分完好" if args.key else "各文件完好（没有给口令，没有解开）")
    return DAMAGED if found else 0
