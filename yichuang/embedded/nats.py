"""The embedded NATS server: who may say what, and the file it is started with.

The subjects are those of yichuang/subjects.py. A user publishes orders only under its own name and
listens on an inbox of its own, so that nobody orders as another or reads another's answers.
"""

import os
import re
import secrets
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # ships no types
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from sqlalchemy.exc import OperationalError

from cases.database import open_engine
from catalogue.registers import load_registers
from yichuang.bus import connect, inbox_of
from yichuang.questions import ELSEWHERE
from yichuang.register_wire import subject_of, user_of
from yichuang.services import is_seeded, listing
from yichuang.settings import SUBJECT_TOKEN, SettingMissing, Settings

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
"""A message of 1,000 readings (design.md §2) is about 0.4 MB; a command with form data is less."""

GATEWAY_STREAMS = ("CMD", "DLQ", "RPL")
RELAY_STREAMS = ("EVT",)
TELEMETRY_STREAMS = ("TELE", "EVT", "RPL")
SIGNALS_STREAMS = ("SIG", "EVT", "RPL")
NOTIFIER_STREAMS = ("NTF", "NRC")
SYSTEM_USER = "system"
ANSWER_WITHIN = "10s"
"""How long a register may answer a question; no form waits so long."""


@dataclass(frozen=True)
class User:
    """A NATS user of the city's account and the subjects it may publish and listen to."""

    name: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    key: str = ""
    """Public nkey; empty: that of the seed among our own."""
    only_answers: bool = False
    """It publishes nothing but one answer to each question that it hears."""


def _stream_keeper(streams: Sequence[str]) -> tuple[str, ...]:
    """What a role needs to declare, read and consume its own streams, and no other's."""
    verbs = ("STREAM.CREATE", "STREAM.UPDATE", "STREAM.INFO", "STREAM.MSG.GET", "STREAM.MSG.DELETE")
    subjects = ["$JS.API.INFO", "$JS.API.STREAM.NAMES"]
    for stream in streams:
        subjects += [f"$JS.API.{verb}.{stream}" for verb in verbs]
        subjects += [f"$JS.API.CONSUMER.{verb}.{stream}.>" for verb in ("CREATE", "INFO", "DELETE")]
        subjects += [f"$JS.API.CONSUMER.{verb}.{stream}" for verb in ("CREATE", "NAMES", "LIST")]
        subjects += [
            f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.>",
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
            f"$JS.API.DIRECT.GET.{stream}",
            f"$JS.API.DIRECT.GET.{stream}.>",
            f"$JS.ACK.{stream}.>",
        ]
    return tuple(subjects)


@dataclass(frozen=True)
class Outside:
    """An outside system, as far as NATS must know it."""

    name: str
    key: str = ""
    """Public nkey; empty: that of the seed among our own."""
    departments: tuple[str, ...] = ()
    """Where it takes in and sends readings; `*`: everywhere."""
    orders: tuple[tuple[str, str], ...] = ()
    """Department and end of the subjects that it orders under."""
    events: tuple[tuple[str, str], ...] = ()
    """Department and end of the subjects of events that it reads."""
    signals: bool = False

    @classmethod
    def seeded(cls, name: str, departments: Sequence[str]) -> "Outside":
        """One of the settings: it takes in for these departments and sends signals."""
        everything = tuple((department, ">") for department in departments)
        return cls(name, "", tuple(departments), everything, everything, True)


def _integrator(one: Outside, city: str) -> User:
    """An outside system: it orders for its departments and reads their events, nothing else."""
    name = one.name
    events = [
        # Of every department's events the whole is one subject, not one for each word.
        f"evt.{city}.>" if (department, end) == ("*", ">") else f"evt.{city}.{department}.{end}"
        for department, end in one.events
    ]
    answers = f"rpl.{city}.{name}.>"
    publish = [f"cmd.{city}.{department}.{name}.{end}" for department, end in one.orders]
    publish += [f"tel.{city}.{department}.{name}.readings" for department in one.departments]
    if one.signals:
        publish.append(f"sig.{city}.{name}.>")
    publish.append(f"qry.{city}.{name}.>")
    # The consumer carries the user's name and its filter stands in the subject, so that the right
    # to create one is the right to read those departments only.
    publish += [f"$JS.API.CONSUMER.CREATE.EVT.{name}.{subject}" for subject in events]
    publish += [
        f"$JS.API.CONSUMER.INFO.EVT.{name}",
        f"$JS.API.CONSUMER.DELETE.EVT.{name}",
        f"$JS.API.CONSUMER.MSG.NEXT.EVT.{name}",
        f"$JS.ACK.EVT.{name}.>",
        "$JS.API.STREAM.INFO.EVT",
        "$JS.API.STREAM.NAMES",
        # Answers that came while it was away: one by its subject, or all through a consumer.
        f"$JS.API.DIRECT.GET.RPL.{answers}",
        f"$JS.API.CONSUMER.CREATE.RPL.{name}.{answers}",
        f"$JS.API.CONSUMER.INFO.RPL.{name}",
        f"$JS.API.CONSUMER.DELETE.RPL.{name}",
        f"$JS.API.CONSUMER.MSG.NEXT.RPL.{name}",
        f"$JS.ACK.RPL.{name}.>",
    ]
    return User(name, tuple(publish), (*events, answers, f"{inbox_of(name)}.>"), one.key)


def _gateway_of_notices(name: str, channels: Sequence[str], city: str) -> User:
    """The city's own gateway of text or instant messages: reads its channels' notices, says what
    became of them, nothing else."""
    publish = [f"nrc.{city}.{name}"]
    for channel in channels:
        publish += [
            f"$JS.API.CONSUMER.CREATE.NTF.{name}-{channel}.ntf.{city}.{channel}",
            f"$JS.API.CONSUMER.INFO.NTF.{name}-{channel}",
            f"$JS.API.CONSUMER.MSG.NEXT.NTF.{name}-{channel}",
            f"$JS.ACK.NTF.{name}-{channel}.>",
        ]
    publish += ["$JS.API.STREAM.INFO.NTF", "$JS.API.STREAM.NAMES"]
    return User(name, tuple(publish), (f"{inbox_of(name)}.>",))


def users(settings: Settings) -> list[User]:
    """Return every user of the city's account with its permissions."""
    own = [
        User("admin", (">",), (">",)),
        User("monitor", ("$JS.API.INFO",), (f"{inbox_of('monitor')}.>",)),
        User(
            "gateway",
            # cmd.> as well: a mended dead letter goes back to where it came from.
            ("cmd.>", "rpl.>", "dlq.>", "_INBOX.>", *_stream_keeper(GATEWAY_STREAMS)),
            (
                "cmd.>",
                "qry.>",
                "dlq.>",
                "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
                f"{inbox_of('gateway')}.>",
            ),
        ),
        User("relay", ("evt.>", *_stream_keeper(RELAY_STREAMS)), (f"{inbox_of('relay')}.>",)),
        User(
            "telemetry",
            ("evt.>", "rpl.>", *_stream_keeper(TELEMETRY_STREAMS)),
            (f"{inbox_of('telemetry')}.>",),
        ),
        User(
            "signals",
            (f"sig.{settings.city}.signals.>", "rpl.>", *_stream_keeper(SIGNALS_STREAMS)),
            (f"{inbox_of('signals')}.>",),
        ),
        User(
            "web",
            (
                f"cmd.{settings.city}.*.web.>",
                f"qry.{settings.city}.web.>",
                f"sig.{settings.city}.web.>",
                f"reg.{settings.city}.*.*.query",
                "_INBOX.>",  # answers to the questions that it listens to
            ),
            (
                f"rpl.{settings.city}.web.>",
                *(f"qry.{settings.city}.*.{question}" for question in sorted(ELSEWHERE)),
                f"{inbox_of('web')}.>",
            ),
        ),
    ]
    own.append(
        User(
            "notifier",
            (f"ntf.{settings.city}.>", *_stream_keeper(NOTIFIER_STREAMS)),
            (f"{inbox_of('notifier')}.>",),
        )
    )
    for name, channels in settings.notice_gateways.items():
        if name in {user.name for user in own} or name in settings.nats_integrators:
            raise SettingMissing(f"YICHUANG_NOTICE_GATEWAYS：{name} 已另有用处，请换一个名字")
        own.append(_gateway_of_notices(name, channels, settings.city))
    own += _registers(settings)
    taken = {user.name for user in own} | {SYSTEM_USER}
    for one in _services(settings):
        if one.name in taken:
            raise SettingMissing(
                f"YICHUANG_NATS_INTEGRATORS：{one.name} 是系统自用的名字，请换一个"
            )
        own.append(_integrator(one, settings.city))
    return own


def _registers(settings: Settings) -> Iterator[User]:
    """Yield the users of the registers that are connected. Raises `SettingMissing`."""
    known = load_registers().by_code
    for code, key in settings.registers.items():
        if code not in known:
            raise SettingMissing(
                f"YICHUANG_REGISTERS：没有登记库 {code}；有：{'、'.join(known) or '（没有）'}"
            )
        heard = subject_of(settings.city, known[code])
        yield User(user_of(code), (), (heard,), key, only_answers=True)


def _services(settings: Settings) -> list[Outside]:
    """Return every outside system.

    Of a city that has been initialised they are accounts; before that, and for who has no way to
    the accounts (YICHUANG_WEB_URL in the large form), those of the settings. Raises SQLAlchemy's
    errors where accounts elsewhere cannot be read: who was taken out must not come back by that.
    """
    seeds = [Outside.seeded(name, where) for name, where in settings.nats_integrators.items()]
    elsewhere = bool(settings.web_url.get_secret_value())
    if not elsewhere and (settings.form == "large" or not _has_accounts(settings)):
        return seeds
    engine = open_engine(settings.store_url("web"), read_only=True)
    try:
        if not is_seeded(engine):
            return seeds
        known = listing(engine)
    except OperationalError:  # of an older program: `init` comes after this server
        if elsewhere:
            raise
        return seeds
    finally:
        engine.dispose()
    return [
        Outside(one.user, one.nkey, one.departments, one.orders, one.events, one.sends_signals)
        for one in known
        if one.nkey and (one.orders or one.sends_signals) and re.fullmatch(SUBJECT_TOKEN, one.user)
    ]


def _has_accounts(settings: Settings) -> bool:
    return (settings.data / "web.sqlite").exists()


def _secret_file(path: Path, fresh: bytes) -> bytes:
    """Return the secret in `path`, putting `fresh` there first when there is none (0600)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(fresh)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def public_key(settings: Settings, user: str) -> str:
    """Return a user's public nkey, making its seed file first when there is none."""
    fresh = bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER))
    seed = _secret_file(settings.nats_seed(user), fresh)
    key: bytes = nkeys.from_seed(bytearray(seed)).public_key
    return key.decode()


@dataclass(frozen=True)
class ServerTls:
    """With what the server shows itself, and by which CA it knows clients that show themselves."""

    certificate: Path
    key: Path
    ca: Path | None = None

    def block(self) -> str:
        lines = [
            f"cert_file: {_quoted(str(self.certificate))}",
            f"key_file: {_quoted(str(self.key))}",
        ]
        if self.ca is not None:
            lines.append(f"ca_file: {_quoted(str(self.ca))}")
        return 'tls {\n  min_version: "1.2"\n  ' + "\n  ".join(lines) + "\n}\n"


def configuration(
    settings: Settings,
    *,
    listen: str,
    store: Path,
    tls: ServerTls | None = None,
    monitor: str = "",
) -> str:
    """Return the server's configuration file, making missing seeds on the way.

    `monitor`: where it tells of its health over plain HTTP; loopback alone is right for that.
    `sync_interval: always`: an acknowledged command survives a power cut (default: 2 minutes).
    The stored messages are encrypted with a key that lies with the other keys.
    """
    key = _secret_file(settings.nats_seed("jetstream"), secrets.token_hex(32).encode()).decode()
    http = f'http: "{monitor}"\n' if monitor else ""
    blocks = "\n".join(_user_block(settings, user) for user in users(settings))
    return f"""# Written anew at each start; change settings instead (docs/operating.md).
server_name: "yichuang-{settings.city}"
{tls.block() if tls else ""}{http}listen: "{listen}"
max_payload: {MAX_PAYLOAD_BYTES}
jetstream {{
  store_dir: {_quoted(str(store))}
  sync_interval: always
  cipher: chachapoly
  key: "{key}"
}}
system_account: SYS
accounts {{
  SYS {{ users: [ {{ nkey: {public_key(settings, SYSTEM_USER)} }} ] }}
  CITY {{
    jetstream: enabled
    users: [
{blocks}
    ]
  }}
}}
"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _user_block(settings: Settings, user: User) -> str:
    if user.only_answers:
        # Without `publish` the server lets nothing through but answers.
        heard = ", ".join(f"{_quoted(one)}" for one in user.subscribe)
        return (
            f"      {{ nkey: {user.key or public_key(settings, user.name)}  # {user.name}\n"
            f"        permissions: {{ subscribe: [{heard}], "
            f'allow_responses: {{ max: 1, expires: "{ANSWER_WITHIN}" }} }} }}'
        )
    publish = ", ".join(_quoted(subject) for subject in user.publish)
    subscribe = ", ".join(_quoted(subject) for subject in user.subscribe)
    return (
        f"      {{ nkey: {user.key or public_key(settings, user.name)}  # {user.name}\n"
        f"        permissions: {{ publish: [{publish}], subscribe: [{subscribe}] }} }}"
    )


def write_configuration(
    settings: Settings,
    *,
    listen: str,
    store: Path,
    path: Path,
    tls: ServerTls | None = None,
    monitor: str = "",
) -> Path:
    """Write the configuration to `path` (0600, it holds the storage key) and return the path."""
    text = configuration(settings, listen=listen, store=store, tls=tls, monitor=monitor)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".fresh")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    os.replace(fresh, path)
    return path


def changed(settings: Settings) -> bool:
    """Write the users anew where accounts have changed; return whether the server must read them.

    It then lets go of whoever is no longer among them.
    """
    folder = settings.data / "nats"
    path, listen = folder / "server.conf", settings.nats.removeprefix("nats://")
    fresh = configuration(settings, listen=listen, store=folder / "store")
    if path.exists() and path.read_text("utf-8") == fresh:
        return False
    write_configuration(settings, listen=listen, store=folder / "store", path=path)
    return True


def command(settings: Settings) -> list[str]:
    """Write the configuration and return the command that starts the embedded server."""
    folder = settings.data / "nats"
    path = write_configuration(
        settings,
        listen=settings.nats.removeprefix("nats://"),
        store=folder / "store",
        path=folder / "server.conf",
    )
    return [str(Path(sysconfig.get_path("scripts")) / "nats-server"), "-c", str(path)]


async def answers(settings: Settings) -> str | None:
    """Return what JetStream says of itself, None while NATS does not answer."""
    try:
        connection = await connect(settings, "monitor", attempts=0)
    except (OSError, NatsError, TimeoutError):
        return None
    try:
        account = await connection.jetstream(timeout=2).account_info()
    except (NatsError, JetStreamError, TimeoutError):
        return None
    finally:
        await connection.close()
    return f"{settings.nats} 消息流 {account.streams}"
