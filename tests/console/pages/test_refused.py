"""The page of refused deliveries: why each was, as the doctor says it, and the bytes as they came."""

import time

from receiver import signature
from receiver.database import Pool
from tests.console.asked import API_URL, Asked, Person


async def keep(db: Pool, body: bytes, *, place: int = 0, secret: bytes = b"whsec_other") -> None:
    header = signature.sign(body, secret=secret, at=int(time.time()))
    await db.execute(
        "insert into receiver.refused (place, at, source, api_url, account, reason, client, head, body)"
        " values ($1, now(), 'transcribe.so', $2, 'default', 'mismatch', '203.0.113.9', $3, $4)",
        place, API_URL, f"X-Transcribe-Signature: {header}\r\n".encode(), body,
    )  # fmt: skip


async def test_each_has_the_doctors_word(receiver_database: str, db: Pool) -> None:
    asked = Asked(receiver_database, TRANSCRIBE_WEBHOOK_SECRET="whsec_ours")
    await keep(db, b'{"id": "evt_1"}\r\n<img src=x onerror=alert(1)>\x00\xff')
    await keep(db, b'{"id": "evt_2"}', place=1, secret=b" whsec_ours")
    page = await (await asked.operator()).page("/refused")
    assert "203.0.113.9 to default" in page.text
    assert "unknown" in page.text
    assert "written_secret" in page.text
    assert r"<img src=x onerror=alert(1)>\x00\xff" in page.text
    assert "img" not in {tag for tag, _ in page.elements}
    assert "whsec_ours" not in page.text
    await asked.close()


async def test_none_is_said(operator: Person) -> None:
    assert "None was refused" in (await operator.page("/refused")).text
