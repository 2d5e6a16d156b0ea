"""Bars are as high as their values are large, and none is lost."""

from receiver.console.charts import HEIGHT, WIDTH, bars


def test_the_largest_is_as_high_as_the_chart() -> None:
    low, none, high = bars([50, 0, 100])
    assert (high.y, high.height) == (0, HEIGHT)
    assert (low.y, low.height) == (HEIGHT / 2, HEIGHT / 2)
    assert none.height == 0
    assert high.x + high.width <= WIDTH


def test_what_is_more_than_nothing_can_be_seen() -> None:
    assert bars([1, 1_000_000])[0].height == 1
    assert [bar.height for bar in bars([0, -1])] == [0, 0]
    assert bars([]) == []
