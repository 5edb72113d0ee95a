"""The project's own files, as the house tests read them: all that git tracks or would track."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ROOMS = ("agency_adapters", "broker", "policies", "schemas")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked, or new and not ignored, relative to the root and in order."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(path for path in map(Path, set(listed.split("\0")) - {""}) if (ROOT / path).is_file()))


def files_in_rooms(*suffixes: str) -> tuple[Path, ...]:
    """The files of the four rooms, those with one of *suffixes* if any is given."""
    return tuple(path for path in files() if path.parts[0] in ROOMS and (not suffixes or path.suffix in suffixes))


def text(path: Path) -> str | None:
    """What stands in *path*, relative to the root; None if it is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
