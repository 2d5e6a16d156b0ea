"""People who have the console open: `python -m tests.benchmarks.readers URL TOKEN PEOPLE`.

Each has signed in and looks at one page. When the console says that something has changed, their page asks for itself
again, as in a browser. It prints a line once all of them look, and goes on until it is ended.
"""

import asyncio
import sys

import httpx

SECONDS = 60.0
PAGES = ("/", "/events", "/dead", "/submissions")


async def main(url: str, token: str, people: int) -> None:
    """Let so many people look."""
    looking = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(read(url, token, PAGES[one % len(PAGES)], looking)) for one in range(people)]
    for _ in range(people):
        await looking.acquire()
    sys.stdout.write("reading\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


async def read(url: str, token: str, page: str, looking: asyncio.Semaphore) -> None:
    """Look at a page, and again after each change."""
    async with httpx.AsyncClient(base_url=url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=SECONDS) as http:
        assert (await http.post("/sign-in", data={"token": token})).is_redirect
        await ask(http, page)
        looking.release()
        while True:
            async with http.stream("GET", "/changes") as changes:
                async for line in changes.aiter_lines():
                    if line == "event: changed":
                        await ask(http, page)


async def ask(http: httpx.AsyncClient, page: str) -> None:
    answer = await http.get(page)
    assert answer.is_success, f"{page} answers {answer.status_code}"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
