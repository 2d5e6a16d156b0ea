"""The scenario of each failpoint."""

from receiver.failpoints import Failpoint
from tests.faults.indexing import indexing
from tests.faults.noticing import noticing
from tests.faults.reconciled import reconciling
from tests.faults.scenarios import SCENARIOS as OF_DELIVERIES
from tests.faults.scenarios import Scenario
from tests.faults.stored import storing

SCENARIOS: dict[Failpoint, Scenario] = {
    **OF_DELIVERIES,
    Failpoint.BEFORE_STORED: storing,
    Failpoint.AFTER_STORED: storing,
    Failpoint.BEFORE_RECONCILED: reconciling,
    Failpoint.AFTER_RECONCILED: reconciling,
    Failpoint.AFTER_COMPARED: reconciling,
    Failpoint.BEFORE_INDEXED: indexing,
    Failpoint.BEFORE_NOTICED: noticing,
    Failpoint.AFTER_NOTICED: noticing,
}
