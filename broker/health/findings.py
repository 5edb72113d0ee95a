"""What a check found, and what to do about it. Names files, settings and counts; never what stands in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from broker.errors import TellwiseError


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works today, and somebody should look."""
    PROBLEM = "problem"
    """It does not work, will not start, or keeps a promise no longer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of a check."""

    severity: Severity
    what: str
    """One line, without a full stop."""
    next_step: str = ""
    """What whoever reads it can do, in one sentence; empty if all is well."""


def ok(what: str) -> Finding:
    """All is well."""
    return Finding(Severity.OK, what)


def warning(what: str, next_step: str) -> Finding:
    """It works, and somebody should look."""
    return Finding(Severity.WARNING, what, next_step)


def problem(what: str, next_step: str) -> Finding:
    """Something must be done."""
    return Finding(Severity.PROBLEM, what, next_step)


def looked(check: Callable[[], Sequence[Finding]]) -> list[Finding]:
    """What a check finds; if it cannot look, that is a problem too."""
    try:
        return list(check())
    except TellwiseError as error:
        return [problem(str(error), error.next_step)]
    except OSError as error:
        where = f" at `{error.filename}`" if error.filename is not None else ""
        why = (error.strerror or "the machine refuses").lower()
        return [problem(f"cannot look{where}: {why}", "Run this as the user that Tellwise runs as.")]
