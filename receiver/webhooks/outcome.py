"""What became of a registration, as fields for a page and as a sentence for a person. Pure."""

from dataclasses import dataclass
from typing import Literal

SILENT = "the provider does not say whether the webhook still exists"


@dataclass(frozen=True, slots=True)
class RegistrationOutcome:
    """What was done so that the provider delivers to an address.

    Attributes:
        done: "registered"; "kept": it was registered before, and the provider has it; "unknown": it was registered
            before, and `doubt` says why nobody knows whether the provider still has it; "elsewhere": the registration
            is for another address, and was left alone.
        webhook_url: the address that was asked for.
        fingerprint: the fingerprint of the secret that the provider signs with.
        registered_for: the address of the registration; None if it is `webhook_url`.
        others: the fingerprints of the secrets that are still active beside it, after it was registered.
        is_new: whether the provider gave a secret that was not active before.
        doubt: why it is not known whether the provider still has the webhook; empty if it is.
        option: what the commands need to mean its account.
    """

    done: Literal["registered", "kept", "unknown", "elsewhere"]
    webhook_url: str
    fingerprint: str | None
    registered_for: str | None = None
    others: tuple[str, ...] = ()
    is_new: bool = False
    doubt: str = ""
    option: str = ""

    @property
    def sentence(self) -> str:
        """What was done, in a sentence."""
        doubt = f"; {self.doubt}" if self.doubt else ""
        if self.doubt == SILENT:
            tries, again = f"`receiver test-event{self.option}`", f"`receiver register --rotate{self.option}`"
            doubt += f": {tries} tries it, {again} registers again"
        if self.done == "elsewhere":
            change = f"to change that run `receiver register{self.option}`"
            return f"registered for {self.registered_for}, not for {self.webhook_url}; {change}{doubt}"
        secret = f"(secret with fingerprint {self.fingerprint})"
        if self.done != "registered":
            return f"already registered for {self.webhook_url} {secret}{doubt}"
        return f"registered {self.webhook_url} {secret}{self._about_others()}"

    def _about_others(self) -> str:
        if not self.is_new:
            return "; the provider gave the same secret again, so nothing has been rotated"
        until = f"`receiver retire-secret{self.option}`"
        return f"; still active, until {until}: {', '.join(self.others)}" if self.others else ""


def registered(webhook_url: str, fingerprint: str, active: list[str], option: str = "") -> RegistrationOutcome:
    """Return the outcome of a registration that brought a secret; `active` were the fingerprints before it."""
    others = tuple(name for name in dict.fromkeys(active) if name != fingerprint)
    is_new = fingerprint not in active
    return RegistrationOutcome("registered", webhook_url, fingerprint, others=others, is_new=is_new, option=option)
