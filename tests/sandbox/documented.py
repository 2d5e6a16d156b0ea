"""Hold an answer of the sandbox against the example in a provider's documentation."""


def differences(example: object, answer: object, place: str = "") -> list[str]:
    """Return where the answer lacks a field of the example, or has it with another type.

    A whole number may stand where the example has a fraction, not the other way round; each item of a list is held
    against the example's first.
    """
    match example, answer:
        case dict(), dict():
            lacking = [f"{place}.{key}: missing" for key in example.keys() - answer.keys()]
            shared = example.keys() & answer.keys()
            return sorted(lacking) + [
                d for key in shared for d in differences(example[key], answer[key], f"{place}.{key}")
            ]
        case list(), list():
            if not example:
                return []
            empty = [] if answer else [f"{place}: empty"]
            return empty + [
                d for at, item in enumerate(answer) for d in differences(example[0], item, f"{place}[{at}]")
            ]
        case float(), int() if not isinstance(answer, bool):
            return []
        case _:
            same = type(example) is type(answer)
            return [] if same else [f"{place}: {type(answer).__name__} instead of {type(example).__name__}"]
