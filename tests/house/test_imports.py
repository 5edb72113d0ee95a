"""Each room imports those to its right only; the contracts stand in pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.tree import ROOMS, ROOT

LINT = (
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))",
)

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(LINT, cwd=folder, capture_output=True, text=True, check=False)


def test_each_room_imports_only_those_to_its_right() -> None:
    linted = lint(ROOT)

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_contracts_notice_a_room_that_looks_left(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    inner = ["broker/cli", "broker/client", "broker/lifecycle", "broker/listening", "broker/state", "broker/transport"]
    for package in [*ROOMS, "agency_adapters/csv_drop", "agency_adapters/jsonl", *inner]:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    clean = lint(tmp_path)
    one_line_for_each_contract = {
        "agency_adapters/jsonl/__init__.py": "import agency_adapters.csv_drop",
        "schemas/__init__.py": "import policies",
        "policies/__init__.py": "import cryptography",
        "broker/__init__.py": "import tests",
        "broker/lifecycle/__init__.py": "import broker.transport",
        "broker/client/__init__.py": "import broker.state",
    }
    for path, line in one_line_for_each_contract.items():
        (tmp_path / path).write_text(line + "\n")

    linted = lint(tmp_path)

    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert linted.returncode != 0
    assert linted.stdout.count("BROKEN") == len(CONTRACTS), linted.stdout
