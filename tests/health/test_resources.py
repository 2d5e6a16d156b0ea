"""`receiver.health.resources`: a resource that runs short is shown before it is used up."""

import json
import subprocess
import sys

import pytest

SAID = """
import dataclasses, json, resource
from receiver.health import resources

resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
print(json.dumps([dataclasses.asdict(one) for one in resources.findings()]))
"""


@pytest.mark.parametrize(("limit", "holds"), [(1024, True), (60, False), (20, False)])
def test_few_free_descriptors_are_a_finding_that_does_not_hold(limit: int, *, holds: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SAID.format(limit=limit)], capture_output=True, text=True, check=True
    )  # fmt: skip
    descriptors, threads, _ = json.loads(ran.stdout)
    assert (descriptors["name"], descriptors["holds"]) == ("descriptors", holds)
    assert f"of {limit} are free" in descriptors["seen"] or holds
    assert (threads["name"], threads["holds"]) == ("threads", True)
