"""`yichuang audit seal`: a signed head at once, for a decision that must leave with its proof."""

from __future__ import annotations

import argparse

from audit.logstore import LogMoved, LogReader, StoredCheckpoint
from audit.report import INCOMPLETE, TAMPERED
from audit.sequencer import LogBehindSigner, OutboxAltered
from audit.signer import SignerRefused, SignerUnavailable
from cases.database import reading
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.sequencer import sequencer
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "立即签一个树头 (have the head signed now)"
TRIES = 20
"""Rounds against a sequencer that appends at the same time; each loses at most one batch."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0; 1 if log and signer contradict one another; 2 if the signer is away; 3 unread."""
    try:
        with telling():
            head = _sealed(settings)
    except LogUnreadable as error:
        return unreadable(error)
    except SignerUnavailable as error:
        complain(f"签名进程不在：{error}")
        return INCOMPLETE
    except LogMoved as error:
        complain(f"另一个排序进程一直在写，请再试：{error}")
        return INCOMPLETE
    except (LogBehindSigner, OutboxAltered, SignerRefused) as error:
        complain(f"没有签名：{error}")
        return TAMPERED
    if head is None:
        complain("日志还是空的，没有可签的")
        return INCOMPLETE
    if args.json:
        say_json({"size": head.size, "root": head.root.hex(), "checkpoint": head.note})
    else:
        say(head.note)
    return 0


def _sealed(settings: Settings) -> StoredCheckpoint | None:
    """Drain what waits and return the head over it; a running sequencer may do it before us."""
    log = log_store(settings)
    working = sequencer(settings)
    for left in reversed(range(TRIES)):
        try:
            working.drain()
            working.seal()
            break
        except LogMoved:
            if not left:
                raise
    with reading(log) as connection:
        return LogReader(connection).last_checkpoint()
