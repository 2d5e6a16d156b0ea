"""The pages, in the order in which people need them.

now        are we receiving, and what must be done
events     find events by a filter
  ▶ event  one event: its life, what came, and running its jobs again
dead       dead jobs by cause: replay many, or drop them
  ▶ replays  how far bulk replays are; cancel one, or let it go on
transcripts  all that was said, searched
transcript   one of them, with its recording
submissions  what the providers were asked for, files, and lost answers
submit     a recording: what is asked for, its price, and only then the submission
costs      what was charged, by day, account, pipeline, title or operation
refused    the last deliveries that were refused, with the doctor's word
settings   what is set and from where; accounts, webhooks, secrets, the test event
sign_in    by link or by token, and out again
files      style and scripts, and the stream of changes
"""
