"""A policy that is almost right is refused, and each rule that it breaks is named."""

from importlib.resources import files

import cedarpy
import pytest

from policies import Bundle, BundleRefused
from policies.bundle import SCHEMA
from schemas import Label

GROUND = """
@id("housing.address_changed")
@reason("Housing must know who has moved")
@basis("Crime and Disorder Act 1998 s.115; Children Act 2004 s.11")
@source("an invented rule")
@urgency("priority")
@retain("tenancy")
permit (principal in Tellwise::DeskType::"housing_authority", action == Tellwise::Action::"open_identity", resource)
when { context.reach.team && resource.kind == Tellwise::Kind::"risk.changed" && resource.risk >= 2 };
"""
KIND = 'resource.kind == Tellwise::Kind::"risk.changed"'
GUARD = """
@id("guard.signed")
@reason("Only who has signed is told")
@source("an invented limit")
forbid (principal, action, resource)
unless { principal.signed };
"""


def schema() -> str:
    return files("policies").joinpath(SCHEMA).read_text("utf-8")


def texts() -> dict[str, str]:
    return {"grounds/invented.cedar": GROUND, "guards/invented.cedar": GUARD}


def refusal(changed: dict[str, str], vocabulary: str | None = None) -> str:
    with pytest.raises(BundleRefused) as refused:
        Bundle.from_texts(vocabulary if vocabulary is not None else schema(), changed)
    return "\n".join(refused.value.problems)


def altered(name: str, old: str, new: str) -> dict[str, str]:
    assert texts()[name].count(old) == 1
    return {**texts(), name: texts()[name].replace(old, new)}


def test_what_is_almost_refused_loads() -> None:
    assert Bundle.from_texts(schema(), texts()).policy_ids == ("guard.signed", "housing.address_changed")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('@id("housing.address_changed")', "", "`policy0` `@id` missing"),
        ('@reason("Housing must know who has moved")', "", "`housing.address_changed` `@reason` missing"),
        ('@source("an invented rule")', "", "`housing.address_changed` `@source` missing"),
        ('@urgency("priority")', "", "`housing.address_changed` `@urgency` missing"),
        ('@retain("tenancy")', "", "`housing.address_changed` `@retain` missing"),
        ("@basis", "@base", "`housing.address_changed` `@basis` missing"),
        ("@urgency", '@acknowledge_within("P1D") @urgency', "`@acknowledge_within` unknown to a ground"),
        ('@urgency("priority")', '@urgency("soon")', "`@urgency` not valid"),
        ('@retain("tenancy")', '@retain("P1Y")', "`@retain` not valid"),
        ('@reason("Housing must know who has moved")', '@reason("")', "`@reason` not valid"),
        ('@reason("Housing must know who has moved")', '@reason("two\nlines")', "`@reason` not valid"),
        ("s.115; ", "s.115;; ", "`@basis` not valid"),
        ("housing.address_changed", "Housing moved", "`@id` not valid"),
        ("housing.address_changed", "guard.address_changed", "`@id` not valid"),
        ("permit (", "forbid (", "a forbid stands in guards/"),
        ('action == Tellwise::Action::"open_identity"', "action", "does not list the compartments"),
        ('action == Tellwise::Action::"open_identity"', 'action in Tellwise::Action::"receive"', "does not list"),
        ("open_identity", "open_identiti", "unrecognized action"),
        ("context.reach.team && ", "", "does not need a bit of `context.reach`"),
        ("context.reach.team && ", "!context.reach.team && ", "does not need a bit of `context.reach`"),
        ("context.reach.team &&", "context.reach.team ||", "does not need a bit of `context.reach`"),
        ("context.reach.team && ", "(context.reach.team || resource.risk_rises) && ", "does not need a bit"),
        ("when { context.reach.team", "unless { context.reach.team", "does not need a bit of `context.reach`"),
        ("resource.risk >= 2", "resource.risk + 1 >= 3", "uses `add`"),
        ("resource.risk >= 2", "resource.risk - 1 >= 1", "uses `sub`"),
        ("resource.risk >= 2", "resource.risk * 2 >= 4", "uses `mul`"),
        ("resource.risk >= 2", "-resource.risk <= 2", "uses `neg`"),
        ("resource.risk >= 2", 'datetime("2026-01-01") < datetime("2027-01-01")', "uses `datetime`"),
        ("resource.risk >= 2", "resource has source", "uses `has`"),
        ("resource.risk >= 2", "resource is Tellwise::Notification", "uses `is`"),
        ("resource.risk >= 2", '"a" like "a*"', "uses `like`"),
        ("resource.risk >= 2", '"a" == "a"', "uses a text or a record"),
        ("resource.risk >= 2", 'action == Tellwise::Action::"open_identity"', "tests `action` in a condition"),
        ("risk >= 2", 'risk >= (if action == Tellwise::Action::"receive" then 1 else 2)', "tests `action`"),
        ("resource.risk >= 2", '[action].contains(Tellwise::Action::"receive")', "tests `action`"),
        ("risk >= 2", "risk >= 2 && (if action == action then context else context).reach.all", "tests `action`"),
        ("resource.risk >= 2", 'resource.source == Tellwise::Agency::"elm"', 'names `Tellwise::Agency::"elm"`'),
        ('in Tellwise::DeskType::"housing_authority"', '== Tellwise::Desk::"elm"', 'names `Tellwise::Desk::"elm"`'),
        ("housing_authority", "housing_autority", "not declared as a valid eid"),
        ("resource.risk >= 2", 'resource.tags.contains(Tellwise::Tag::"childs")', "not declared as a valid eid"),
        ("resource.risk >= 2", "resource.risks >= 2", "`housing.address_changed` attribute `risks`"),
        ("resource.risk >= 2", "resource.kind >= 2", "unexpected type"),
        ('in Tellwise::DeskType::"housing_authority"', "== ?principal", "a template"),
        ("when {", "wehn {", "`grounds/invented.cedar`"),
        (f"{KIND} && ", "", "does not name the kinds"),
        (f"{KIND} &&", f"{KIND} ||", "does not name the kinds"),
        (f"{KIND} && ", f"!({KIND}) && ", "does not name the kinds"),
        ("resource.kind == T", "resource.kind != T", "does not name the kinds"),
        ('principal in Tellwise::DeskType::"housing_authority"', "principal", "does not name the types of desk"),
        ("resource.risk >= 2", 'resource.consent_patient != Tellwise::Consent::"refused"', "can still be obtained"),
        ("resource.risk >= 2", 'resource.consent_patient == Tellwise::Consent::"refused"', "can still be obtained"),
        ("resource.risk >= 2", 'Tellwise::Consent::"given" == resource.consent_patient', "can still be obtained"),
        ("resource.risk >= 2", "!resource.caldicott_authority", "can still be obtained"),
        ("resource.risk >= 2", "resource.caldicott_authority == resource.risk_rises", "can still be obtained"),
        ("resource.risk >= 2", "(if resource.caldicott_authority then true else false)", "can still be obtained"),
        ("resource.risk >= 2", "(if true then resource else resource).caldicott_authority", "can still be obtained"),
        ("resource.risk >= 2 }", "true } unless { resource.caldicott_authority }", "can still be obtained"),
        ("resource.risk >= 2", 'resource.consent_patient == Tellwise::Consent::"givn"', "not declared as a valid eid"),
    ],
)
def test_a_ground_that_is_almost_right_is_refused(old: str, new: str, problem: str) -> None:
    assert problem in refusal(altered("grounds/invented.cedar", old, new))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('@id("guard.signed")', "", "`policy0` `@id` missing"),
        ('@source("an invented limit")', "", "`guard.signed` `@source` missing"),
        ("@source", '@urgency("flash") @source', "`@urgency` unknown to a guard"),
        ("guard.signed", "signed.guard", "`@id` not valid"),
        ("forbid (", "permit (", "a permit stands in grounds/"),
        ("unless {", "when { !", "does not say with `unless`"),
        ("unless { principal.signed }", "", "does not say with `unless`"),
        ("(principal,", '(principal in Tellwise::DeskType::"dwp",', "does not apply to every principal"),
        ("(principal,", "(principal is Tellwise::Desk,", "does not apply to every principal"),
        ("action, resource)", "action, resource is Tellwise::Notification)", "does not apply to every principal"),
        ("unless {", 'when { principal in Tellwise::DeskType::"dwp" } unless {', "membership with `in`"),
        ("principal.signed", '!(principal in Tellwise::DeskType::"dwp")', "membership with `in`"),
        ("principal.signed", '(principal in Tellwise::DeskType::"dwp") == false', "membership with `in`"),
        ("principal.signed", 'if principal in Tellwise::DeskType::"dwp" then false else true', "membership with `in`"),
        ("principal.signed", "principal in (if principal in principal then principal else principal)", "with `in`"),
        ("principal.signed", "principal.sined", "attribute `sined`"),
        ("unless {", "when { resource.caldicott_authority } unless {", "can still be obtained"),
        ("principal.signed", 'resource.consent_patient != Tellwise::Consent::"refused"', "can still be obtained"),
        ("principal.signed", "principal.signed == resource.caldicott_authority", "can still be obtained"),
    ],
)
def test_a_guard_that_is_almost_right_is_refused(old: str, new: str, problem: str) -> None:
    assert problem in refusal(altered("guards/invented.cedar", old, new))


@pytest.mark.parametrize(
    "condition",
    [
        'principal in Tellwise::DeskType::"dwp"',
        'principal.signed && (principal in Tellwise::DeskType::"dwp" || principal.suspended)',
        'principal in [Tellwise::DeskType::"dwp", Tellwise::DeskType::"smb"]',
        'resource.consent_patient == Tellwise::Consent::"given" || resource.caldicott_authority',
    ],
)
def test_membership_and_what_can_be_obtained_may_be_what_lifts_a_guard(condition: str) -> None:
    Bundle.from_texts(schema(), altered("guards/invented.cedar", "principal.signed", condition))


@pytest.mark.parametrize("condition", ["context.reach.team", "(context.reach.team || context.reach.area)"])
def test_a_ground_may_need_one_bit_of_reach_or_one_of_several(condition: str) -> None:
    Bundle.from_texts(schema(), altered("grounds/invented.cedar", "context.reach.team", condition))


@pytest.mark.parametrize(
    "condition",
    [
        'resource.consent_patient == Tellwise::Consent::"given"',
        "(resource.caldicott_authority || resource.risk >= 2)",
        'principal in [Tellwise::DeskType::"dwp", Tellwise::DeskType::"smb"]',
        '[Tellwise::Kind::"order.made", Tellwise::Kind::"risk.changed"].contains(resource.kind)',
    ],
)
def test_a_ground_may_ask_for_what_can_be_obtained_and_for_several_kinds_and_desk_types(condition: str) -> None:
    Bundle.from_texts(schema(), altered("grounds/invented.cedar", "resource.risk >= 2", condition))


def test_no_ground_and_no_guard_are_refused_and_so_is_nothing_at_all() -> None:
    assert refusal({"grounds/invented.cedar": GROUND}) == "there is no guard"
    assert refusal({"guards/invented.cedar": GUARD}) == "there is no ground"
    assert refusal({}) == "there is no ground\nthere is no guard"
    assert refusal({**texts(), "guards/invented.cedar": "// nothing"}) == "there is no guard"


@pytest.mark.parametrize("name", ["invented.cedar", "grounds/old/invented.cedar", "others/invented.cedar"])
def test_a_file_in_another_folder_is_refused(name: str) -> None:
    assert "stands in grounds/" in refusal({**texts(), name: GROUND.replace("housing.", "other.")})


def test_two_policies_of_one_name_are_refused() -> None:
    other_file = {**texts(), "grounds/others.cedar": GROUND}
    same_file = {**texts(), "guards/invented.cedar": GUARD + GUARD}

    assert refusal(other_file) == "`grounds/others.cedar`: `housing.address_changed` is the name of two policies"
    assert refusal(same_file) == "`guards/invented.cedar`: `guard.signed` is the name of two policies"


def test_every_problem_of_every_file_is_named() -> None:
    wrong = altered("grounds/invented.cedar", "resource.risk >= 2", "resource.risk + 1 >= 3 && resource has kind")
    wrong["guards/invented.cedar"] = GUARD.replace("unless {", "when {")

    assert refusal(dict(reversed(wrong.items()))).splitlines() == [
        "`grounds/invented.cedar`: `housing.address_changed` uses `add`",
        "`grounds/invented.cedar`: `housing.address_changed` uses `has`",
        "`guards/invented.cedar`: `guard.signed` does not say with `unless` what must hold",
    ]


def test_a_policy_that_the_validator_refuses_without_a_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wordless = cedarpy.ValidationResult({"validation_passed": False})
    monkeypatch.setattr(cedarpy, "validate_policies", lambda *_: wordless)

    assert "`grounds/invented.cedar`: does not fit the schema" in refusal(texts()).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("signed: Bool, ", "signed?: Bool, ", "has an optional attribute"),
        ("entity Agency;", "entity Agency tags Bool;", "has tags"),
        ("entity Agency;", "entity Agency", SCHEMA),
    ],
)
def test_a_schema_that_is_almost_right_is_refused(old: str, new: str, problem: str) -> None:
    assert old in schema()
    assert problem in refusal(texts(), schema().replace(old, new))


def test_a_compartment_for_which_the_schema_has_no_action_is_not_openable() -> None:
    bundle = Bundle.from_texts(schema().replace("open_status, ", ""), texts())

    assert Label.STATUS not in bundle.openable
    assert Label.IDENTITY in bundle.openable
