"""The environment and the secret files, read once into one frozen value.

Every mistake is reported at once, by the variable's name and never by its value.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import httpx
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from receiver import failpoints
from receiver.errors import ConfigError
from receiver.failpoints import Death

TimestampsFormat = Literal["youtube", "spotify", "apple_podcasts", "markdown", "clip_ideas", "show_notes", "original"]
WEBHOOK_PATH = "/webhooks/transcribe-so"
CALLBACK_PATH = f"{WEBHOOK_PATH}/jobs"  # and a token behind it
SECRETS = ("TRANSCRIBE_API_KEY", "TRANSCRIBE_WEBHOOK_SECRET", "DATABASE_URL")


def _from_files() -> tuple[dict[str, str], list[str]]:
    """Return the secrets in the files that `…_FILE` variables name, as container platforms mount them, and mistakes."""
    found, wrong = {}, []
    for name in SECRETS:
        path = os.environ.get(f"{name}_FILE")
        if not path:
            continue
        if os.environ.get(name):
            wrong.append(f"{name}_FILE: set {name} or {name}_FILE, not both")
            continue
        try:
            found[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            wrong.append(f"{name}_FILE: cannot be read ({type(exc).__name__})")
    return {name: value for name, value in found.items() if value}, wrong


def _variable(name: str, default: Any) -> Any:
    return Field(default=default, validation_alias=name)


class Settings(BaseSettings):
    """What the operator decided. Names are the environment's, in lower case; see the README's table."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    api_key: SecretStr | None = _variable("TRANSCRIBE_API_KEY", None)
    api_url: str = _variable("TRANSCRIBE_API_URL", "https://transcribe.so")
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = _variable("TRANSCRIBE_WEBHOOK_SECRET", ())
    database_url: SecretStr | None = _variable("DATABASE_URL", None)
    host: str = _variable("HOST", "127.0.0.1")
    port: Annotated[int, Field(ge=1, le=65535)] = _variable("PORT", 8000)
    public_url: str | None = _variable("PUBLIC_URL", None)
    data_dir: Path = _variable("RECEIVER_DATA_DIR", Path(".receiver"))
    spool_dir: Path | None = _variable("RECEIVER_SPOOL_DIR", None)
    spool_max_mb: Annotated[float, Field(gt=0, le=1_000_000)] = _variable("RECEIVER_SPOOL_MAX_MB", 256.0)
    handlers: Annotated[tuple[str, ...], NoDecode] = _variable("RECEIVER_HANDLERS", ("handlers",))
    timestamps: Annotated[tuple[TimestampsFormat, ...], NoDecode] = _variable(
        "RECEIVER_TIMESTAMPS", ("youtube", "spotify")
    )
    lanes: Annotated[int, Field(ge=1, le=100)] = _variable("RECEIVER_LANES", 8)
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = _variable("RECEIVER_LEASE_SECONDS", 60.0)
    poll_seconds: Annotated[float, Field(ge=0.05, le=60)] = _variable("RECEIVER_POLL_SECONDS", 1.0)
    shutdown_seconds: Annotated[float, Field(ge=0, le=3600)] = _variable("RECEIVER_SHUTDOWN_SECONDS", 20.0)
    log: Literal["text", "json"] = _variable("RECEIVER_LOG", "text")
    log_level: Literal["debug", "info", "warning", "error"] = _variable("RECEIVER_LOG_LEVEL", "info")
    failpoint: Annotated[Death | None, NoDecode] = _variable("RECEIVER_FAILPOINT", None)

    @field_validator("webhook_secrets", "handlers", "timestamps", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(dict.fromkeys(filter(None, map(str.strip, value.split(","))))) if isinstance(value, str) else value

    @field_validator("failpoint", mode="before")
    @classmethod
    def _death(cls, value: object) -> object:
        return failpoints.parse(value) if isinstance(value, str) else value

    @field_validator("handlers", "timestamps")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must name at least one")
        return value

    @field_validator("api_url", "public_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts, _ = urlsplit(value), httpx.URL(value)  # httpx knows names that cannot be asked for
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except (ValueError, httpx.InvalidURL):  # its message would show the value
            usable = False
        if not usable or parts.query or parts.fragment or not value.isprintable() or " " in value:
            raise ValueError("must be an address like https://example.com") from None
        if parts.username or parts.password:
            raise ValueError("must not carry a user or a password")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _without_path(cls, value: str | None) -> str | None:
        if value is not None and value.endswith(WEBHOOK_PATH):
            raise ValueError(f"must be given without {WEBHOOK_PATH}")
        return value

    @field_validator("api_url")
    @classmethod
    def _without_version(cls, value: str) -> str:
        if value.endswith("/api/v1"):
            raise ValueError("must be given without /api/v1")
        return value

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        key = "x" if value is None else value.get_secret_value()
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ValueError("must be printable ASCII without spaces")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgres://", "postgresql://")):
            raise ValueError("must start with postgresql://")
        return value

    @property
    def callback_url(self) -> str | None:
        """Where the provider shall deliver: `PUBLIC_URL` and our path; None where no `PUBLIC_URL` is set."""
        return None if self.public_url is None else self.public_url + WEBHOOK_PATH


def _is_text(value: str) -> bool:
    return value == value.encode("utf-8", "replace").decode("utf-8")


def load(**changes: object) -> Settings:
    """Read the environment; `changes` (variable name → value) win over it.

    Raises:
        ConfigError: every wrong variable in one line, by name.
    """
    found, wrong = _from_files()
    names = [str(field.validation_alias) for field in Settings.model_fields.values()]
    garbled = [f"{name}: is not UTF-8" for name in names if not _is_text(os.environ.get(name, ""))]
    if garbled:  # nothing that reads it would get far
        raise ConfigError("; ".join(garbled + wrong))
    try:
        configured = Settings(**cast("dict[str, Any]", found | changes))
    except ValidationError as exc:
        wrong += [f"{e['loc'][0]}: {e['msg'].removeprefix('Value error, ')}" for e in exc.errors(include_input=False)]
    if wrong:
        raise ConfigError("; ".join(dict.fromkeys(wrong)))
    return configured
