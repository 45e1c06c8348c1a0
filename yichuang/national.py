"""The national profile (YICHUANG_LOG_PROFILE=national): a second tree under SM3, signed with SM2.

Founded by `init`, at the first start or later: a log that exists then has its earlier entries
hashed once by the sequencer. A key in a file is for development; see docs/national-crypto.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from audit.keyperiods import ALSO
from audit.logstore import LogReader
from audit.notes import SM2
from audit.secondtree import SUFFIX
from audit.signer import Signer, init_signer
from audit.signer_door import SignerClient
from audit.signing import make_sm2_key
from audit.sm3 import SM3
from cases.database import open_engine, reading
from yichuang.settings import Settings
from yichuang.trusting import change_policy, city_policy, policy_path

KEY_FILE = "sm2.key"
STATE_FILE = "signed-sm3.json"
IN_A_FILE = ("file", "sm2:")
"""How the line of a key begins that lies in a file: of itself it passes no assessment (密评)."""


def is_national(settings: Settings) -> bool:
    """Return whether the log has a second tree by these settings."""
    return settings.log_profile == "national"


def key_in_a_file(settings: Settings) -> bool:
    """Return whether the SM2 key lies in a file, not in a certified device."""
    return settings.signer_sm2_key.startswith(IN_A_FILE)


def second_signer(settings: Settings, passphrase: bytes | None) -> Signer:
    """Return the signer of the second tree. Raises `SignerNotFounded`, `SignerUnavailable`."""
    folder = settings.signer_path
    return Signer(
        folder / KEY_FILE,
        folder / STATE_FILE,
        passphrase=passphrase,
        new_key=_key_line(settings),
        tree=SM3,
    )


def second_client(settings: Settings) -> SignerClient | None:
    """Return who is asked to sign heads of the second tree, None outside the profile."""
    if not is_national(settings):
        return None
    return SignerClient(settings.signer_socket, tree=SM3.name)


def found_second(settings: Settings, passphrase: bytes | None) -> Iterator[str]:
    """Make what the profile needs and is not there yet; yield a line for each thing made.

    Raises `audit.signing.KeyUnusable` where OpenSSL knows no SM2, or the device does not answer.
    """
    if not is_national(settings):
        return
    key, state = settings.signer_path / KEY_FILE, settings.signer_path / STATE_FILE
    if not state.exists():
        if settings.signer_sm2_key == "file":
            # A crash between the two files: the key has signed nothing yet, so it is made anew.
            key.unlink(missing_ok=True)
            make_sm2_key(key, passphrase)
        origin = f"{_origin(settings)}{SUFFIX}"
        line = _key_line(settings)
        init_signer(
            settings.signer_path / "no-such.key",
            state,
            origin,
            passphrase=passphrase,
            key=line,
            tree=SM3,
        )
        yield f"已生成国密签名密钥 {origin}"
        if key_in_a_file(settings):
            yield "注意：软件里的 SM2 密钥本身通不过密评，生产环境请接签名验签服务器或密码机"
    yield from _trusted(settings, passphrase)


def _trusted(settings: Settings, passphrase: bytes | None) -> Iterator[str]:
    if any(log.verifier.kind == SM2 for log in city_policy(settings).logs):
        return  # without a look at the signer, which a running city holds
    founded = second_signer(settings, passphrase)
    try:
        verifier = founded.verifier
    finally:
        founded.close()
    # A comment to readers who know only C2SP: they would refuse the kind of its key.
    change_policy(settings, lambda text: f"{text}{ALSO} {verifier.vkey}\n")
    yield f"已把国密公钥写入 {policy_path(settings).name}"


def _key_line(settings: Settings) -> str:
    return f"sm2:{KEY_FILE}" if settings.signer_sm2_key == "file" else settings.signer_sm2_key


def _origin(settings: Settings) -> str:
    engine: Engine = open_engine(settings.store_url("log"), read_only=True)
    try:
        with reading(engine) as connection:
            return LogReader(connection).state().origin
    finally:
        engine.dispose()
