"""`receiver.webhooks.outcome`: what became of a registration, in fields and in a sentence."""

import pytest

from receiver.webhooks import outcome
from receiver.webhooks.outcome import RegistrationOutcome

HERE, THERE = "https://here.test/hook", "https://there.test/hook"
SECRET = "(secret with fingerprint 1a)"
ADVICE = "`receiver test-event --account a` tries it, `receiver register --rotate --account a` registers again"


@pytest.mark.parametrize(("found", "sentence"), [
    (outcome.registered(HERE, "1a", []), f"registered {HERE} {SECRET}"),
    (outcome.registered(HERE, "1a", ["2b", "3c", "2b"]),
     f"registered {HERE} {SECRET}; still active, until `receiver retire-secret`: 2b, 3c"),
    (outcome.registered(HERE, "1a", ["2b", "1a"]),
     f"registered {HERE} {SECRET}; the provider gave the same secret again, so nothing has been rotated"),
    (RegistrationOutcome("kept", HERE, "1a"), f"already registered for {HERE} {SECRET}"),
    (RegistrationOutcome("unknown", HERE, "1a", doubt="nobody knows"),
     f"already registered for {HERE} {SECRET}; nobody knows"),
    (RegistrationOutcome("elsewhere", HERE, "1a", registered_for=THERE),
     f"registered for {THERE}, not for {HERE}; to change that run `receiver register`"),
    (RegistrationOutcome("elsewhere", HERE, "1a", registered_for=THERE, doubt="nobody knows"),
     f"registered for {THERE}, not for {HERE}; to change that run `receiver register`; nobody knows"),
    (RegistrationOutcome("unknown", HERE, "1a", doubt=outcome.SILENT, option=" --account a"),
     f"already registered for {HERE} {SECRET}; {outcome.SILENT}: {ADVICE}"),
    (RegistrationOutcome("elsewhere", HERE, "1a", registered_for=THERE, option=" --account a"),
     f"registered for {THERE}, not for {HERE}; to change that run `receiver register --account a`"),
    (outcome.registered(HERE, "1a", ["2b"], " --account a"),
     f"registered {HERE} {SECRET}; still active, until `receiver retire-secret --account a`: 2b"),
])  # fmt: skip
def test_each_outcome_has_its_sentence(found: RegistrationOutcome, sentence: str) -> None:
    assert found.sentence == sentence


@pytest.mark.parametrize(("active", "others", "is_new"), [
    ([], (), True), (["2b", "3c", "2b"], ("2b", "3c"), True), (["2b", "1a"], ("2b",), False),
])  # fmt: skip
def test_a_registration_names_the_secrets_that_are_still_active(
    active: list[str], others: tuple[str, ...], *, is_new: bool
) -> None:
    found = outcome.registered(HERE, "1a", active)
    assert (found.done, found.others, found.is_new) == ("registered", others, is_new)
