"""What Tellwise stands on: Python, SQLite, the cryptography, the policies, and no core dumps."""

import os
import tomllib

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from broker.errors import EngineUnsafe
from broker.health import Severity
from broker.health.machine import (
    PYTHON_AFTER_LAST,
    PYTHON_FIRST,
    core_dumps,
    policies,
    python,
    sealing,
    sqlite,
)
from broker.sealing.hpke import PublicKey
from policies import Bundle
from policies.bundle import BundleRefused
from tests.house.tree import ROOT


def test_the_pythons_are_those_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    first, after_last = (".".join(map(str, version)) for version in (PYTHON_FIRST, PYTHON_AFTER_LAST))
    assert project["requires-python"] == f">={first},<{after_last}"


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        ((3, 10, 14), Severity.PROBLEM),
        ((3, 11, 0), Severity.OK),
        ((3, 13, 9), Severity.OK),
        ((3, 14, 0), Severity.PROBLEM),
        ((4, 0, 0), Severity.PROBLEM),
    ],
)
def test_a_python_that_nobody_tested_is_a_problem(version: tuple[int, ...], severity: Severity) -> None:
    (found,) = python(version)

    assert found.severity is severity


def test_an_sqlite_that_loses_what_was_committed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    safe = sqlite()
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.51.2")

    with pytest.raises(EngineUnsafe):
        sqlite()
    assert [each.severity for each in safe] == [Severity.OK]


def test_a_key_is_really_sealed_and_opened() -> None:
    (found,) = sealing(os.urandom)

    assert found.severity is Severity.OK
    assert found.what.endswith("a key was sealed and opened")


def test_an_openssl_without_the_post_quantum_half_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_given: object) -> None:
        raise UnsupportedAlgorithm("ML-KEM is not supported")

    monkeypatch.setattr(PublicKey, "seal", unsupported)

    (found,) = sealing(os.urandom)

    assert found.severity is Severity.PROBLEM


def test_the_digest_of_the_policies_is_told() -> None:
    (found,) = policies()

    assert (found.severity, Bundle.load().digest in found.what) == (Severity.OK, True)


def test_policies_that_are_refused_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Bundle:
        raise BundleRefused(["there is no guard"])

    monkeypatch.setattr(Bundle, "load", refused)

    (found,) = policies()

    assert (found.severity, found.what) == (Severity.PROBLEM, "policies refused: there is no guard")


@pytest.mark.parametrize(("bytes_max", "severity"), [(0, Severity.OK), (1, Severity.WARNING), (-1, Severity.WARNING)])
def test_core_dumps_are_a_warning(bytes_max: int, severity: Severity) -> None:
    (found,) = core_dumps(bytes_max)

    assert found.severity is severity
