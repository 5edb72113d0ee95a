"""Whether the program that runs is the one that was installed: its files against the wheel's RECORD.

The four rooms are flat top-level packages, so another distribution can overwrite a package called `schemas`, or stand
before it. A policy file too many would be a ground too many. Source of the format:
https://packaging.python.org/en/latest/specifications/recording-installed-packages/

LIMIT: this finds accidents and strangers' files. Whoever may write here may write RECORD, bytecode and this file too.
"""

import csv
import hashlib
import importlib.machinery
import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from broker.errors import InstallationAltered
from broker.health.findings import Finding, Severity, ok, problem, warning
from broker.health.machine import refuse_unsafe_sqlite
from schemas.strict import NotStrict, b64u_encode, json_decode

DISTRIBUTION = "tellwise"
ROOMS = ("schemas", "policies", "broker", "agency_adapters")

_READ_BY_US = (*importlib.machinery.all_suffixes(), ".cedar")
"""What would be imported, or read as a policy, merely because it is there."""
_NAMED_MOST = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of RECORD."""

    path: str
    """Relative to the folder of the packages, with slashes."""
    digest: str
    """`sha256=` and base64url without padding; empty for what is written after the installation."""
    size: str
    """Bytes, in decimal; may be empty."""

    @property
    def may_be_without_digest(self) -> bool:
        """RECORD cannot hold its own, and bytecode is made on the machine."""
        return self.path.endswith(".dist-info/RECORD") or "/__pycache__/" in self.path


def check_installation() -> None:
    """Refuse to go on with a program that is not the one that was installed. A service calls this as it starts.

    Takes some hundredths of a second. An installation in place, from a clone, is not compared.

    Raises:
        InstallationAltered: a file differs, is missing or is too many; or a package comes from elsewhere.
        EngineUnsafe: this SQLite loses committed data.
    """
    refuse_unsafe_sqlite()
    for found in _program(_installed()):
        if found.severity is Severity.PROBLEM:
            raise InstallationAltered(found.what)


def installation(everybody: Iterable[Distribution]) -> list[Finding]:
    """What `check_installation` refuses, and what else is odd about the installation.

    Args:
        everybody: All distributions that are installed.

    Raises:
        InstallationAltered: there is nothing to compare with.
    """
    return [*_program(_installed()), *claims(everybody)]


def _installed() -> Distribution:
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise InstallationAltered(f"no distribution `{DISTRIBUTION}` is installed here") from None


def _program(installed: Distribution) -> list[Finding]:
    rows = read_record(installed)
    clone = installed_in_place(installed)
    if clone is None or any(row.path.partition("/")[0] in ROOMS for row in rows):
        return [*compared(installed, rows), *surplus(installed, rows), *origins(_folder(installed))]
    strangers = [
        warning(found.what, "Leave that folder, or unset PYTHONPATH.")
        for found in origins(clone)
        if found.severity is Severity.PROBLEM
    ]
    return [ok(f"installed in place, from `{clone}`: files are not compared"), *strangers]


def read_record(installed: Distribution) -> list[Row]:
    """The lines of RECORD.

    `Distribution.files` is not used: from Python 3.12 on it leaves out what is missing.

    Raises:
        InstallationAltered: there is no RECORD, or it is damaged.
    """
    try:
        rows = list(csv.reader((installed.read_text("RECORD") or "").splitlines()))
    except (csv.Error, UnicodeDecodeError):
        raise InstallationAltered("RECORD is damaged") from None
    if not rows:
        raise InstallationAltered(f"`{DISTRIBUTION}` was installed without a RECORD, so nothing can be compared")
    if any(len(fields) != 3 for fields in rows):
        raise InstallationAltered("RECORD is damaged")
    return [Row(*fields) for fields in rows]


def installed_in_place(installed: Distribution) -> Path | None:
    """The clone that an editable installation runs from; None if files were installed.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        told = json_decode(installed.read_text("direct_url.json") or "{}")
        is_editable = told["dir_info"]["editable"] is True
        return Path(url2pathname(urlsplit(told["url"]).path)) if is_editable else None
    except (NotStrict, KeyError, TypeError, AttributeError, ValueError):
        return None


def compared(installed: Distribution, rows: Sequence[Row]) -> list[Finding]:
    """Whether every file that RECORD lists is there, with that digest and size."""
    altered = [row.path for row in rows if not _is_as_listed(Path(str(installed.locate_file(row.path))), row)]
    listed = {row.path for row in rows if row.digest}
    altered += [path for room in ROOMS if (path := f"{room}/__init__.py") not in listed]
    if altered:
        return [_altered(f"{len(altered)} installed files are not those of the wheel: {_named(altered)}")]
    return [ok(f"{DISTRIBUTION} {installed.version}: {len(rows)} installed files are those of the wheel")]


def _is_as_listed(path: Path, row: Row) -> bool:
    if not row.digest:
        return row.may_be_without_digest
    try:
        data = path.read_bytes()
    except (OSError, ValueError):  # the latter if it cannot be the name of a file
        return False
    # Another algorithm than sha256 is none that we or any installer of today writes: it does not match either.
    is_same = row.digest == "sha256=" + b64u_encode(hashlib.sha256(data).digest())
    return is_same and row.size in ("", str(len(data)))


def surplus(installed: Distribution, rows: Sequence[Row]) -> list[Finding]:
    """Whether our packages hold files that RECORD does not list.

    One that would be read merely because it is there, a module or a policy, is as bad as one that was changed.
    """
    listed = {row.path for row in rows}
    extra = sorted(path for room in ROOMS for path in _files_below(_folder(installed), room) if path not in listed)
    read = [path for path in extra if path.endswith(_READ_BY_US) or path.endswith("/")]
    idle = [path for path in extra if path not in read]
    found = []
    if read:
        found.append(_altered(f"{len(read)} files that the wheel does not have would be read: {_named(read)}"))
    if idle:
        what = f"{len(idle)} files lie among ours that the wheel does not have: {_named(idle)}"
        found.append(warning(what, "Find out who put them there, and remove them."))
    return found


def _files_below(folder: Path, room: str) -> Iterator[str]:
    """Files of a room relative to *folder*, without bytecode caches; a linked folder is named with a slash."""
    for at, folders, files in os.walk(folder / room):
        here = Path(at).relative_to(folder).as_posix()
        yield from (f"{here}/{name}" for name in files)
        yield from (f"{here}/{name}/" for name in folders if Path(at, name).is_symlink())
        folders[:] = [name for name in folders if name != "__pycache__"]


def origins(folder: Path) -> list[Finding]:
    """Whether the four packages are those in *folder*, and not others that stand before them on Python's path."""
    strangers = []
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        origin = None if spec is None else spec.origin
        if origin is None or Path(origin).resolve() != (folder / room / "__init__.py").resolve():
            strangers.append(f"`{room}` from `{origin or 'nowhere'}`")
    if strangers:
        return [_altered(f"packages are not imported from `{folder}`: {', '.join(strangers)}")]
    return [ok(f"packages are imported from `{folder}`")]


def claims(everybody: Iterable[Distribution]) -> list[Finding]:
    """Whether any other distribution says that files in our packages are its own, or another of our name is there."""
    ours = tuple(f"{room}{end}" for room in ROOMS for end in ("/", ".py,"))
    claiming, places = set(), set()
    for each in everybody:
        name = each.metadata["Name"] if each.metadata and "Name" in each.metadata else "without a name"
        try:
            lines = (each.read_text("RECORD") or "").splitlines()
        except UnicodeDecodeError:
            lines = []  # it claims nothing that we can read; what it put into our packages is found as surplus
        if name.lower() == DISTRIBUTION:
            places.add(_folder(each).resolve())
        elif any(line.lstrip('"').startswith(ours) for line in lines):
            claiming.add(name)
    found = []
    if claiming:
        what = f"other distributions have files in our packages: {_named(sorted(claiming))}"
        found.append(problem(what, "Give Tellwise an environment of its own."))
    if len(places) > 1:
        what = f"`{DISTRIBUTION}` is installed {len(places)} times on this Python's path"
        found.append(warning(what, "Remove all but one."))
    return found or [ok("no other distribution has files in our packages")]


def _folder(installed: Distribution) -> Path:
    return Path(str(installed.locate_file("")))


def _altered(what: str) -> Finding:
    return problem(what, InstallationAltered.next_step)


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED_MOST} more" if len(paths) > _NAMED_MOST else ""
    return ", ".join(f"`{path}`" for path in paths[:_NAMED_MOST]) + more
