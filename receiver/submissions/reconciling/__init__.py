"""Notice what was never announced to us: compare the provider's list with our events.

ends          what an item of the list means, and the id of the event that is made of it. Pure
records       the accounts, and what the list said last of each transcription
comparing     one comparison of one account
looking_up    what refused deliveries have announced
reconciler    all accounts, again and again, each in one process of the fleet at a time
asked         the same, when a person asks for it, also of before our beginning
feed          whether webhooks come, and how many ends they have announced

The events go the same way as all others, with `origin = reconciled`. A webhook that comes late after all is stored
beside its event and runs nothing (`inbox.unannounced`).
"""
