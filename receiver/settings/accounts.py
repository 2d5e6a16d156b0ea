"""The accounts of the sources: each is one key of a source at one API URL.

    TRANSCRIBE_API_KEY                 the key of the default account of transcribe.so
    TRANSCRIBE_API_KEY__BIG_SHOW       the key of its account `big-show`
    TRANSCRIBE_API_KEY__BIG_SHOW_FILE  the same key, in a file
    TIMBR_API_KEY                      the key of the default account of timbr

An account exists if its own key is set. What it does not say of its address and its rate, the default account says. A
key and a secret are never another account's. The default account of transcribe.so always exists, because deliveries can
be verified and handled without a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from receiver import signature
from receiver.errors import ImpossibleError
from receiver.events import DEFAULT_ACCOUNT, AccountId

REQUESTS_A_MINUTE = 60
MOST_REQUESTS = 100_000
KEY, URL, RATE, WEBHOOK_SECRET = "API_KEY", "API_URL", "REQUESTS_A_MINUTE", "WEBHOOK_SECRET"
CLIENT_ID, CLIENT_SECRET = "CLIENT_ID", "CLIENT_SECRET"
CLIENT = (CLIENT_ID, CLIENT_SECRET)
SECRET = (KEY, WEBHOOK_SECRET, CLIENT_SECRET)


@dataclass(frozen=True, slots=True)
class Variables:
    """The names of a source's variables, and what its accounts need.

    Attributes:
        source: the source's name.
        prefix: what each variable begins with, such as `TRANSCRIBE`.
        api_path: the end of an API's address that can be given or left out.
        other_paths: other ends that can be given; each chooses another version of the API.
        api_url: the address if none is set; empty if no document names one, or if it is the operator's own.
        needs_key: whether an account exists where its key is set; if not, where its address is set.
        has_client: whether a client id and a client secret are enough instead of a key.
        has_webhooks: whether it signs deliveries.
    """

    source: str
    prefix: str
    api_path: str = ""
    other_paths: tuple[str, ...] = ()
    api_url: str = ""
    needs_key: bool = True
    has_client: bool = False
    has_webhooks: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the variables of an account are called behind the prefix."""
        client, webhooks = CLIENT if self.has_client else (), (WEBHOOK_SECRET,) if self.has_webhooks else ()
        return (KEY, URL, *webhooks, *client, RATE)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every end of an address that can be given or left out."""
        return tuple(filter(None, (self.api_path, *self.other_paths)))

    def needed(self, name: str) -> str:
        """Return the variables that make an account of this name, as a sentence lists them."""
        key, url, *client = (variable(self, kind, name) for kind in (KEY, URL, *CLIENT))
        if not self.needs_key:
            return url
        if self.has_client:
            return f"{key}, or {' and '.join(client)}"
        # A named account's address may be the default one's.
        return key if self.api_url or name != DEFAULT_ACCOUNT else f"{key} and {url}"


TRANSCRIBE = Variables(
    "transcribe.so", "TRANSCRIBE", "/api/v1", api_url="https://transcribe.so", has_webhooks=True
)  # fmt: skip
TIMBR = Variables("timbr", "TIMBR", "/openapi", api_url="https://app.timbr.studio", has_client=True)
TIMBR_AUDIO = Variables("timbr-audio", "TIMBR_AUDIO", "/v1")
FISHAUDIO = Variables("fishaudio", "FISHAUDIO", "/api/open")
THUNDERSCRIBE = Variables(
    "thunderscribe", "THUNDERSCRIBE", "/api/v3", other_paths=("/api/v1",), api_url="https://thunderscribe.ai"
)  # fmt: skip
OPENAI = Variables("openai", "OPENAI", "/v1", needs_key=False)
SOURCES = (TRANSCRIBE, TIMBR, TIMBR_AUDIO, FISHAUDIO, THUNDERSCRIBE, OPENAI)


@dataclass(frozen=True, slots=True)
class Account:
    """One key of a source at one API URL. Its secrets are not shown.

    Attributes:
        source: the source's name.
        name: `default`, or the name behind `__` in lower case, with hyphens.
        api_url: without the end that chooses a version.
        key: None if no key is set.
        webhook_secrets: signing secrets that are configured; the database has others.
        requests_a_minute: the most requests in any 60 s.
        api_path: the end of the address, which chooses the version of the API.
        client_id: what tokens are asked for with, beside or instead of a key; empty if none is set.
        client_secret: set if `client_id` is.
    """

    source: str
    name: str
    api_url: str
    key: SecretStr | None = None
    webhook_secrets: tuple[SecretStr, ...] = ()
    requests_a_minute: int = REQUESTS_A_MINUTE
    api_path: str = ""
    client_id: str = ""
    client_secret: SecretStr | None = None

    @property
    def id(self) -> AccountId:
        """What this account's events, jobs and secrets are named by."""
        return AccountId(self.source, self.api_url, self.name)

    @property
    def is_default(self) -> bool:
        """Whether it is the account that commands mean when none is named."""
        return self.name == DEFAULT_ACCOUNT

    @property
    def mark(self) -> str:
        """What follows the name of a finding about this account; empty for the default one."""
        return "" if self.is_default else f" ({self.name})"

    @property
    def option(self) -> str:
        """What a command needs to mean this account, behind a blank; empty for the default one."""
        return "" if self.is_default else f" --account {self.name}"

    @property
    def key_fingerprint(self) -> str:
        """The fingerprint of the key, or of the client, which is not secret; empty if the account has neither."""
        if self.key is not None:
            return signature.fingerprint(self.key.get_secret_value().encode())
        if self.client_secret is not None:
            return signature.fingerprint(f"{self.client_id}:{self.client_secret.get_secret_value()}".encode())
        return ""

    @property
    def own_secrets(self) -> tuple[bytes, ...]:
        """The configured webhook secrets, in their order."""
        return tuple(secret.get_secret_value().encode() for secret in self.webhook_secrets)


def set_up(accounts: Sequence[Account]) -> Sequence[Account]:
    """Return the accounts without the default one, which comes first, if it has no key and no secret and others have.

    The default account always exists, but nothing is expected of it then.
    """
    default, *others = accounts
    is_bare = default.key is None and not default.webhook_secrets
    return others if is_bare and others else accounts


def find(source: str, name: str, known: Sequence[Account]) -> Account:
    """Return the account of a source that has a name.

    Raises:
        ImpossibleError: there is none. The message says which variables make it, and which accounts there are.
    """
    variables = next((one for one in SOURCES if one.source == source), None)
    if variables is None:
        raise ImpossibleError(f"there is no source {source}; there are: {', '.join(one.source for one in SOURCES)}")
    own = {account.name: account for account in known if account.source == source}
    if name in own:
        return own[name]
    needed = variables.needed(name)
    if not own:
        raise ImpossibleError(f"there is no account of {source}: set {needed}, in the environment or in .env")
    raise ImpossibleError(f"there is no account {name} of {source}; there are: {', '.join(own)}. {needed} makes one")


def no_such(name: str, known: Sequence[Account]) -> str:
    """Return the sentence about a name that no account has."""
    return f"no account is called {name} here, only {', '.join(dict.fromkeys(account.name for account in known))}"


def spelled(name: str) -> str:
    """Return an account's name as it is shown and written in paths: `BIG_SHOW` is `big-show`."""
    return name.lower().replace("_", "-")


def variable(source: Variables, kind: str, name: str) -> str:
    """Return the name of an account's variable."""
    end = "" if name == DEFAULT_ACCOUNT else f"__{name.upper().replace('-', '_')}"
    return f"{source.prefix}_{kind}{end}"


def webhook_secret_variable(account: str) -> str:
    """Return the name of the variable that holds the webhook secrets of an account of transcribe.so."""
    return variable(TRANSCRIBE, WEBHOOK_SECRET, account)
