"""All checks, in order: the program, the machine, and then what a file of settings names."""

import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from broker.errors import SettingsRefused
from broker.health.clocks import calendar
from broker.health.desk import desk
from broker.health.findings import Finding, looked, ok, problem
from broker.health.hub import hub
from broker.health.installation import installation
from broker.health.machine import core_bytes_max, core_dumps, policies, python, sealing, sqlite
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.settings import DeskSettings, HubSettings, load_settings


class _Whose(BaseModel):
    """Only as much of a file of settings as says whose it is."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    hub: Any = None
    desk: Any = None


def examine(config: Path | None, clock: Clock, entropy: Entropy) -> list[Finding]:
    """Look at everything, and change nothing.

    Args:
        config: A hub's or a desk's settings; None to look at the program and the machine alone.
        clock: The time.
        entropy: Makes a key that is sealed and opened once.

    Raises:
        SettingsRefused: the file cannot be read, or is neither a hub's nor a desk's.
    """
    is_hub = config is not None and _is_hub(config)
    found = looked(lambda: installation(distributions()))
    found += python(sys.version_info[:3])
    found += looked(sqlite)
    found += sealing(entropy)
    found += policies()
    found += core_dumps(core_bytes_max())
    found += calendar(clock.now())
    if config is not None:
        found += _of_hub(config, clock) if is_hub else _of_desk(config, clock)
    return found


def _is_hub(config: Path) -> bool:
    told = load_settings(config, _Whose).model_fields_set
    if len(told) != 1:
        raise SettingsRefused(f"`{config}` must have either `hub`, as a hub's settings, or `desk`, as a desk's")
    return "hub" in told


def _of_hub(config: Path, clock: Clock) -> list[Finding]:
    try:
        settings = load_settings(config, HubSettings)
    except SettingsRefused as refused:
        return [problem(str(refused), refused.next_step)]
    return [ok(f"`{config}`: settings of the hub `{settings.hub}`"), *hub(settings, config, clock.now())]


def _of_desk(config: Path, clock: Clock) -> list[Finding]:
    try:
        settings = load_settings(config, DeskSettings)
    except SettingsRefused as refused:
        return [problem(str(refused), refused.next_step)]
    return [ok(f"`{config}`: settings of the desk `{settings.desk}`"), *desk(settings, config, clock)]
