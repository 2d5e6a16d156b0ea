"""Ready-made handlers. Each is there as soon as its setting is, whatever `RECEIVER_HANDLERS` says.

They use the same API as yours.
"""
