"""The environment of `up --sandbox`: it uses a simulated provider, and no real one."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.events import DEFAULT_ACCOUNT
from receiver.settings import Settings, environment, inherited
from receiver.settings.accounts import (
    FISHAUDIO,
    KEY,
    THUNDERSCRIBE,
    TIMBR,
    TIMBR_AUDIO,
    TRANSCRIBE,
    URL,
    Variables,
    variable,
)

SANDBOX_KEY = "tsk_test_sandbox"
# Where the sandbox simulates each source. It accepts this key everywhere.
SIMULATED: Mapping[Variables, str] = {
    TRANSCRIBE: "",
    THUNDERSCRIBE: "/thunderscribe",
    TIMBR: "/timbr",
    TIMBR_AUDIO: "/timbr-audio",
    FISHAUDIO: "/fishaudio",
}
SECOND_ACCOUNT = "second"


def of_a_sandbox(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a simulated provider needs: for its log, but no database, key or secret."""
    needed = (environment.READ, "RECEIVER_LOG", "RECEIVER_LOG_LEVEL", *inherited.CERTIFICATES)
    return inherited.plain(variables) | {name: variables[name] for name in needed if name in variables}


@dataclass(frozen=True, slots=True)
class Simulation:
    """An environment that uses a sandbox and no real provider.

    Attributes:
        settings: the variables that are set.
        gone: the variables that are removed.
        left_out: those of them that would have switched on ready-made handlers.
        everything: whether all that the sandbox simulates is used, and not only one account of transcribe.so.
    """

    settings: Mapping[str, str]
    gone: Sequence[str]
    left_out: Sequence[str] = ()
    everything: bool = False

    def export_line(self, configured: Settings, public_url: str, ours: Mapping[str, str]) -> str:
        """Return the `export` line for commands in another terminal. It overrides `.env` and the variables there."""
        variables = {**self.settings, "PUBLIC_URL": public_url, "PORT": str(configured.port)}
        variables |= {name: ours[name] for name in ("HOST", "RECEIVER_HANDLERS") if ours.get(name)}
        folders = {
            "RECEIVER_DATA_DIR": configured.data_dir, "RECEIVER_SPOOL_DIR": configured.spool_dir,
            "RECEIVER_ARTIFACTS_DIR": configured.artifacts_dir,
        }  # fmt: skip
        for name, folder in folders.items():
            if folder is not None and ours.get(name):
                variables[name] = str(folder)
        emptied = [f"{name}=" for name in self.gone if name not in variables]
        return " ".join(["export", *(f"{name}={shlex.quote(value)}" for name, value in variables.items()), *emptied])


def variables(sandbox_url: str) -> dict[str, str]:
    """Return the address and the key of each simulated provider, by their variables."""
    found = dict[str, str]()
    for source, path in SIMULATED.items():
        found[variable(source, URL, DEFAULT_ACCOUNT)] = f"{sandbox_url}{path}"
        found[variable(source, KEY, DEFAULT_ACCOUNT)] = SANDBOX_KEY
    return found


def simulate(sandbox_url: str, *, everything: bool = False) -> Simulation:
    """Remove every real provider, and the ready-made handlers of `.env`, from the environment, and set the sandbox.

    Otherwise a handler would use the real key, real deliveries would verify among the simulated ones, and with a
    `PUBLIC_URL` our web server would register once more.

    `everything`: whether transcribe.so has a second account, and samples go to every simulated provider.
    """
    # What `.env` switches on is meant for real transcripts: samples are not for the newsroom.
    left_out = [name for name in environment.from_file() if name.startswith(environment.READY)]
    gone = [*filter(environment.is_of_a_provider, os.environ), *left_out]
    gone = [name for name in sorted(gone) if os.environ.pop(name)]
    settings = variables(sandbox_url)
    if everything:
        settings[variable(TRANSCRIBE, KEY, SECOND_ACCOUNT)] = f"{SANDBOX_KEY}_{SECOND_ACCOUNT}"
    os.environ.update(settings)
    return Simulation(settings, gone, left_out, everything)
