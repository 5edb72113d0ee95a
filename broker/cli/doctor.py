"""`tellwise doctor`: whether the program, the machine, the settings and the folders are as they must be."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.ending import carefully

if TYPE_CHECKING:
    from broker.health import Finding


def doctor(
    config: Annotated[
        Path | None, typer.Option(help="A hub's or a desk's settings. Without it: the program and the machine alone.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
) -> None:
    """Look at everything that must be right, and change nothing. A desk's hub is asked what time it has.

    Exit code 0: no problem. 1: a problem was found, and its next step is named. 2: it could not be looked.
    """
    if say_findings(carefully(lambda: _looked(config)), as_json=as_json):
        raise typer.Exit(1)


def say_findings(findings: "Sequence[Finding]", *, as_json: bool) -> bool:
    """Tell what checks found. Returns whether there is a problem."""
    from broker.health import Severity

    problems = sum(each.severity is Severity.PROBLEM for each in findings)
    warnings = sum(each.severity is Severity.WARNING for each in findings)
    if as_json:
        listed = [
            {"severity": each.severity, "what": each.what, "next_step": each.next_step or None} for each in findings
        ]
        print(json.dumps({"findings": listed, "problems": problems, "warnings": warnings}))
    else:
        _say(findings, problems, warnings)
    return problems > 0


def _looked(config: Path | None) -> "list[Finding]":
    from broker.clock import SystemClock
    from broker.health import examine
    from broker.sealing.entropy import system_entropy

    return examine(config, SystemClock(), system_entropy)


def _say(findings: "Sequence[Finding]", problems: int, warnings: int) -> None:
    from broker.cli.telling import bold
    from broker.health import Severity

    worst_last = list(Severity)
    for each in sorted(findings, key=lambda each: worst_last.index(each.severity)):
        line = _printable(f"{each.severity:<8} {each.what}")
        print(bold(line) if each.severity is Severity.PROBLEM else line)
        if each.next_step:
            print(_printable(f"         {each.next_step}"))
    print(bold(f"{problems} problems, {warnings} warnings"))


def _printable(line: str) -> str:
    # The names of files and distributions are anybody's, and could hold what a terminal obeys.
    return "".join(character if character.isprintable() else "?" for character in line)
