"""Handlers with which commands are run in the process of the tests: RECEIVER_HANDLERS=tests.inbox.crm."""
