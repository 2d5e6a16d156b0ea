"""What a person has handed in to be submitted, before anything is paid. It lies on this machine's disk.

    RECEIVER_ARTIFACTS_DIR/drafts/ID/draft.json    what is asked for, and what became of it
    RECEIVER_ARTIFACTS_DIR/drafts/ID/NUMBER/NAME   a file

    arriving ──▶ kept: a draft ──▶ handing: prices ──▶ submit ──▶ submissions: the files are gone
       └─ broken off, refused: nothing is left

offered      what can be asked for, and a draft of what a form says
draft        what was handed in, and where its form has mistakes
arriving     files on their way to the disk
kept         the drafts of this machine
handing      their prices, and their way to the workers

Submitting a draft is done once, however often it is asked for, also after a crash: what is asked for is the key, or,
where a new submission is wanted although there is one, the draft is.
"""

from receiver.submissions.drafts.arriving import MOST_FILES, Arriving
from receiver.submissions.drafts.draft import FILES, OPTION, URL, Draft, Handed
from receiver.submissions.drafts.kept import Drafts
from receiver.submissions.drafts.offered import Offer, offered

__all__ = ["FILES", "MOST_FILES", "OPTION", "URL", "Arriving", "Draft", "Drafts", "Handed", "Offer", "offered"]
