"""The table and the picture of the benchmarks."""

import json
from xml.etree import ElementTree as ET

from tests.benchmarks import figures, machine, plot
from tests.benchmarks.figures import MET, MISSED, Line, Target

FAST = Line("answers/s", "/s", (200.0, 300.0, 900.0), "bare", (100.0, 100.0, 300.0), Target(2.5), 0.25)
SLOW = Line("time to answer", "ms", (4.0, 8.0), "bare", (1.0, 1.0), Target(3, at_least=False))
ALONE = Line("start", "s", (1.4,), target=Target(1.5, at_least=False))
ABSENT = Line("answers/s", "/s", (200.0,), "webhook", target=Target(0.8), note="not measured")
LINES = (FAST, SLOW, ALONE, ABSENT)


def test_neighbours_in_time_are_compared_and_the_median_of_their_ratios_is_judged() -> None:
    assert FAST.ratios == [2.0, 3.0, 3.0]
    assert [line.judged for line in LINES] == [3.0, 6.0, 1.4, None]
    assert [line.verdict for line in LINES] == [MET, MISSED, MET, ""]


def test_one_known_figure_stands_beside_every_round() -> None:
    assert Line("jobs/s", "/s", (200.0, 400.0), "before", (100.0,)).ratios == [2.0, 4.0]


def test_the_table_has_a_row_for_each_comparison_and_says_what_was_not_measured() -> None:
    head, _, *rows = figures.table(LINES).splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == list(figures.HEAD)
    assert len({len(row) for row in rows}) == 1
    fast, _, alone, absent = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)
    assert fast == ["answers/s", "bare", "3.00", "2.00 to 3.00", "≥ 2.5", MET, "300 /s", "100 /s", "25%"]
    assert alone[2:] == ["-", "-", "≤ 1.5", MET, "1.40 s", "-", "0%"]
    assert absent[:3] == ["answers/s (not measured)", "webhook", "-"]


def test_the_figures_of_each_round_are_in_the_json() -> None:
    assert json.loads(json.dumps(FAST.to_json()))["ours"] == [200.0, 300.0, 900.0]


def test_the_picture_is_svg_with_a_dot_for_each_ratio() -> None:
    drawn = ET.fromstring(plot.picture(LINES, machine.words()))  # noqa: S314 - our own
    assert len(drawn.findall("{*}circle")) == 2
