"""The environment and the secret files, read once into one frozen value.

Every mistake is reported at once, by the variable's name and never by its value.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from receiver.errors import ConfigError

TimestampsFormat = Literal["youtube", "spotify", "apple_podcasts", "markdown", "clip_ideas", "show_notes", "original"]
WEBHOOK_PATH = "/webhooks/transcribe-so"
SECRETS = ("TRANSCRIBE_API_KEY", "TRANSCRIBE_WEBHOOK_SECRET", "DATABASE_URL")


class SecretFiles(PydanticBaseSettingsSource):
    """Every secret `X` may come from the file that `X_FILE` names, as container platforms mount them."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base's
        """Return the file's text without its final newline, or None where there is no such variable."""
        name = str(field.validation_alias)
        path = os.environ.get(f"{name}_FILE") if name in SECRETS else None
        return (None if not path else Path(path).read_text(encoding="utf-8").rstrip("\r\n")), name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values of all secret files, keyed by variable name."""
        found, wrong = {}, []
        for field_name, field in self.settings_cls.model_fields.items():
            try:
                value, name, _ = self.get_field_value(field, field_name)
            except (OSError, UnicodeDecodeError) as exc:
                wrong.append(f"{field.validation_alias}_FILE: cannot be read ({type(exc).__name__})")
                continue
            if value and os.environ.get(name):
                wrong.append(f"{name}_FILE: set {name} or {name}_FILE, not both")
            elif value:
                found[name] = value
        if wrong:
            raise ConfigError("; ".join(wrong))
        return found


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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the files that `…_FILE` variables name."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator("webhook_secrets", "handlers", "timestamps", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v for v in map(str.strip, value.split(",")) if v) if isinstance(value, str) else value

    @field_validator("handlers", "timestamps")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must name at least one")
        return value

    @field_validator("timestamps", mode="before")
    @classmethod
    def _known_format(cls, value: object) -> object:
        unknown = [v for v in value if v not in get_args(TimestampsFormat)] if isinstance(value, tuple) else []
        if unknown:
            raise ValueError(f"knows only {', '.join(get_args(TimestampsFormat))}")
        return value

    @field_validator("api_url", "public_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address like https://example.com")
        if parts.username or parts.password:
            raise ValueError("must not carry a user or a password")
        return value.rstrip("/")

    @field_validator("api_url")
    @classmethod
    def _without_version(cls, value: str) -> str:
        if value.endswith("/api/v1"):
            raise ValueError("must be given without /api/v1")
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


def load(**changes: object) -> Settings:
    """Read the environment; `changes` (variable name → value) win over it.

    Raises:
        ConfigError: every wrong variable in one line, by name.
    """
    try:
        return Settings(**cast("dict[str, Any]", changes))
    except ValidationError as exc:
        wrong = [f"{e['loc'][0]}: {e['msg'].removeprefix('Value error, ')}" for e in exc.errors(include_input=False)]
        raise ConfigError("; ".join(dict.fromkeys(wrong))) from None
