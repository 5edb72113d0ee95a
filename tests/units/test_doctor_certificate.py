"""The hub's certificate and its key, each as an operator may have left them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from broker.health import Severity
from broker.health.certificate import certificate, key_is_private

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def issued(folder: Path, ends: timedelta, authority: trustme.CA | None = None) -> tuple[Path, Path]:
    """A certificate that ends that long after NOW, and its key."""
    leaf = (authority or trustme.CA()).issue_cert(
        "hub.northbury.example", not_before=NOW - timedelta(days=400), not_after=NOW + ends
    )
    folder.mkdir(parents=True, exist_ok=True)
    path, key = folder / "hub.pem", folder / "hub.key"
    path.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    key.chmod(0o600)
    return path, key


@pytest.mark.parametrize(
    ("ends", "severity"),
    [
        (timedelta(days=90), Severity.OK),
        (timedelta(days=30), Severity.OK),
        (timedelta(days=29), Severity.WARNING),
        (timedelta(seconds=1), Severity.WARNING),
        (timedelta(), Severity.PROBLEM),
        (timedelta(days=-1), Severity.PROBLEM),
    ],
)
def test_a_certificate_that_ends_soon_is_a_warning_and_one_that_ended_a_problem(
    tmp_path: Path, ends: timedelta, severity: Severity
) -> None:
    path, key = issued(tmp_path, ends)

    in_date, belongs = certificate(path, key, NOW)

    assert (in_date.severity, belongs.severity) == (severity, Severity.OK)


def test_a_certificate_of_tomorrow_is_a_problem(tmp_path: Path) -> None:
    path, key = issued(tmp_path, timedelta(days=90))

    found = certificate(path, key, NOW - timedelta(days=401))

    assert found[0].severity is Severity.PROBLEM


def test_an_intermediate_that_ended_is_a_problem(tmp_path: Path) -> None:
    path, key = issued(tmp_path, timedelta(days=90))
    old, _ = issued(tmp_path / "old", timedelta(days=-1))
    path.write_bytes(path.read_bytes() + old.read_bytes())

    found = certificate(path, key, NOW)

    assert found[0].severity is Severity.PROBLEM


def test_the_key_of_another_certificate_is_a_problem(tmp_path: Path) -> None:
    path, _ = issued(tmp_path, timedelta(days=90))
    _, other = issued(tmp_path / "other", timedelta(days=90))

    found = certificate(path, other, NOW)

    assert [each.severity for each in found] == [Severity.OK, Severity.PROBLEM]


def test_a_key_with_a_password_is_a_problem_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    path, key = issued(tmp_path, timedelta(days=90))
    private = load_pem_private_key(key.read_bytes(), password=None)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"bridge and alder"))
    key.write_bytes(locked)

    found = certificate(path, key, NOW)

    assert (found[1].severity, "has a password" in found[1].what) == (Severity.PROBLEM, True)


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_a_problem(tmp_path: Path, text: str) -> None:
    path, key = issued(tmp_path, timedelta(days=90))
    path.write_text(text)

    found = certificate(path, key, NOW)

    assert [each.severity for each in found] == [Severity.PROBLEM]


def test_what_is_no_key_is_a_problem(tmp_path: Path) -> None:
    path, key = issued(tmp_path, timedelta(days=90))
    key.write_text("the key is at the front desk\n")

    found = certificate(path, key, NOW)

    assert [each.severity for each in found] == [Severity.OK, Severity.PROBLEM]


@pytest.mark.parametrize(
    ("bits", "severities"),
    [
        (0o600, []),
        (0o400, []),
        (0o640, [Severity.WARNING]),
        (0o660, [Severity.PROBLEM]),
        (0o604, [Severity.PROBLEM]),
        (0o644, [Severity.PROBLEM]),
    ],
)
def test_a_key_that_others_may_read_is_a_problem(tmp_path: Path, bits: int, severities: list[Severity]) -> None:
    key = tmp_path / "hub.key"
    key.touch()
    key.chmod(bits)

    found = key_is_private(key)

    assert [each.severity for each in found] == severities
