"""What the code of others may raise."""


class AnswersNothing:
    """To be put before an exception: it can be asked for nothing; not its text, its class, nor whether it is true."""

    def __str__(self) -> str:
        raise SystemExit(5)

    def __getattribute__(self, name: str) -> object:
        raise SystemExit(6)

    def __bool__(self) -> bool:
        raise SystemExit(7)

    def __eq__(self, other: object) -> bool:
        raise SystemExit(8)

    __hash__ = None  # type: ignore[assignment]
