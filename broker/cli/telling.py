"""How the command tells a person what happened: plain lines, colours only on a terminal."""

import sys
import textwrap

from broker.ledger.verify import Report

_WIDTH = 100


def bold(text: str) -> str:
    """Emphasised, where that can be seen."""
    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else text


def say(text: str = "", indent: int = 0) -> None:
    """One paragraph, wrapped, shown at once."""
    wrapped = textwrap.wrap(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2)) or [""]
    print("\n".join(wrapped), flush=True)


def say_report(report: Report) -> bool:
    """Tell what a verification found. Returns whether it found anything wrong."""
    for log, size in report.sizes.items():
        say(f"{log}: {size} entries", 2)
    say(
        f"{report.checkpoints} signed checkpoints, {report.kept} kept by desks, {report.disclosures} letters recorded",
        2,
    )
    for log, count in report.unsigned.items():
        say(f"{log}: the last {count} entries are not signed yet; their letters have not left", 2)
    if report.details_removed:
        say(f"{report.details_removed} details, the oldest, were not to be kept any longer and are gone", 2)
    for finding in report.findings:
        say(f"FOUND {finding.where}: {finding.what}", 2)
    say("not as it was signed" if report.findings else "all is as it was signed", 2)
    return bool(report.findings)
