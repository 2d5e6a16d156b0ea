"""`tests.sandbox.documented`: what an answer lacks is found."""

import pytest

from tests.sandbox.documented import differences


@pytest.mark.parametrize(
    ("example", "answer", "found"),
    [
        ({"a": 1}, {"a": 2, "b": 3}, []),
        ({"a": 1}, {}, [".a: missing"]),
        ({"a": 1}, {"a": 1.5}, [".a: float instead of int"]),
        ({"a": 1.5}, {"a": 1}, []),
        ({"a": 1.5}, {"a": True}, [".a: bool instead of float"]),
        ({"a": "x"}, {"a": None}, [".a: NoneType instead of str"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {}]}, [".a[1].b: missing"]),
        ({"a": ["x"]}, {"a": []}, [".a: empty"]),
        ({"a": []}, {"a": [1]}, []),
    ],
)
def test_a_difference_is_found(example: object, answer: object, found: list[str]) -> None:
    assert differences(example, answer) == found
