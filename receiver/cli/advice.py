"""The options that help, for errors of rooms that know no command line.

An error's message says in plain words what helps. Its code finds those words here, and the option that means the same.
"""

from receiver.errors import ImpossibleError, ReceiverError

OPTIONS = {
    "above_ceiling": ("the ceiling of $", "--max-charge "),
    "asked_otherwise": ("a key of your own", "your own --idempotency-key"),
    "callback": ("a callback", "--callback"),
    "in_use": ("insist on it", "pass --yes"),
    "length_known": ("give no other", "leave --duration out"),
    "length_unknown": ("give it", "pass --duration SECONDS"),
    "no_address": ("give its address", "pass --url"),
    "no_answer": ("give another address", "pass --url"),
    "under_way": ("pay for another one", "pay for another one with --again"),
}


def in_options(error: ReceiverError) -> str:
    """Return an error's message, with the option that helps instead of the plain words."""
    message = str(error)
    if not isinstance(error, ImpossibleError) or error.code not in OPTIONS:
        return message
    plain, option = OPTIONS[error.code]
    before, _, after = message.rpartition(plain)  # the last place: a recording's name can contain these words too
    return f"{before}{option}{after}"
