"""Every setting, in one frozen value.

Secrets are hidden wherever settings are shown; properties such as `own_secrets` and `dsn` give their plain values.
"""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from receiver import failpoints
from receiver.errors import ImpossibleError
from receiver.events import DEFAULT_ACCOUNT
from receiver.failpoints import Death
from receiver.settings import accounts, addresses, places, ready_files, ready_notify, streams, values
from receiver.settings.accounts import TRANSCRIBE, Account
from receiver.settings.paths import WEBHOOK_PATH, webhook_at
from receiver.settings.targets import Target

# The words of transcribe.so, the only one who makes timestamps.
TimestampsFormat = Literal["youtube", "spotify", "apple_podcasts", "markdown", "clip_ideas", "show_notes", "original"]
FilesFormat = Literal["md", "txt", "srt", "vtt", "chapters", "artifacts"]
SECRETS = (
    "TRANSCRIBE_API_KEY", "TRANSCRIBE_WEBHOOK_SECRET", "DATABASE_URL", "RECEIVER_TOKEN", "RECEIVER_CONSOLE_TOKEN",
    "RECEIVER_CONSOLE_READ_TOKEN", "RECEIVER_MCP_TOKEN", "RECEIVER_NOTIFY", "RECEIVER_PUBLISH",
)  # fmt: skip
TEMPLATES = ("files_name", "notify_text")
TOKEN_LENGTH = 16  # characters: anyone who can reach the port can guess
MOST_PROCESSES = 64  # of each kind that `up` starts
FOR_THE_SANDBOX = "for the sandbox, run the line `export …` that `receiver up --sandbox` prints"

_PATH = re.compile(r"^\.|[/\\]|\.py$")
_POSTGRES = re.compile(r"(postgres(?:ql)?)(?:\+\w+)?(://.*)", re.IGNORECASE | re.DOTALL)  # `+asyncpg` is SQLAlchemy's


def _variable(name: str, default: Any) -> Any:
    return Field(default=default, validation_alias=name, validate_default=True)


class Settings(BaseSettings):
    """The operator's settings. The README's table explains each variable."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    _further: tuple[Account, ...] = PrivateAttr(default=())
    _chosen: str = PrivateAttr(default=DEFAULT_ACCOUNT)
    _targets: tuple[Target, ...] = PrivateAttr(default=())
    api_key: SecretStr | None = _variable("TRANSCRIBE_API_KEY", None)
    api_url: str = _variable("TRANSCRIBE_API_URL", TRANSCRIBE.api_url)
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = _variable("TRANSCRIBE_WEBHOOK_SECRET", ())
    requests_a_minute: Annotated[int, Field(ge=1, le=accounts.MOST_REQUESTS)] = _variable(
        "TRANSCRIBE_REQUESTS_A_MINUTE", accounts.REQUESTS_A_MINUTE
    )
    database_url: SecretStr | None = _variable("DATABASE_URL", None)
    host: Annotated[str, Field(min_length=1)] = _variable("HOST", "127.0.0.1")
    port: Annotated[int, Field(ge=1, le=65535)] = _variable("PORT", 8000)
    public_url: str | None = _variable("PUBLIC_URL", None)
    data_dir: Path = _variable("RECEIVER_DATA_DIR", Path(".receiver"))
    spool_dir: Path | None = _variable("RECEIVER_SPOOL_DIR", None)
    spool_max_mb: Annotated[float, Field(gt=0, le=1_000_000)] = _variable("RECEIVER_SPOOL_MAX_MB", 256.0)
    handlers: Annotated[tuple[str, ...], NoDecode] = _variable("RECEIVER_HANDLERS", ())
    spool_reserve_mb: Annotated[float, Field(ge=0, le=1_000)] = _variable("RECEIVER_SPOOL_RESERVE_MB", 16.0)
    stale: Literal["refuse", "accept"] = _variable("RECEIVER_STALE", "refuse")
    timestamps: Annotated[tuple[TimestampsFormat, ...], NoDecode] = _variable(
        "RECEIVER_TIMESTAMPS", ("youtube", "spotify")
    )
    cues: Literal["readable", "provider"] = _variable("RECEIVER_CUES", "readable")
    web: Annotated[int, Field(ge=1, le=MOST_PROCESSES)] = _variable("RECEIVER_WEB", 1)
    workers: Annotated[int, Field(ge=1, le=MOST_PROCESSES)] = _variable("RECEIVER_WORKERS", 1)
    lanes: Annotated[int, Field(ge=1, le=100)] = _variable("RECEIVER_LANES", 8)
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = _variable("RECEIVER_LEASE_SECONDS", 60.0)
    poll_seconds: Annotated[float, Field(ge=0.05, le=60)] = _variable("RECEIVER_POLL_SECONDS", 1.0)
    shutdown_seconds: Annotated[float, Field(ge=0, le=3600)] = _variable("RECEIVER_SHUTDOWN_SECONDS", 20.0)
    calls: Annotated[int, Field(ge=0, le=100)] = _variable("RECEIVER_CALLS", 4)
    calls_shutdown_seconds: Annotated[float, Field(ge=0, le=7200)] = _variable("RECEIVER_CALLS_SHUTDOWN_SECONDS", 20.0)
    artifacts_dir: str | None = _variable("RECEIVER_ARTIFACTS_DIR", None)
    artifact_max_mb: Annotated[float, Field(gt=0, le=1_000_000)] = _variable("RECEIVER_ARTIFACT_MAX_MB", 4096.0)
    files: str | None = _variable("RECEIVER_FILES", None)
    files_formats: Annotated[tuple[FilesFormat, ...], NoDecode] = _variable("RECEIVER_FILES_FORMATS", ("md", "srt"))
    files_name: Annotated[str, AfterValidator(ready_files.template)] = _variable(
        "RECEIVER_FILES_NAME", "{date} {title}"
    )
    reconcile_seconds: Annotated[float, Field(ge=0, le=86_400)] = _variable("RECEIVER_RECONCILE_SECONDS", 600.0)
    reconcile_grace_seconds: Annotated[float, Field(ge=0, le=86_400)] = _variable(
        "RECEIVER_RECONCILE_GRACE_SECONDS", 300.0
    )
    reconcile_all: Literal["no", "yes"] = _variable("RECEIVER_RECONCILE_ALL", "no")
    forward_private: Literal["no", "yes"] = _variable("RECEIVER_FORWARD_PRIVATE", "no")
    notify: SecretStr | None = _variable("RECEIVER_NOTIFY", None)
    notify_on: Annotated[tuple[str, ...], NoDecode, AfterValidator(ready_notify.occasions)] = _variable(
        "RECEIVER_NOTIFY_ON", ready_notify.OCCASIONS
    )
    notify_text: Annotated[str, AfterValidator(ready_notify.template)] = _variable(
        "RECEIVER_NOTIFY_TEXT", "{title}: {detail} ({source}, {account}, {id})"
    )
    publish: Annotated[SecretStr | None, AfterValidator(streams.checked)] = _variable("RECEIVER_PUBLISH", None)
    prune_days: Annotated[int | None, Field(ge=1, le=36_500)] = _variable("RECEIVER_PRUNE_DAYS", None)
    token: SecretStr | None = _variable("RECEIVER_TOKEN", None)
    metrics: str | None = _variable("RECEIVER_METRICS", None)
    console: str | None = _variable("RECEIVER_CONSOLE", None)
    console_token: SecretStr | None = _variable("RECEIVER_CONSOLE_TOKEN", None)
    console_read_token: SecretStr | None = _variable("RECEIVER_CONSOLE_READ_TOKEN", None)
    mcp_token: SecretStr | None = _variable("RECEIVER_MCP_TOKEN", None)
    log: Literal["text", "json"] = _variable("RECEIVER_LOG", "text")
    log_level: Literal["debug", "info", "warning", "error"] = _variable("RECEIVER_LOG_LEVEL", "info")
    failpoint: Annotated[Death | None, NoDecode] = _variable("RECEIVER_FAILPOINT", None)

    @field_validator("webhook_secrets", "handlers", "timestamps", "files_formats", "notify_on", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return values.listed(value)

    @field_validator("failpoint", mode="before")
    @classmethod
    def _death(cls, value: object) -> object:
        return failpoints.parse(value) if isinstance(value, str) else value

    @field_validator("handlers", "timestamps", "files_formats", "notify_on", mode="before")
    @classmethod
    def _some(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip(" ,"):  # this validator sees the text before `_split` does
            raise ValueError("must name at least one")
        return value

    @field_validator("handlers")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(_PATH.search(name) for name in value):
            raise ValueError(
                "names packages or modules, such as handlers,receiver.bundled, not paths or files; they are looked "
                "for in the working folder first"
            )
        return value

    @field_validator("api_url")
    @classmethod
    def _api_address(cls, value: str) -> str:
        return addresses.base(value, without=TRANSCRIBE.api_path)

    @field_validator("public_url")
    @classmethod
    def _public_address(cls, value: str | None) -> str | None:
        return None if value is None else addresses.base(value, without=WEBHOOK_PATH)

    @field_validator("metrics", "console")
    @classmethod
    def _listening(cls, value: str | None) -> str | None:
        return None if value is None else addresses.listening(value)

    @field_validator("data_dir", "spool_dir")
    @classmethod
    def _settled(cls, value: Path | None) -> Path | None:
        return None if value is None else value.absolute()  # a handler might change the working folder

    @field_validator(
        "api_key", "database_url", "token", "metrics", "console", "console_token", "console_read_token",
        "mcp_token", "notify", "publish", mode="before",
    )  # fmt: skip
    @classmethod
    def _none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("data_dir", "spool_dir", mode="before")
    @classmethod
    def _written_out(cls, value: object) -> object:
        return values.plain(value, values.ODD_IN_PATHS) if isinstance(value, str) else value

    @field_validator("files", "artifacts_dir")
    @classmethod
    def _placed(cls, value: str | None) -> str | None:
        return None if value is None else places.place(value)

    @field_validator("api_key", "token", "console_token", "console_read_token", "mcp_token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is None else SecretStr(values.token(value.get_secret_value()))

    @field_validator("token", "console_token", "console_read_token", "mcp_token")
    @classmethod
    def _unguessable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value) < TOKEN_LENGTH:
            raise ValueError(f"must have at least {TOKEN_LENGTH} characters")
        return value

    @field_validator("webhook_secrets")
    @classmethod
    def _verifying(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(SecretStr(values.token(secret.get_secret_value())) for secret in value)

    @field_validator("notify")
    @classmethod
    def _notified(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is None else SecretStr(ready_notify.addresses(value.get_secret_value()))

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        url = value.get_secret_value()
        if not url.isprintable():
            raise ValueError("contains an invisible character: remove it")
        found = _POSTGRES.fullmatch(url)
        if found is None:
            raise ValueError("must start with postgresql://")
        return SecretStr(found[1].lower() + found[2])

    @field_validator("*", mode="before")
    @classmethod
    def _bared(cls, value: object, info: ValidationInfo) -> object:  # pydantic runs the last `before` validator first
        if not isinstance(value, str):
            return value
        is_template = info.field_name in TEMPLATES and value.lstrip().startswith("{")  # its fields are in brackets
        return values.plain(values.bare(value), (values.NAMED,) if is_template else (values.PACKED, values.NAMED))

    @property
    def webhook_url(self) -> str | None:
        """The address of the chosen account's webhook: `PUBLIC_URL` and its path. None without a `PUBLIC_URL`."""
        return None if self.public_url is None else webhook_at(self.public_url, self._chosen)

    @property
    def dsn(self) -> str | None:
        """The database's URL with its password; None for the embedded database."""
        return None if self.database_url is None else self.database_url.get_secret_value()

    @property
    def token_digest(self) -> bytes | None:
        """The SHA-256 of the token with which programs submit; None if no program can."""
        return None if self.token is None else hashlib.sha256(self.token.get_secret_value().encode()).digest()

    @property
    def console_tokens(self) -> tuple[str, str]:
        """The tokens with which people sign in to the console: to act, and to look. Empty is none."""
        found = (self.console_token, self.console_read_token)
        acting, looking = ("" if token is None else token.get_secret_value() for token in found)
        return acting, looking

    @property
    def notify_addresses(self) -> list[str]:
        """The addresses that `notify` tells."""
        return [] if self.notify is None else self.notify.get_secret_value().split()

    @property
    def assistants_token(self) -> str:
        """The token with which assistants ask over HTTP. Empty is none."""
        return "" if self.mcp_token is None else self.mcp_token.get_secret_value()

    @property
    def default_account(self) -> Account:
        """The account of the variables without a name, with or without a key."""
        return Account(
            TRANSCRIBE.source, DEFAULT_ACCOUNT, self.api_url, key=self.api_key, webhook_secrets=self.webhook_secrets,
            requests_a_minute=self.requests_a_minute, api_path=TRANSCRIBE.api_path,
        )  # fmt: skip

    @property
    def targets(self) -> tuple[Target, ...]:
        """The apps to which events are forwarded, in the order of their names."""
        return self._targets

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts of every source. Those of a source stand together, its default one first."""
        return (self.default_account, *self._further)

    @property
    def webhook_accounts(self) -> tuple[Account, ...]:
        """The accounts that have webhooks: those of transcribe.so, with or without a key, the default one first."""
        return tuple(account for account in self.accounts if account.source == TRANSCRIBE.source)

    @property
    def in_use(self) -> tuple["Settings", ...]:
        """These settings for each account of transcribe.so that is set up, chosen in turn."""
        return tuple(self.choosing(account.name) for account in accounts.set_up(self.webhook_accounts))

    @property
    def chosen(self) -> Account:
        """The account of transcribe.so that this process asks and registers with, with or without a key."""
        return next(account for account in self.webhook_accounts if account.name == self._chosen)

    def choosing(self, name: str) -> "Settings":
        """Return these settings with another chosen account of transcribe.so.

        Raises:
            ImpossibleError: there is no account of that name.
        """
        accounts.find(TRANSCRIBE.source, name, self.accounts)
        other = self.model_copy()
        other._further, other._targets, other._chosen = self._further, self._targets, name  # noqa: SLF001 - a copy
        return other

    def account(self) -> Account:
        """Return the chosen account, which has a key.

        Raises:
            ImpossibleError: no key is set.
        """
        return self.account_of(TRANSCRIBE.source, self._chosen)

    def account_of(self, source: str, name: str) -> Account:
        """Return an account of a source that can be asked: it has a key, if the source needs one.

        Raises:
            ImpossibleError: there is none. The message says which variables make it, and which accounts there are.
        """
        found = accounts.find(source, name, self.accounts)
        if source == TRANSCRIBE.source and found.key is None:
            raise ImpossibleError(
                "TRANSCRIBE_API_KEY is not set: create a key in the provider's settings and set it, in the environment "
                f"or in .env; {FOR_THE_SANDBOX}"
            )
        return found
