"""`receiver.settings.model`: the environment and the secret files, read once; every mistake by name, none by value."""

import hashlib
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr, ValidationError

from receiver import settings
from receiver.errors import ConfigError, ImpossibleError
from receiver.failpoints import Death, Failpoint
from receiver.settings import Account, Settings, TimestampsFormat, webhook_at
from receiver.settings.environment import OURS
from receiver.settings.model import SECRETS, FilesFormat
from receiver.signature import fingerprint

NAMES = {str(field.validation_alias): attribute for attribute, field in Settings.model_fields.items()}
POSTGRES = "postgresql://me:s3cret@db.example/app"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every variable of ours out of the environment."""
    for name in list(os.environ):
        if name.removesuffix("_FILE") in NAMES or name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what sets variables."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


def shown(value: object) -> Any:
    """Return a setting with its secrets in the open, to compare."""
    if isinstance(value, tuple):
        return tuple(shown(one) for one in value)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def refusal(**changes: object) -> str:
    """Load, and return why it is refused."""
    with pytest.raises(ConfigError) as refused:
        settings.load(**changes)
    return str(refused.value)


# --- every variable --------------------------------------------------------------------------------------------------

DEFAULTS = {
    "TRANSCRIBE_API_KEY": None,
    "TRANSCRIBE_API_URL": "https://transcribe.so",
    "TRANSCRIBE_WEBHOOK_SECRET": (),
    "TRANSCRIBE_REQUESTS_A_MINUTE": 60,
    "DATABASE_URL": None,
    "HOST": "127.0.0.1",
    "PORT": 8000,
    "PUBLIC_URL": None,
    "RECEIVER_DATA_DIR": Path.cwd() / ".receiver",
    "RECEIVER_SPOOL_DIR": None,
    "RECEIVER_SPOOL_MAX_MB": 256.0,
    "RECEIVER_HANDLERS": (),
    "RECEIVER_SPOOL_RESERVE_MB": 16.0,
    "RECEIVER_STALE": "refuse",
    "RECEIVER_TIMESTAMPS": ("youtube", "spotify"),
    "RECEIVER_CUES": "readable",
    "RECEIVER_WEB": 1,
    "RECEIVER_WORKERS": 1,
    "RECEIVER_LANES": 8,
    "RECEIVER_LEASE_SECONDS": 60.0,
    "RECEIVER_POLL_SECONDS": 1.0,
    "RECEIVER_SHUTDOWN_SECONDS": 20.0,
    "RECEIVER_CALLS": 4,
    "RECEIVER_NOTIFY": None,
    "RECEIVER_NOTIFY_ON": ("ready", "failed", "dead"),
    "RECEIVER_NOTIFY_TEXT": "{title}: {detail} ({source}, {account}, {id})",
    "RECEIVER_PRUNE_DAYS": None,
    "RECEIVER_CALLS_SHUTDOWN_SECONDS": 20.0,
    "RECEIVER_ARTIFACTS_DIR": None,
    "RECEIVER_ARTIFACT_MAX_MB": 4096.0,
    "RECEIVER_FILES": None,
    "RECEIVER_FILES_FORMATS": ("md", "srt"),
    "RECEIVER_FILES_NAME": "{date} {title}",
    "RECEIVER_RECONCILE_SECONDS": 600.0,
    "RECEIVER_RECONCILE_GRACE_SECONDS": 300.0,
    "RECEIVER_RECONCILE_ALL": "no",
    "RECEIVER_FORWARD_PRIVATE": "no",
    "RECEIVER_PUBLISH": None,
    "RECEIVER_TOKEN": None,
    "RECEIVER_METRICS": None,
    "RECEIVER_CONSOLE": None,
    "RECEIVER_CONSOLE_TOKEN": None,
    "RECEIVER_CONSOLE_READ_TOKEN": None,
    "RECEIVER_MCP_TOKEN": None,
    "RECEIVER_LOG": "text",
    "RECEIVER_LOG_LEVEL": "info",
    "RECEIVER_FAILPOINT": None,
}

TAKEN = [
    ("TRANSCRIBE_API_KEY", "tsk_live_1", "tsk_live_1"),
    ("TRANSCRIBE_API_URL", "http://127.0.0.1:9", "http://127.0.0.1:9"),
    ("TRANSCRIBE_API_URL", "https://api.example/", "https://api.example"),
    ("TRANSCRIBE_API_URL", "https://api.example/behind/", "https://api.example/behind"),
    ("TRANSCRIBE_API_URL", "http://[::1]:9", "http://[::1]:9"),
    ("TRANSCRIBE_API_URL", "https://api.example/api/v1", "https://api.example"),
    ("TRANSCRIBE_API_URL", " HTTPS://API.Example:443/api/v1/ ", "https://api.example"),
    ("TRANSCRIBE_API_KEY", "\ufeff tsk_live_1\r\n", "tsk_live_1"),
    ("TRANSCRIBE_API_KEY", "\u00a0", None),
    ("TRANSCRIBE_WEBHOOK_SECRET", "\ufeffwhsec_a,\u00a0whsec_b\r\n", ("whsec_a", "whsec_b")),
    ("TRANSCRIBE_WEBHOOK_SECRET", "QUJD=,QUI==", ("QUJD=", "QUI==")),
    ("TRANSCRIBE_WEBHOOK_SECRET", "whsec_a", ("whsec_a",)),
    ("TRANSCRIBE_WEBHOOK_SECRET", " whsec_a , whsec_b,,", ("whsec_a", "whsec_b")),
    ("TRANSCRIBE_WEBHOOK_SECRET", " , ", ()),
    ("TRANSCRIBE_REQUESTS_A_MINUTE", "1", 1),
    ("TRANSCRIBE_REQUESTS_A_MINUTE", "100000", 100_000),
    ("DATABASE_URL", POSTGRES, POSTGRES),
    ("DATABASE_URL", "postgres://db.example/app", "postgres://db.example/app"),
    ("DATABASE_URL", "POSTGRES://db.example/App", "postgres://db.example/App"),
    ("DATABASE_URL", "PostgreSQL+asyncpg://db.example/app", "postgresql://db.example/app"),
    ("DATABASE_URL", f"\ufeff{POSTGRES} \n", POSTGRES),
    ("DATABASE_URL", "postgresql://me:p$a'\u00fc@db.example/app", "postgresql://me:p$a'\u00fc@db.example/app"),
    ("HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104 - a value, nothing listens
    ("PORT", "1", 1),
    ("PORT", "65535", 65535),
    ("PUBLIC_URL", "https://hooks.example", "https://hooks.example"),
    ("PUBLIC_URL", "https://hooks.example:8443/a/", "https://hooks.example:8443/a"),
    ("PUBLIC_URL", "HTTPS://Hooks.Example/webhooks/transcribe-so/", "https://hooks.example"),
    ("PUBLIC_URL", "https://hooks.example/A/webhooks/transcribe-so", "https://hooks.example/A"),
    ("RECEIVER_DATA_DIR", "/var/lib/x", Path("/var/lib/x")),
    ("RECEIVER_SPOOL_DIR", "/mnt/spool", Path("/mnt/spool")),
    ("RECEIVER_SPOOL_DIR", " /mnt/a b/it's $5\r\n", Path("/mnt/a b/it's $5")),
    ("RECEIVER_SPOOL_DIR", "spool~", Path("spool~").absolute()),
    ("RECEIVER_SPOOL_MAX_MB", "0.5", 0.5),
    ("RECEIVER_SPOOL_MAX_MB", "1000000", 1_000_000.0),
    ("RECEIVER_SPOOL_RESERVE_MB", "0", 0.0),
    ("RECEIVER_SPOOL_RESERVE_MB", "1000", 1000.0),
    ("RECEIVER_HANDLERS", "mine", ("mine",)),
    ("RECEIVER_HANDLERS", "handlers, mine.more", ("handlers", "mine.more")),
    ("RECEIVER_STALE", "accept", "accept"),
    ("RECEIVER_TIMESTAMPS", "markdown", ("markdown",)),
    ("RECEIVER_CUES", "provider", "provider"),
    ("RECEIVER_TIMESTAMPS", ",".join(get_args(TimestampsFormat)), get_args(TimestampsFormat)),
    ("RECEIVER_WEB", "1", 1),
    ("RECEIVER_WEB", "64", 64),
    ("RECEIVER_WORKERS", "1", 1),
    ("RECEIVER_WORKERS", "64", 64),
    ("RECEIVER_LANES", "1", 1),
    ("RECEIVER_LANES", "100", 100),
    ("RECEIVER_LEASE_SECONDS", "1", 1.0),
    ("RECEIVER_LEASE_SECONDS", "3600", 3600.0),
    ("RECEIVER_POLL_SECONDS", "0.05", 0.05),
    ("RECEIVER_POLL_SECONDS", "60", 60.0),
    ("RECEIVER_SHUTDOWN_SECONDS", "0", 0.0),
    ("RECEIVER_SHUTDOWN_SECONDS", "3600", 3600.0),
    ("RECEIVER_CALLS", "0", 0),
    ("RECEIVER_PRUNE_DAYS", "1", 1),
    ("RECEIVER_RECONCILE_SECONDS", "0", 0.0),
    ("RECEIVER_RECONCILE_SECONDS", "86400", 86_400.0),
    ("RECEIVER_RECONCILE_GRACE_SECONDS", "0", 0.0),
    ("RECEIVER_RECONCILE_ALL", "yes", "yes"),
    ("RECEIVER_FORWARD_PRIVATE", "yes", "yes"),
    ("RECEIVER_PRUNE_DAYS", "36500", 36_500),
    ("RECEIVER_CALLS", "100", 100),
    ("RECEIVER_CALLS_SHUTDOWN_SECONDS", "0", 0.0),
    ("RECEIVER_CALLS_SHUTDOWN_SECONDS", "7200", 7200.0),
    ("RECEIVER_ARTIFACTS_DIR", "stems", str(Path("stems").absolute())),
    ("RECEIVER_ARTIFACT_MAX_MB", "0.5", 0.5),
    ("RECEIVER_ARTIFACT_MAX_MB", "1000000", 1_000_000.0),
    ("RECEIVER_NOTIFY", " ntfy://a, json://b/?x=1,2\tntfy://a ,slack://c ", "ntfy://a json://b/?x=1,2 slack://c"),
    ("RECEIVER_NOTIFY_ON", "dead, costs:5.50", ("dead", "costs:5.5")),
    ("RECEIVER_NOTIFY_TEXT", "{title}\n{kind}", "{title}\n{kind}"),
    ("RECEIVER_ARTIFACTS_DIR", "s3://my.bucket/a/b_c//", "s3://my.bucket/a/b_c"),
    ("RECEIVER_FILES", "/srv/my notes", "/srv/my notes"),
    ("RECEIVER_FILES", "notes", str(Path("notes").absolute())),
    ("RECEIVER_FILES", "s3://my.bucket/a/b_c//", "s3://my.bucket/a/b_c"),
    ("RECEIVER_FILES_FORMATS", "chapters, md", ("chapters", "md")),
    ("RECEIVER_FILES_FORMATS", ",".join(get_args(FilesFormat)), get_args(FilesFormat)),
    ("RECEIVER_FILES_NAME", "talks/{source} {account}/{id}", "talks/{source} {account}/{id}"),
    ("RECEIVER_FILES_NAME", " {title}\n", "{title}"),
    ("RECEIVER_PUBLISH", " nats://127.0.0.1/EVENTS\n", "nats://127.0.0.1/EVENTS"),
    ("RECEIVER_PUBLISH", "", None),
    ("RECEIVER_TOKEN", "0123456789abcdef", "0123456789abcdef"),
    ("RECEIVER_TOKEN", "", None),
    ("RECEIVER_METRICS", "127.0.0.1:9464", "127.0.0.1:9464"),
    ("RECEIVER_METRICS", " [::1]:1 ", "[::1]:1"),
    ("RECEIVER_METRICS", "9464", "127.0.0.1:9464"),
    ("RECEIVER_METRICS", "metrics.internal:65535", "metrics.internal:65535"),
    ("RECEIVER_METRICS", "off", "off"),
    ("RECEIVER_CONSOLE", "0.0.0.0:8080", "0.0.0.0:8080"),
    ("RECEIVER_CONSOLE", "off", "off"),
    ("RECEIVER_CONSOLE_TOKEN", "0123456789abcdef", "0123456789abcdef"),
    ("RECEIVER_CONSOLE_TOKEN", "", None),
    ("RECEIVER_CONSOLE_READ_TOKEN", "0123456789abcdef", "0123456789abcdef"),
    ("RECEIVER_MCP_TOKEN", "0123456789abcdef", "0123456789abcdef"),
    ("RECEIVER_MCP_TOKEN", "", None),
    ("RECEIVER_LOG", "json", "json"),
    ("RECEIVER_LOG_LEVEL", "debug", "debug"),
    ("RECEIVER_LOG_LEVEL", "error", "error"),
    ("RECEIVER_FAILPOINT", "after-commit", Death(Failpoint.AFTER_COMMIT, 1)),
    ("RECEIVER_FAILPOINT", "mid-drain:12", Death(Failpoint.MID_DRAIN, 12)),
]

REFUSED = [
    ("TRANSCRIBE_API_URL", "api.example", "must be an address like https://example.com"),
    ("TRANSCRIBE_API_URL", "ftp://api.example", "must be an address like https://example.com"),
    ("TRANSCRIBE_API_URL", "https://", "must be an address like https://example.com"),
    ("TRANSCRIBE_API_URL", "https:///path", "must be an address like https://example.com"),
    ("TRANSCRIBE_API_URL", "https://api.example?k=s3cret", "must be an address like https://example.com"),
    ("TRANSCRIBE_API_URL", "https://api.example#s3cret", "must be an address like https://example.com"),
    ("TRANSCRIBE_API_URL", "https://s3cret@api.example", "must not contain a user or a password"),
    ("TRANSCRIBE_API_URL", "https://me:s3cret@api.example", "must not contain a user or a password"),
    ("TRANSCRIBE_API_URL", "https://:s3cret@api.example", "must not contain a user or a password"),
    ("TRANSCRIBE_API_URL", "https://api.example/api/v1/s3cret", "must end before /api/v1, or with it"),
    ("TRANSCRIBE_API_URL", "http://api.example:s3cret", ""),
    ("TRANSCRIBE_API_URL", "http://api.example:65536", ""),
    ("TRANSCRIBE_API_URL", "http://[::1", ""),
    ("TRANSCRIBE_API_URL", "http://[s3cret]", ""),
    ("DATABASE_URL", "mysql://me:s3cret@db", "must start with postgresql://"),
    ("DATABASE_URL", "s3cret", "must start with postgresql://"),
    ("DATABASE_URL", "jdbc:postgresql://db/s3cret", "must start with postgresql://"),
    ("DATABASE_URL", "postgresql:/s3cret", "must start with postgresql://"),
    ("DATABASE_URL", '"postgresql://me:s3cret@db"', "begins with a quote or a bracket: remove it"),
    (
        "DATABASE_URL",
        "DATABASE_URL=postgresql://me:s3cret@db",
        "begins with a variable's name: keep what follows the =",
    ),
    ("DATABASE_URL", "postgresql://me:s3cret\u200b@db", "contains an invisible character: remove it"),
    ("PORT", "s3cret", "must be a whole number"),
    ("PORT", "0", "must be greater than or equal to 1"),
    ("PORT", "65536", "less than or equal to 65535"),
    ("PORT", "80.5", "must be a whole number"),
    ("PUBLIC_URL", "hooks.example", "must be an address like https://example.com"),
    ("PUBLIC_URL", "https://me:s3cret@hooks.example", "must not contain a user or a password"),
    ("PUBLIC_URL", "https://hooks.example:s3cret", ""),
    ("PUBLIC_URL", "https://[s3cret]/", ""),
    ("PUBLIC_URL", "https://me:s3cret\u2100@hooks.example", ""),
    (
        "PUBLIC_URL",
        "https://hooks.example/webhooks/transcribe-so/jobs/s3cret",
        "must end before /webhooks/transcribe-so",
    ),
    ("RECEIVER_DATA_DIR", "~/s3cret", "contains a part that only a shell expands: write the whole path"),
    ("RECEIVER_DATA_DIR", "~", "contains a part that only a shell expands: write the whole path"),
    ("RECEIVER_SPOOL_DIR", "~me/s3cret", "contains a part that only a shell expands: write the whole path"),
    ("RECEIVER_SPOOL_DIR", "$HOME/s3cret", "contains a part that only a shell expands: write the whole path"),
    ("RECEIVER_SPOOL_DIR", "/mnt/${s3cret}", "contains a part that only a shell expands: write the whole path"),
    ("RECEIVER_SPOOL_DIR", "/mnt/s3cret'", "ends with a quote: remove it"),
    ("RECEIVER_SPOOL_DIR", "RECEIVER_SPOOL_DIR=/s3cret", "begins with a variable's name: keep what follows the ="),
    ("RECEIVER_SPOOL_DIR", " ", "is blank"),
    ("HOST", " ", "at least 1 character"),
    ("PUBLIC_URL", "https://s3cret,", "must be an address like https://example.com"),
    ("RECEIVER_HANDLERS", ",", "must name at least one"),
    *(
        ("RECEIVER_HANDLERS", path, "names packages or modules, such as handlers,receiver.bundled, not paths")
        for path in ("handlers/", "/srv/s3cret", "./handlers", "mine,..", "handlers/s3cret.py", "s3cret.py", "a\\b")
    ),
    ("RECEIVER_STALE", "s3cret", "must be 'refuse' or 'accept'"),
    ("RECEIVER_CUES", "s3cret", "'readable' or 'provider'"),
    ("RECEIVER_TIMESTAMPS", " , ", "must name at least one"),
    ("RECEIVER_TIMESTAMPS", "youtube,s3cret", "youtube"),
    ("RECEIVER_WEB", "0", "greater than or equal to 1"),
    ("RECEIVER_WEB", "65", "less than or equal to 64"),
    ("RECEIVER_WORKERS", "0", "greater than or equal to 1"),
    ("RECEIVER_WORKERS", "65", "less than or equal to 64"),
    ("RECEIVER_LANES", "0", "greater than or equal to 1"),
    ("RECEIVER_LANES", "101", "less than or equal to 100"),
    ("RECEIVER_LANES", "s3cret", "must be a whole number"),
    ("RECEIVER_LEASE_SECONDS", "0.9", "greater than or equal to 1"),
    ("RECEIVER_LEASE_SECONDS", "3601", "less than or equal to 3600"),
    ("RECEIVER_LEASE_SECONDS", "nan", ""),
    ("RECEIVER_POLL_SECONDS", "0.04", "greater than or equal to 0.05"),
    ("RECEIVER_POLL_SECONDS", "inf", "less than or equal to 60"),
    ("RECEIVER_SHUTDOWN_SECONDS", "-1", "greater than or equal to 0"),
    ("RECEIVER_SHUTDOWN_SECONDS", "3601", "less than or equal to 3600"),
    ("RECEIVER_SHUTDOWN_SECONDS", "s3cret", "must be a number"),
    ("RECEIVER_CALLS", "-1", "greater than or equal to 0"),
    ("RECEIVER_RECONCILE_SECONDS", "-1", "greater than or equal to 0"),
    ("RECEIVER_RECONCILE_GRACE_SECONDS", "86401", "less than or equal to 86400"),
    ("RECEIVER_RECONCILE_ALL", "s3cret", "must be 'no' or 'yes'"),
    ("RECEIVER_FORWARD_PRIVATE", "s3cret", "must be 'no' or 'yes'"),
    ("RECEIVER_PRUNE_DAYS", "0", "greater than or equal to 1"),
    ("RECEIVER_PRUNE_DAYS", "36501", "less than or equal to 36500"),
    ("RECEIVER_PRUNE_DAYS", "1.5", "must be a whole number"),
    ("RECEIVER_CALLS", "101", "less than or equal to 100"),
    ("RECEIVER_CALLS_SHUTDOWN_SECONDS", "7201", "less than or equal to 7200"),
    ("RECEIVER_ARTIFACTS_DIR", "~/s3cret", "contains a part that only a shell expands: write the whole path"),
    ("RECEIVER_ARTIFACT_MAX_MB", "0", "greater than 0"),
    ("RECEIVER_PUBLISH", "nats://me:s3cret@host", "must be an address like nats://user:password@host:4222/STREAM"),
    ("RECEIVER_PUBLISH", "nats://me:s3 cret@host/EVENTS", "must be printable ASCII without spaces"),
    ("RECEIVER_TOKEN", "0123456789abcde", "must have at least 16 characters"),
    ("RECEIVER_CONSOLE_TOKEN", "0123456789abcde", "must have at least 16 characters"),
    ("RECEIVER_CONSOLE_READ_TOKEN", "0123456789abcde", "must have at least 16 characters"),
    ("RECEIVER_MCP_TOKEN", "0123456789abcde", "must have at least 16 characters"),
    ("RECEIVER_CONSOLE", "console", "must be HOST:PORT, such as 127.0.0.1:9464, or off"),
    *(
        ("RECEIVER_NOTIFY", address, "must be like ntfys://ntfy.sh/my-topic (a space in it is %20)")
        for address in ("s3cret", "s3cret://", "://s3cret", "ntfy://s3cret s3cret", "ntfy://a\x1bs3cret")
    ),
    ("RECEIVER_NOTIFY", "ntfy://a s3cret ntfy://b", "address 1 of 2 must be like"),
    ("RECEIVER_NOTIFY", " , ", "must be 1 to 20 addresses, separated by spaces or commas"),
    ("RECEIVER_NOTIFY", " ".join(f"ntfy://s3cret{n}" for n in range(21)), "must be 1 to 20 addresses"),
    ("RECEIVER_NOTIFY", '"ntfy://s3cret"', "begins with a quote or a bracket: remove it"),
    *(
        ("RECEIVER_NOTIFY_ON", on, "must be some of ready, failed, dead and costs:10 (an amount in USD)")
        for on in ("ready,s3cret", "costs", "costs:", "costs:0", "costs:-1", "costs:1e3", "costs:s3cret", "costs:1.234")
    ),
    ("RECEIVER_NOTIFY_ON", " , ", "must name at least one"),
    *(
        ("RECEIVER_NOTIFY_TEXT", text, "must contain fields of {kind}, {title}, {detail}, {source}, {account}, {id}")
        for text in ("s3cret", "{s3cret}", "{title.s3cret}", "{title!r}", "{title:>9}", "{title", "{}", "{0}", "{{id}}")
    ),
    ("RECEIVER_NOTIFY_TEXT", "{title}" + "s3cret" * 90, "must be at most 500 printable characters"),
    ("RECEIVER_NOTIFY_TEXT", "{title}\x1b[s3cret", "must be at most 500 printable characters"),
    ("RECEIVER_FILES", "~/s3cret", "contains a part that only a shell expands: write the whole path"),
    *(
        ("RECEIVER_FILES", place, "must be a folder, or s3://BUCKET or s3://BUCKET/PREFIX in plain ASCII")
        for place in (
            "gs://s3cret",
            "s3://s3cret:s3cret@bucket",
            "s3://bucket?k=s3cret",
            "s3://bucket/../s3cret",
            "S3://s3cret",
            "s3:/s3cret",
            "s3://UPPER-s3cret",
            "s3://bucket/s3cret/ü",
            "s3://bucket//s3cret",
        )
    ),
    ("RECEIVER_FILES", f"/{'s3cret/' * 100}x", "must be at most 700 bytes long"),
    ("RECEIVER_FILES_FORMATS", "md,s3cret", "'md', 'txt', 'srt', 'vtt', 'chapters' or 'artifacts'"),
    ("RECEIVER_FILES_FORMATS", ",", "must name at least one"),
    *(
        ("RECEIVER_FILES_NAME", template, "must contain fields of {date}, {title}, {id}, {source}, {account}, and no")
        for template in (
            "s3cret",
            "{s3cret}",
            "{title} {s3cret}",
            "{title.s3cret}",
            "{title!r}",
            "{title:>9}",
            "{title",
            "title}",
            "{}",
            "{0}",
            "{{title}}",
            "{title[0]}",
        )
    ),
    *(
        ("RECEIVER_FILES_NAME", template, "must have at most 4 parts between /")
        for template in (
            "/{title}",
            "../{title}",
            "a/../{title}",
            "{title}/",
            "a//{title}",
            ".{title}",
            "a /{title}",
            "a/b/c/d/{title}",
        )
    ),
    ("RECEIVER_FILES_NAME", "{title}" + "s3cret" * 40, "must be at most 200 printable characters"),
    ("RECEIVER_FILES_NAME", "{title}\u202es3cret", "must be at most 200 printable characters"),
    ("RECEIVER_FILES_NAME", '"{title}', "begins with a quote or a bracket: remove it"),
    ("RECEIVER_TOKEN", "0123456789 abcdef", "must be printable ASCII without spaces"),
    *(
        ("RECEIVER_METRICS", place, "must be HOST:PORT, such as 127.0.0.1:9464, or off")
        for place in ("s3cret", "s3cret:", "s3cret:0", "s3cret:65536", "s3 cret:9464", "s3cret:9464/metrics", "on")
    ),
    ("RECEIVER_LOG", "s3cret", "must be 'text' or 'json'"),
    ("RECEIVER_LOG", "JSON", "'text' or 'json'"),
    ("RECEIVER_LOG_LEVEL", "s3cret", "'debug', 'info', 'warning' or 'error'"),
    ("RECEIVER_FAILPOINT", "s3cret", "must be one of after-verify, before-commit, "),
    ("RECEIVER_FAILPOINT", "after-commit:", "must be one of "),
    ("RECEIVER_FAILPOINT", "after-commit:0", "must be one of "),
    ("RECEIVER_FAILPOINT", "after-commit:s3cret", "must be one of "),
    ("RECEIVER_FAILPOINT", "after-commit:\u0661", "must be one of "),
]


def test_the_defaults_are_these_and_no_more() -> None:
    loaded = settings.load()
    assert {name: shown(getattr(loaded, attribute)) for name, attribute in NAMES.items()} == DEFAULTS


@pytest.mark.parametrize(("name", "value", "read_as"), TAKEN)
def test_a_variable_is_read_as(environment: Callable[..., None], name: str, value: str, read_as: object) -> None:
    environment(**{name: value})
    assert shown(getattr(settings.load(), NAMES[name])) == read_as


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", ['"{}"', "'{}'", "\u201c{}\u201d", '["{}"]', "<{}>"])
def test_what_a_value_is_packed_in_is_refused_whatever_it_is_about(
    environment: Callable[..., None], *, name: str, packed: str
) -> None:
    """`docker --env-file` keeps quotes, and a folder of that name would be no volume."""
    value = next(value for one, value, _ in TAKEN if one == name)
    environment(**{name: packed.format(value)})
    assert refusal() == f"{name}: begins with a quote or a bracket: remove it"


@pytest.mark.parametrize("value", ['whsec_a,"s3cret"', "whsec_a,TRANSCRIBE_WEBHOOK_SECRET=s3cret"])
def test_each_of_several_secrets_is_looked_at(environment: Callable[..., None], value: str) -> None:
    environment(TRANSCRIBE_WEBHOOK_SECRET=value)
    assert refusal().startswith("TRANSCRIBE_WEBHOOK_SECRET: begins with a ")


def test_every_variable_is_in_the_table_of_what_is_taken() -> None:
    assert {name for name, _, _ in TAKEN} == NAMES.keys()


@pytest.mark.parametrize(("name", "value", "why"), REFUSED)
def test_a_wrong_value_is_refused_by_name_alone(
    environment: Callable[..., None], name: str, value: str, why: str
) -> None:
    environment(**{name: value})
    said = refusal()
    assert said.startswith(f"{name}: ")
    assert why in said
    assert "s3cret" not in said
    assert "\n" not in said


TOKENS = ("TRANSCRIBE_API_KEY", "TRANSCRIBE_WEBHOOK_SECRET")
ODD = [
    ('"s3cret"', "begins with a quote or a bracket: remove it"),
    ("'s3cret", "begins with a quote or a bracket: remove it"),
    ("\u201cs3cret\u201d", "begins with a quote or a bracket: remove it"),
    ('["s3cret"]', "begins with a quote or a bracket: remove it"),
    ("<s3cret>", "begins with a quote or a bracket: remove it"),
    ("s3cret'", "ends with a quote: remove it"),
    ("TRANSCRIBE_WEBHOOK_SECRET=s3cret", "begins with a variable's name: keep what follows the ="),
    ("export WEBHOOK_SECRET=s3cret", "begins with a variable's name: keep what follows the ="),
    ("s3\ufeffcret", "must be printable ASCII without spaces"),
    ("\u200bs3cret", "must be printable ASCII without spaces"),
    ("s3cret\u2060", "must be printable ASCII without spaces"),
    ("s3\u0441ret", "must be printable ASCII without spaces"),
    ("Bearer s3cret", "must be printable ASCII without spaces"),
    ("s3cret\ns3cret", "must be printable ASCII without spaces"),
]


@pytest.mark.parametrize(("value", "why"), ODD)
@pytest.mark.parametrize("name", TOKENS)
def test_what_a_key_or_a_secret_got_on_its_way_is_refused_by_what_is_wrong(
    environment: Callable[..., None], tmp_path: Path, name: str, value: str, why: str
) -> None:
    """Otherwise every delivery would be refused, without a word about the cause."""
    environment(**{name: value})
    assert refusal() == f"{name}: {why}"
    (tmp_path / "secret").write_text(value)
    environment(**{name: "", f"{name}_FILE": str(tmp_path / "secret")})
    assert refusal() == f"{name}_FILE: {why}"


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_is_none(environment: Callable[..., None], name: str) -> None:
    environment(**{name: ""})
    assert shown(getattr(settings.load(), NAMES[name])) == DEFAULTS[name]


@pytest.mark.parametrize("name", ["port", "Port", "API_KEY", "RECEIVER_PORT", "RECEIVER_LANE"])
def test_variables_of_other_names_are_not_ours(environment: Callable[..., None], name: str) -> None:
    environment(**{name: "s3cret"})
    assert settings.load() == settings.load(PORT=8000)


@pytest.mark.parametrize(("name", "first", "then"), [
    ("PORT", "1", 2), ("DATABASE_URL", POSTGRES, "postgresql://other"), ("TRANSCRIBE_API_URL", "https://a", "https://b"),
    ("PUBLIC_URL", "https://a", None),
])  # fmt: skip
def test_an_argument_wins_over_the_environment(
    environment: Callable[..., None], name: str, first: str, then: object
) -> None:
    environment(**{name: first})
    assert shown(getattr(settings.load(**{name: then}), NAMES[name])) == then


def test_a_wrong_argument_is_refused_like_a_wrong_variable() -> None:
    assert refusal(PORT="s3cret").startswith("PORT: ")


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = {
    "PORT": "s3cret", "TRANSCRIBE_API_URL": "s3cret", "DATABASE_URL": "s3cret", "RECEIVER_LANES": "s3cret",
    "RECEIVER_LOG": "s3cret", "RECEIVER_STALE": "s3cret",
    "RECEIVER_TIMESTAMPS": "s3cret,s3cret2", "PUBLIC_URL": "s3cret",
}  # fmt: skip


def test_all_mistakes_are_told_at_once(environment: Callable[..., None]) -> None:
    environment(**MISTAKES)
    told = refusal().split("; ")
    assert sorted(line.partition(":")[0] for line in told) == sorted(MISTAKES)


def test_mistakes_in_files_and_in_variables_are_told_at_once(environment: Callable[..., None], tmp_path: Path) -> None:
    environment(
        PORT="s3cret", RECEIVER_LANES="s3cret", DATABASE_URL_FILE=str(tmp_path / "none"),
        TRANSCRIBE_API_KEY_FILE=str(tmp_path),
    )  # fmt: skip
    told = refusal().split("; ")
    expected = ["DATABASE_URL_FILE", "PORT", "RECEIVER_LANES", "TRANSCRIBE_API_KEY_FILE"]
    assert sorted(line.partition(":")[0] for line in told) == expected


def test_no_value_stands_in_the_traceback_of_a_mistake(environment: Callable[..., None]) -> None:
    environment(**MISTAKES)
    with pytest.raises(ConfigError) as refused:
        settings.load()
    told = "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in told
    assert "ValidationError" not in told
    assert "s3cret" not in f"{refused.value!r}{refused.value.__context__!r}{refused.value.__context__}"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_every_secret_of_the_model_may_come_from_a_file() -> None:
    secret = {name for name, attribute in NAMES.items() if "Secret" in str(Settings.model_fields[attribute].annotation)}
    assert secret == set(SECRETS)


VALUES = {
    "TRANSCRIBE_API_KEY": "tsk_s3cret",
    "TRANSCRIBE_WEBHOOK_SECRET": "whsec_s3cret",
    "DATABASE_URL": POSTGRES,
    "RECEIVER_TOKEN": "a-long-s3cret-token",
    "RECEIVER_PUBLISH": "nats://me:s3cret@nats.example/EVENTS",
    "RECEIVER_CONSOLE_TOKEN": "a-long-s3cret-token-to-act",
    "RECEIVER_CONSOLE_READ_TOKEN": "a-long-s3cret-token-to-look",
    "RECEIVER_NOTIFY": "json://me:s3cret@127.0.0.1/s3cret",
    "RECEIVER_MCP_TOKEN": "a-long-s3cret-token-to-ask",
}


def test_a_token_is_compared_by_its_digest(environment: Callable[..., None]) -> None:
    assert settings.load().token_digest is None
    environment(RECEIVER_TOKEN=VALUES["RECEIVER_TOKEN"])
    assert settings.load().token_digest == hashlib.sha256(VALUES["RECEIVER_TOKEN"].encode()).digest()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_shown_nowhere(environment: Callable[..., None], name: str) -> None:
    environment(**{name: VALUES[name]})
    loaded = settings.load()
    value = getattr(loaded, NAMES[name])
    for text in (
        repr(loaded),
        str(loaded),
        str(loaded.model_dump()),
        loaded.model_dump_json(),
        repr(value),
        str(value),
    ):
        assert "s3cret" not in text


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("", "\n"), ("", "\r\n"), ("", "\n\n"), ("\ufeff", "\r\n"), (" \t", " \n ")]
)
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(
    environment: Callable[..., None], tmp_path: Path, name: str, before: str, after: str
) -> None:
    (tmp_path / "secret").write_text(f"{before}{VALUES[name]}{after}", encoding="utf-8", newline="")
    environment(**{f"{name}_FILE": str(tmp_path / "secret")})
    value = shown(getattr(settings.load(), NAMES[name]))
    assert value == ((VALUES[name],) if name == "TRANSCRIBE_WEBHOOK_SECRET" else VALUES[name])


def test_a_file_may_hold_several_webhook_secrets(environment: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("whsec_a,whsec_b\n")
    environment(TRANSCRIBE_WEBHOOK_SECRET_FILE=str(tmp_path / "secret"))
    assert shown(settings.load().webhook_secrets) == ("whsec_a", "whsec_b")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_from_a_variable_and_a_file_is_a_mistake(
    environment: Callable[..., None], tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text(VALUES[name])
    environment(**{name: VALUES[name], f"{name}_FILE": str(tmp_path / "secret")})
    assert refusal() == f"{name}_FILE: set {name} or {name}_FILE, not both"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_file_that_cannot_be_read_is_a_mistake(
    environment: Callable[..., None], tmp_path: Path, name: str
) -> None:
    (tmp_path / "latin-1").write_bytes(b"s3cret\xe9")
    for path, why in ((tmp_path / "s3cret", "No such file or directory"), (tmp_path, "Is a directory"),
                      (tmp_path / "latin-1", "it is not UTF-8")):  # fmt: skip
        environment(**{f"{name}_FILE": str(path)})
        assert refusal() == f"{name}_FILE: cannot be read ({why})"


def test_a_wrong_value_in_a_file_is_refused_by_name_alone(environment: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mysql://me:s3cret@db")
    environment(DATABASE_URL_FILE=str(tmp_path / "secret"))
    assert refusal() == "DATABASE_URL_FILE: must start with postgresql://"
    assert refusal(DATABASE_URL="s3cret") == "DATABASE_URL: must start with postgresql://"


@pytest.mark.parametrize("name", SECRETS)
def test_an_empty_file_name_is_no_secret(environment: Callable[..., None], name: str) -> None:
    environment(**{f"{name}_FILE": ""})
    assert shown(getattr(settings.load(), NAMES[name])) == DEFAULTS[name]


@pytest.mark.parametrize("content", ["", "\n", "\ufeff \r\n"])
@pytest.mark.parametrize("name", SECRETS)
def test_an_empty_file_is_a_mistake(environment: Callable[..., None], tmp_path: Path, name: str, content: str) -> None:
    """A missing secret must not mean the embedded database, or no key."""
    (tmp_path / "secret").write_text(content, encoding="utf-8")
    environment(**{f"{name}_FILE": str(tmp_path / "secret")})
    assert refusal() == f"{name}_FILE: names an empty file"


def test_what_is_no_secret_has_no_file(environment: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "port").write_text("1")
    environment(PORT_FILE=str(tmp_path / "port"), HOST_FILE=str(tmp_path / "none"))
    assert settings.load().port == 8000


# --- the value -------------------------------------------------------------------------------------------------------


def test_settings_cannot_be_changed() -> None:
    loaded = settings.load()
    with pytest.raises(ValidationError, match="frozen"):
        loaded.port = 1
    assert loaded.port == 8000


@pytest.mark.parametrize(("public_url", "webhook_url"), [
    (None, None),
    ("https://hooks.example", "https://hooks.example/webhooks/transcribe-so"),
    ("https://hooks.example/", "https://hooks.example/webhooks/transcribe-so"),
    ("https://hooks.example/behind/", "https://hooks.example/behind/webhooks/transcribe-so"),
])  # fmt: skip
def test_the_webhook_url_is_the_public_url_and_our_path(public_url: str | None, webhook_url: str | None) -> None:
    assert settings.load(PUBLIC_URL=public_url).webhook_url == webhook_url


def test_a_folder_stays_where_it_was_when_the_settings_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler's module may change the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECEIVER_SPOOL_DIR", "spool")
    configured = settings.load()
    assert (configured.data_dir, configured.spool_dir) == (tmp_path / ".receiver", tmp_path / "spool")


# --- what others need of it in plain ---------------------------------------------------------------------------------


def test_a_secret_is_offered_plain_by_name_and_shown_nowhere() -> None:
    given = {
        "TRANSCRIBE_API_KEY": "tsk_sesame",
        "TRANSCRIBE_WEBHOOK_SECRET": "whsec_1,whsec_2",
        "DATABASE_URL": POSTGRES,
    }
    configured = settings.load(**given)
    assert configured.default_account.own_secrets == (b"whsec_1", b"whsec_2")
    assert configured.dsn == POSTGRES
    assert configured.default_account.key_fingerprint == fingerprint(b"tsk_sesame")
    for shown_as in (repr(configured), str(configured), str(configured.model_dump()), configured.model_dump_json()):
        assert not [secret for secret in ("sesame", "whsec_1", "whsec_2", "s3cret") if secret in shown_as]


def test_what_is_not_set_is_not_offered() -> None:
    configured = settings.load()
    account = configured.default_account
    assert (account.own_secrets, configured.dsn, account.key_fingerprint) == ((), None, "")


def test_an_account_is_an_api_and_the_fingerprint_of_a_key() -> None:
    with pytest.raises(ImpossibleError, match="TRANSCRIBE_API_KEY is not set"):
        settings.load().account()

    def whose(key: str) -> Account:
        return settings.load(TRANSCRIBE_API_KEY=key, TRANSCRIBE_API_URL="https://api.test").account()

    assert whose("tsk_live_1") == whose("tsk_live_1") != whose("tsk_live_2")
    assert whose("tsk_live_1").api_url == "https://api.test"
    assert "tsk_live_1" not in repr(whose("tsk_live_1"))


@pytest.mark.parametrize("given", [
    "https://h.test/behind", "https://h.test/behind/webhooks/transcribe-so/",
    "https://h.test/behind/webhooks/transcribe-so/big-show/",
])  # fmt: skip
def test_an_accounts_webhook_has_its_name_in_the_path_whether_it_was_given_or_not(given: str) -> None:
    assert webhook_at(given, "big-show") == "https://h.test/behind/webhooks/transcribe-so/big-show"
    chosen = settings.load(PUBLIC_URL="https://h.test", TRANSCRIBE_API_KEY__BIG_SHOW="x").choosing("big-show")
    assert chosen.webhook_url == "https://h.test/webhooks/transcribe-so/big-show"


def test_the_path_of_another_account_is_not_taken_for_a_prefix() -> None:
    with pytest.raises(ValueError, match="must end before /webhooks/transcribe-so, or with it"):
        webhook_at("https://h.test/webhooks/transcribe-so/big-show", "default")
