"""What the provider's documentation leaves open, as settings: the sandbox plays every answer, users try them all."""

from dataclasses import dataclass
from typing import Literal

SecondWebhook = Literal["replace", "409", "same"]


@dataclass(frozen=True, slots=True)
class Knobs:
    """How this provider behaves where its documentation is silent.

    Attributes:
        second_webhook: what a second registration with one key does: replace the first, 409, or answer the first
            without its secret.
        retry_stamp: whether a retried delivery is signed anew or carries the `t` of its first attempt.
        retry_id: whether a retried delivery keeps its event id.
        success: whether a success resets the count of failures in a row.
        test_events: whether a failed `webhook.test` counts as a failure.
        webhook_methods: whether `GET` and `DELETE /webhooks` exist; otherwise what answers them.
        attempts: how often an event is delivered at most: five in all, or once and five retries.
        wallet: the play money of each key, in USD, beside its monthly credit.
    """

    second_webhook: SecondWebhook = "replace"
    retry_stamp: Literal["fresh", "first"] = "fresh"
    retry_id: Literal["same", "new"] = "same"
    success: Literal["resets", "keeps"] = "resets"
    test_events: Literal["count", "ignore"] = "count"
    webhook_methods: Literal["yes", "404", "405"] = "yes"
    attempts: Literal[5, 6] = 5
    wallet: float = 97.55


DEFAULT = Knobs()
