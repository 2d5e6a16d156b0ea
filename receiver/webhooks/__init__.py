"""What proves a delivery: the webhook of each key, the callbacks of single transcriptions, and their secrets.

registrar ──▶ registration ──secret──▶ the database ──▶ secrets ──▶ keyring: the secrets that verify now
                                          │                └──▶ remembered: a file, for a start without the database
callbacks ──secret of a transcription─────┘
doubts        authentic deliveries that were refused for their time, to be looked up at the provider
outcome       what became of a registration
sending       a delivery of our own, to try a receiver
rotation      how much a secret is used, and when it can be retired
"""
