"""What proves a delivery: the one webhook of each key, the callbacks of single transcriptions, and their secrets.

registrar ──▶ registration ──secret──▶ the database ──▶ secrets ──▶ keyring: what verifies now
                                          │                └──▶ remembered, for a start without the database
callbacks ──secret of a transcription─────┘
rotation      how long a secret has been used, and when it can go
"""
