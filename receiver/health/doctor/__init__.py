"""Say why a captured request does not prove itself. Its sender never hears it: each refusal has the same answer.

capture      reads a request as it was captured: header lines, an empty line, the body. Pure
suspects     gathers the secrets that can have signed it, from the settings and the database
diagnosis    compares the two, and names the cause. Pure
last         the same for the deliveries that were refused last
  ▶ variants   what others make of a secret, of what is signed, or of a body. Pure
"""

from receiver.health.doctor.capture import Captured, captured
from receiver.health.doctor.diagnosis import Candidate, Cause, Diagnosis, examine
from receiver.health.doctor.last import Refused, of_last, past
from receiver.health.doctor.suspects import gather

__all__ = ["Candidate", "Captured", "Cause", "Diagnosis", "Refused", "captured", "examine", "gather", "of_last", "past"]
