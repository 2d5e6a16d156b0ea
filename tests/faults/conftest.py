"""What the long forms say together."""

import pytest

from tests.secrecy import Secrecy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much has been searched for secrets; a hit has failed its test."""
    texts, characters = Secrecy.searched["texts"], Secrecy.searched["characters"]
    terminalreporter.write_line(f"searched for secrets: {texts} logs, answers and outputs, {characters / 1e6:.1f} MB")
