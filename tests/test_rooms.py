"""The tree shows the architecture: how much lies on one level, how long things are, how far a file reaches."""

from statistics import mean

from tests import rooms

# A function over 40 lines has its reason here.
LONG = set[str]()


def test_one_look_takes_in_what_lies_on_one_level() -> None:
    assert len(rooms.entries()) <= 27
    assert len(rooms.modules_of_the_tests()) <= 20
    assert rooms.statements_without_a_room() == []


def test_a_room_names_in_its_docstring_what_lies_in_it() -> None:
    assert rooms.untold() == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert rooms.cycles(rooms.graph()) == []


def test_a_module_or_a_function_that_is_too_long_has_become_two() -> None:
    assert rooms.long_modules() == {}
    assert set(rooms.long_functions()) == LONG


def test_a_file_reaches_into_few_foreign_rooms() -> None:
    found = rooms.foreign_rooms()
    assert set(rooms.rooms()) >= {"web", "worker", "inbox", "database"}
    assert found["web/app.py"] >= {"webhooks", "health"}  # they are counted at all
    assert mean(map(len, found.values())) <= 1.4  # health and the console look at everything
