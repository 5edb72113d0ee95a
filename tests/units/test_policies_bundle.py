"""The policies in force: read as a whole, named by one digest, with the terms that each ground sets."""

import re
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from policies import Bundle, BundleRefused, Terms, UnknownGround
from policies.bundle import SCHEMA
from schemas import Retention, Urgency


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package's folder that can be spoilt, and that `load` reads."""
    copy = tmp_path / "policies"
    with as_file(files("policies")) as original:
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("policies.bundle.files", lambda _: copy)
    return copy


def test_the_policies_of_the_package_load() -> None:
    bundle = Bundle.load()

    assert len(bundle.grounds) == 131
    assert {"police.address_changed_in_force", "told.correction_issued"} < bundle.grounds.keys()
    assert bundle.slices.policies.keys() == bundle.grounds.keys() | bundle.guards.keys()
    assert "guard.standing" in bundle.guards
    assert bundle.policy_ids == tuple(sorted([*bundle.grounds, *bundle.guards]))
    assert Bundle.load() is bundle  # the same texts are checked once


@pytest.mark.parametrize(
    "name",
    [SCHEMA, "grounds/registration.cedar", "grounds/residence.cedar", "guards/ceilings.cedar", "guards/standing.cedar"],
)
def test_the_digest_changes_with_any_byte_and_any_name(package: Path, name: str) -> None:
    file, digests = package / name, {Bundle.load().digest}
    original = file.read_bytes()
    first_word = re.search(rb"\w", original)
    assert first_word is not None
    at = first_word.start()

    for changed in (
        original + b" ",
        original[:at] + b"w" + original[at + 1 :],
        original.replace(b"\n", b"\r\n"),
        original.removesuffix(b"\n"),
    ):
        file.write_bytes(changed)
        digests.add(Bundle.load().digest)
    if name != SCHEMA:
        file.unlink()
        file.with_name("renamed.cedar").write_bytes(original)
        digests.add(Bundle.load().digest)

    assert len(digests) == 5 + (name != SCHEMA)


def test_the_digest_changes_with_a_file_more_and_not_with_a_page(package: Path) -> None:
    before = Bundle.load().digest

    (package / "grounds" / "residence.md").write_text("rewritten")
    with_another_page = Bundle.load().digest
    (package / "grounds" / "empty.cedar").write_text("")
    with_another_file = Bundle.load().digest

    assert with_another_page == before
    assert with_another_file != before


def test_the_digest_is_that_of_the_texts_in_any_order() -> None:
    folder = files("policies")
    texts = {
        f"{room}/{entry.name}": entry.read_bytes().decode()
        for room in ("guards", "grounds")
        for entry in reversed(list(folder.joinpath(room).iterdir()))
        if entry.name.endswith(".cedar")
    }

    bundle = Bundle.from_texts(folder.joinpath(SCHEMA).read_bytes().decode(), texts)

    assert bundle.digest == Bundle.load().digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", bundle.digest)


@pytest.mark.parametrize("spoilt", [SCHEMA, "guards/standing.cedar"])
def test_a_file_that_is_no_text_is_refused(package: Path, spoilt: str) -> None:
    (package / spoilt).write_bytes(b"// caf\xe9\n")

    with pytest.raises(BundleRefused, match="no UTF-8"):
        Bundle.load()


def test_a_package_without_its_schema_is_refused(package: Path) -> None:
    (package / SCHEMA).unlink()

    with pytest.raises(BundleRefused, match="missing"):
        Bundle.load()


@pytest.mark.parametrize("lost", ["grounds", "guards"])
def test_a_package_without_its_grounds_or_guards_is_refused(package: Path, lost: str) -> None:
    shutil.rmtree(package / lost)

    with pytest.raises(BundleRefused, match=f"there is no {lost.removesuffix('s')}"):
        Bundle.load()


def test_a_policy_outside_the_two_folders_is_refused_and_not_overlooked(package: Path) -> None:
    (package / "grounds" / "residence.cedar").rename(package / "draft.cedar")

    with pytest.raises(BundleRefused, match="not in the package itself"):
        Bundle.load()


def test_the_terms_of_several_grounds_are_those_of_all_and_the_most_urgent() -> None:
    bundle = Bundle.load()

    terms = bundle.terms(["police.address_changed_in_force", "probation.address_changed", "probation.address_changed"])

    assert terms == Terms(
        reasons=(
            "Police must know of a registered person who moves into their force area or within it",
            "Probation supervises this person and must know where they live and with whom",
        ),
        basis=(
            "Criminal Justice Act 2003 s.325(3)-(4)",
            "Data Protection Act 2018 Part 3",
            "Offender Management Act 2007 s.14",
            "Sexual Offences Act 2003 ss.83 to 86",
        ),
        sources=(
            "Lancashire Area Responsible Authority, annual report 2002-3, section 3",
            "Lancashire Area Responsible Authority, annual report 2002-3, section 5",
            "study, rule r04",
            "study, rule r07",
        ),
        urgency=Urgency.URGENT,
        retention=(Retention.CASE, Retention.POLICE),
    )


@pytest.mark.parametrize(
    ("policy_id", "urgency", "retention"),
    [
        ("probation.address_changed", Urgency.PRIORITY, Retention.CASE),
        ("children.address_changed_in_area", Urgency.PRIORITY, Retention.AREA),
        ("children.address_changed_out_of_area", Urgency.ROUTINE, Retention.SHORT),
        ("police.address_changed_in_force", Urgency.URGENT, Retention.POLICE),
        ("children.resides_in_area", Urgency.PRIORITY, Retention.AREA),
        ("police.resides_in_force", Urgency.PRIORITY, Retention.POLICE),
        ("police.hospital_absent", Urgency.FLASH, Retention.POLICE),
        ("health.licence_set", Urgency.PRIORITY, Retention.HEALTH),
        ("attendees.minutes_issued", Urgency.PRIORITY, Retention.MINUTES),
        ("police.registered_in_force", Urgency.RECORD, Retention.POLICE),
    ],
)
def test_each_ground_has_the_terms_of_its_rule(policy_id: str, urgency: Urgency, retention: Retention) -> None:
    terms = Bundle.load().terms([policy_id])

    assert (terms.urgency, terms.retention) == (urgency, (retention,))


def test_a_guard_says_on_which_law_it_stands_where_there_is_one() -> None:
    guards = Bundle.load().guards

    assert guards["guard.standing"].basis == ("Criminal Justice Act 2003 s.325(5)",)
    assert guards["guard.ceiling.vehicle"].basis == ()
    assert guards["guard.ceiling.digital"].sources == ("study, ceilings", "limit G9")


@pytest.mark.parametrize("policy_id", ["guard.standing", "housing.address_changed", "policy0", ""])
def test_what_is_no_ground_has_no_terms(policy_id: str) -> None:
    with pytest.raises(UnknownGround, match="no ground"):
        Bundle.load().terms(["probation.address_changed", policy_id])


def test_nothing_open_has_no_terms() -> None:
    with pytest.raises(ValueError, match="nothing is open"):
        Bundle.load().terms([])
