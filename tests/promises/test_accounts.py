"""Real processes that receive for two accounts: a secret of one proves nothing for the other, also in an outage."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.processes import Processes, Web, completed, unreachable, until

OWN = {
    "/webhooks/transcribe-so": (b"whsec_of_the_tests", b"whsec_registered"),
    "/webhooks/transcribe-so/big-show": (b"whsec_of_the_big_show", b"whsec_registered_big"),
}
REGISTER = """
    insert into receiver.registrations
        (account, api_url, key_fingerprint, callback_url, idempotency_key, webhook_id, secret, registered_at)
    values
        ('default', 'http://127.0.0.1:1', 'f', 'http://c', 'k', 'wh_1', 'whsec_registered', now()),
        ('big-show', 'http://127.0.0.1:1', 'g', 'http://c', 'k', 'wh_2', 'whsec_registered_big', now())
"""


def deliver_all(web: Web, turn: str) -> Counter[tuple[bool, int]]:
    """Deliver with every secret at every path, 20 times; count the answers by whether secret and path go together."""
    secrets = [secret for own in OWN.values() for secret in own]

    def deliver(given: tuple[str, bytes, int]) -> tuple[bool, int]:
        path, secret, number = given
        body = completed(f"evt_{turn}_{secret.decode()}_{number}")
        return secret in OWN[path], web.deliver(body, path=path, secret=secret).status_code

    with ThreadPoolExecutor(40) as pool:  # what proves nothing waits up to a second for a reading
        return Counter(pool.map(deliver, itertools.product(OWN, secrets, range(20))))


def test_a_secret_of_one_account_proves_no_delivery_of_the_other_with_and_without_the_database(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment |= {
        "DATABASE_URL": receiver_database,
        "TRANSCRIBE_API_KEY__BIG_SHOW": "tsk_test_of_the_big_show",
        "TRANSCRIBE_WEBHOOK_SECRET__BIG_SHOW": "whsec_of_the_big_show",
    }
    processes.sql(REGISTER)
    expected = {(True, 200): 80, (False, 401): 80}
    first = processes.serve()
    assert deliver_all(first, "with") == expected
    first.end()
    second = processes.serve(DATABASE_URL=unreachable(receiver_database))
    assert deliver_all(second, "without") == expected
    second.end()
    third = processes.serve()
    counts = "select account, count(*) as events from receiver.events group by account order by account"
    both = [{"account": "big-show", "events": 80}, {"account": "default", "events": 80}]
    until(lambda: processes.sql(counts) == both, "what was spooled is stored as each account's")
    assert third.deliver(completed("evt_1"), path="/webhooks/transcribe-so/small-show").status_code == 404
    third.end()
    assert "whsec_" not in first.log + second.log + third.log
