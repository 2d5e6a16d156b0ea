"""The handlers we ship: in a checkout the folder `handlers/` beside `receiver/`. In the wheel they lie here instead."""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "handlers")]
