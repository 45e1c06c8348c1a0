"""What may be set from outside, and the only place that reads the environment.

Every setting is named `YICHUANG_<NAME>`; each stands in `.env.example` and in
`docs/operating.md` (held by tests/house/test_settings_documented.py).
"""

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder that holds bin/, catalogue/ and the other rooms."""

Store = Literal["cases", "web", "gateway", "readings", "signals", "log", "keys"]
STORES: tuple[Store, ...] = ("cases", "web", "gateway", "readings", "signals", "log", "keys")

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the embedded stack take a free one and keep it."""

SUBJECT_TOKEN = r"^[a-z0-9][a-z0-9-]{0,31}$"  # noqa: S105 -- a word of a NATS subject, no secret
"""One word of a NATS subject as we use them: lower case, no dot (reference/peers.md §5)."""


class SettingMissing(Exception):
    """A setting that the chosen form needs is not there; the text names it and says what to do."""


class Settings(BaseSettings):
    """Everything an operator may decide. Values are read once, at the start of a process."""

    model_config = SettingsConfigDict(
        env_prefix="YICHUANG_",
        env_file=CHECKOUT / ".env",
        env_ignore_empty=True,  # `YICHUANG_X=` in .env leaves the default
        extra="ignore",
        frozen=True,
    )

    form: Literal["embedded", "large"] = "embedded"
    data: Path = CHECKOUT / "var"
    city: Annotated[str, Field(pattern=SUBJECT_TOKEN)] = "demo"
    zone: str = "Asia/Shanghai"
    host: str = "127.0.0.1"
    web_port: Port = 8000
    public_url: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    temporal_address: str = ""
    temporal_port: Port = 0
    temporal_ui_port: Port = 0
    temporal_namespace: str = "yichuang"
    temporal_task_queue: str = "yichuang"
    temporal_tls: bool = False
    temporal_api_key: SecretStr = SecretStr("")
    temporal_retention_days: Annotated[int, Field(ge=30)] = 90

    nats_url: str = ""
    nats_port: Port = 0
    nats_seeds: Path | None = None
    nats_integrators: Mapping[str, tuple[str, ...]] = {
        "portal": ("*",),
        "archive": ("*",),
    }
    nats_backfillers: tuple[str, ...] = ("archive",)

    smtp_host: str = ""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 465
    smtp_security: Literal["tls", "starttls", "plain"] = "tls"
    smtp_user: str = ""
    smtp_password: Path | None = None
    smtp_sender: str = ""
    notice_gateways: Mapping[str, tuple[Literal["sms", "im"], ...]] = {}
    webhooks: Mapping[str, str] = {}
    registers: Mapping[str, str] = {}

    oidc_issuer: str = ""
    oidc_client_id: str = "yichuang"
    oidc_client_secret: Path | None = None
    oidc_claims: Mapping[Literal["name", "id_number", "phone"], str] = {
        "name": "name",
        "id_number": "id_number",
        "phone": "phone_number",
    }

    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxy: str = ""

    cases_url: SecretStr = SecretStr("")
    breached_passwords: Path | None = None
    page_role: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,63}$")] = ""
    web_url: SecretStr = SecretStr("")
    gateway_url: SecretStr = SecretStr("")
    readings_url: SecretStr = SecretStr("")
    signals_url: SecretStr = SecretStr("")
    log_url: SecretStr = SecretStr("")
    keys_url: SecretStr = SecretStr("")
    backup_url: SecretStr = SecretStr("")
    backup_temporal: tuple[str, ...] = ()
    pg_programs: Path | None = None

    master_key: Path | None = None
    master_key_wrap: str = ""
    signer_folder: Path | None = None
    signer_address: str = ""
    signer_key: str = "file"
    signer_passphrase: Path | None = None
    log_policy: Path | None = None
    witness_folder: Path | None = None
    witness_host: str = "127.0.0.1"
    witness_port: Port = 0
    witness_absent_minutes: Annotated[float, Field(gt=0)] = 60
    tsa_url: str = ""
    tsa_certificates: Path | None = None
    log_origin: str = ""
    log_profile: Literal["standard", "national"] = "standard"
    cipher: Literal["", "aes-256-gcm", "sm4-gcm"] = ""
    signer_sm2_key: str = "file"

    session_idle_minutes: Annotated[int, Field(ge=1, le=480)] = 15
    step_up_minutes: Annotated[int, Field(ge=1, le=480)] = 15
    session_hours: Annotated[int, Field(ge=1, le=24)] = 10
    wall_hours: Annotated[int, Field(ge=1, le=72)] = 24
    sign_in_attempts: Annotated[int, Field(ge=1, le=20)] = 5
    sign_in_lock_minutes: Annotated[int, Field(ge=1)] = 15
    dossier_months: Annotated[int, Field(ge=1, le=60)] = 6
    dossier_days: Annotated[int, Field(ge=1, le=90)] = 7
    upload_limit_mb: Annotated[int, Field(ge=1, le=1024)] = 20
    scanner: str = ""
    questions_per_minute: Annotated[int, Field(ge=1)] = 20
    pages_per_minute: Annotated[int, Field(ge=10)] = 600
    searches_per_minute: Annotated[int, Field(ge=1)] = 60
    exports_per_minute: Annotated[int, Field(ge=1)] = 60
    orders_per_minute: Annotated[int, Field(ge=10)] = 6_000

    @field_validator(
        "data",
        "nats_seeds",
        "master_key",
        "signer_folder",
        "signer_passphrase",
        "tsa_certificates",
        "tls_ca",
        "tls_certificate",
        "tls_key",
        "smtp_password",
        "oidc_client_secret",
        "pg_programs",
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        # A relative path is meant from the checkout: .env must name one folder, wherever we stand.
        return None if path is None else Path(os.path.abspath(CHECKOUT / path.expanduser()))

    @field_validator("scanner")
    @classmethod
    def _scanner_is_named(cls, scanner: str) -> str:
        if scanner and not re.match(r"(command:\s*\S|clamd:/)", scanner):
            raise ValueError("应为 command:程序 参数…、clamd:/套接字路径 或 clamd://主机:端口")
        return scanner

    @field_validator("nats_integrators")
    @classmethod
    def _named_as_subjects(
        cls, integrators: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        for name, departments in integrators.items():
            for word in (name, *(d for d in departments if d != "*")):
                if not re.match(SUBJECT_TOKEN, word):
                    raise ValueError(f"{word!r}: 只能用小写字母、数字和连字符")
        return integrators

    @field_validator("registers")
    @classmethod
    def _registers_have_keys(cls, registers: Mapping[str, str]) -> Mapping[str, str]:
        for name, key in registers.items():
            if not re.match(SUBJECT_TOKEN, name):
                raise ValueError(f"{name!r}: 只能用小写字母、数字和连字符")
            if key and not re.fullmatch(r"U[A-Z2-7]{55}", key):
                raise ValueError(f"{name!r}: 须是 NATS 用户的公钥（U 开头，56 个字符），或者空")
        return registers

    @field_validator("notice_gateways")
    @classmethod
    def _gateways_are_users(
        cls, gateways: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        for name in gateways:
            if not re.match(SUBJECT_TOKEN, name):
                raise ValueError(f"{name!r}: 只能用小写字母、数字和连字符")
        return gateways

    # --- where things lie -------------------------------------------------------------------

    @property
    def run_folder(self) -> Path:
        """Where each running part notes its process, and the ports that were taken."""
        return self.data / "run"

    @property
    def log_folder(self) -> Path:
        """Where the supervisor writes what the parts say, one file per part."""
        return self.data / "log"

    @property
    def keys_folder(self) -> Path:
        """Where secrets lie, 0700: the master key, NATS seeds."""
        return self.data / "keys"

    @property
    def master_key_path(self) -> Path:
        return self.master_key or self.keys_folder / "master.key"

    @property
    def secrets_folder(self) -> Path:
        """Where the pepper, the doors' warrant keys and the log's public key lie: beside the
        master key, so that the processes of the large form share one volume."""
        return self.master_key_path.parent

    @property
    def signer_path(self) -> Path:
        """The folder of the signer's key and state, apart from every database."""
        return self.signer_folder or self.data / "signer"

    @property
    def witness_path(self) -> Path:
        """The folder of a witness's key and memory, which is another owner's in a real city."""
        return self.witness_folder or self.data / "witness"

    @property
    def witness(self) -> tuple[str, int]:
        """Host and port on which a witness listens."""
        return self.witness_host, self._port("witness")

    @property
    def signer_socket(self) -> str:
        """`unix:<path>`: file permissions decide who may ask for a signature."""
        return self.signer_address or f"unix:{self.signer_path / 'signer.sock'}"

    @property
    def origin(self) -> str:
        """The log's name without its half-year; each shard's checkpoints begin with
        `<this>/<yyyyH1|H2>` (C2SP tlog-checkpoint, first line)."""
        return self.log_origin or f"{self.city}.yichuang.invalid/log"

    @property
    def sealing(self) -> Literal["aes-256-gcm", "sm4-gcm"]:
        """With what is sealed from now on; whatever was sealed by either opens."""
        return self.cipher or ("sm4-gcm" if self.log_profile == "national" else "aes-256-gcm")

    # --- whom to call -----------------------------------------------------------------------

    def store_url(self, store: Store) -> str:
        """Return the SQLAlchemy URL of a store.

        Raises `SettingMissing` in the large form when it was not given.
        """
        given: SecretStr = getattr(self, f"{store}_url")
        if given.get_secret_value():
            return given.get_secret_value()
        if self.form == "large":
            raise SettingMissing(f"大型部署须设 YICHUANG_{store.upper()}_URL（{store} 库的地址）")
        return f"sqlite:///{self.data / f'{store}.sqlite'}"

    @property
    def temporal(self) -> str:
        """`host:port` of Temporal. Raises `SettingMissing` when nobody has said or started it."""
        return self.temporal_address or f"{self.loopback}:{self._port('temporal')}"

    @property
    def nats(self) -> str:
        """The URL of NATS. Raises `SettingMissing` when nobody has said or started it."""
        return self.nats_url or f"nats://{self.loopback}:{self._port('nats')}"

    def nats_seed(self, user: str) -> Path:
        """The nkey seed file of a NATS user: admin, gateway, relay or an integrator."""
        return (self.nats_seeds or self.keys_folder / "nats") / f"{user}.nk"

    @property
    def loopback(self) -> str:
        """The address of the embedded servers: they have no TLS and never leave the machine."""
        return "127.0.0.1"

    @property
    def web(self) -> tuple[str, int]:
        """Host and port on which the web listens."""
        return self.host, self.web_port or self._port("web")

    @property
    def address(self) -> str:
        """The address printed on documents and pages, without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host, port = self.web
        scheme = "https" if self.tls_certificate and self.tls_key else "http"
        return f"{scheme}://{host}:{port}"

    @property
    def public_host(self) -> str:
        return urlsplit(self.address).hostname or self.host

    def _port(self, part: str) -> int:
        chosen: int = getattr(self, f"{part}_port")
        if chosen:
            return chosen
        if self.form == "large":
            raise SettingMissing(f"大型部署须设 {part} 的地址（见 docs/operating.md）")
        try:
            return int(json.loads((self.run_folder / "ports.json").read_bytes())[part])
        except (FileNotFoundError, KeyError) as missing:
            raise SettingMissing(
                f"{part} 还没有端口：先运行 bin/yichuang up，或设 YICHUANG_{part.upper()}_PORT"
            ) from missing


@lru_cache(maxsize=1)
def from_environment() -> Settings:
    """Return the settings of this process, read once. Raises pydantic's `ValidationError`."""
    return Settings()


def environment() -> dict[str, str]:
    """Return a copy of the environment for a child process: whatever was set stays set for it."""
    return dict(os.environ)  # noqa: TID251 -- the one place


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which a child reads these very settings again.

    Used where settings were not read from the environment (tests, a chosen data folder).
    """
    variables: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
        elif isinstance(value, Mapping):
            text = json.dumps({k: v if isinstance(v, str) else list(v) for k, v in value.items()})
        elif isinstance(value, tuple):
            text = json.dumps(list(value))
        else:
            text = "" if value is None else str(value)
        variables[f"YICHUANG_{name.upper()}"] = text
    return variables
