"""Rule D1, line by line: what telling somebody outside needs, each condition dropped, and every rank.

Source: the project's domain study, section 3.2, and the nine lines of its format for stories; the first that applies.
"""

from typing import Any

import pytest

from policies.disclosure import MANAGERS, NEVER_TOLD, RANKS, Asked, OffenderConsent, decide_disclosure
from schemas import COMPARTMENTS, Label

CONFIRM = "allow, confirm by ACC within 24 h"
NO_AUTHORITY = "refuse: authority"

IN_ORDER = [
    "constable",
    "sergeant",
    "inspector",
    "chief inspector",
    "superintendent",
    "chief superintendent",
    "assistant chief constable",
    "deputy chief constable",
    "chief constable",
]
BARRED = {"address", "digital", "financial", "health", "intelligence", "minutes", "risk_detail", "victim"}
WITHOUT = [OffenderConsent.REFUSED, OffenderConsent.WITHDRAWN, OffenderConsent.RAISES_RISK]


def answer(**changed: Any) -> str:
    """What is answered to a request that fits every line, but for what is changed."""
    asked: dict[str, Any] = {
        "content": (Label.IDENTITY, Label.STATUS),
        "reasons": "children live in the house",
        "consent": OffenderConsent.GIVEN,
        "authority": "mapp chair",
        "imminent": False,
        "under_18": False,
        "csc_consulted": False,
    }
    return decide_disclosure(Asked(**asked | changed))


def test_with_consent_and_everything_else_in_order_it_is_allowed() -> None:
    assert answer() == "allow"


def test_the_ranks_stand_in_order() -> None:
    assert list(RANKS) == IN_ORDER
    assert set(MANAGERS) == {"mapp chair", "lead manager"}


# --- lines 1 to 4: refused whoever asks -------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [label for label in COMPARTMENTS if label is not Label.CONTACT])
def test_line_1_some_content_is_told_to_nobody_outside(label: Label) -> None:
    expected = f"refuse: content {label}" if label in BARRED else "allow"

    assert answer(content=(Label.IDENTITY, label)) == expected
    assert answer(content=(label,), authority="chief constable") == expected


def test_line_1_names_all_of_it_once_and_sorted() -> None:
    assert answer(content=(Label.VICTIM, Label.IDENTITY, Label.ADDRESS, Label.VICTIM)) == (
        "refuse: content address,victim"
    )
    assert answer(content=tuple(sorted(NEVER_TOLD, reverse=True))) == (
        "refuse: content address,digital,financial,health,intelligence,minutes,risk_detail,victim"
    )


@pytest.mark.parametrize("reasons", ["", " ", "\n\t "])
def test_line_2_without_reasons_it_is_refused(reasons: str) -> None:
    assert answer(reasons=reasons) == "refuse: no reasons recorded"
    assert answer(reasons=reasons, authority="chief constable", imminent=True) == "refuse: no reasons recorded"


@pytest.mark.parametrize("authority", [*IN_ORDER, *MANAGERS])
def test_line_3_consent_is_sought_first_whoever_asks(authority: str) -> None:
    consent = OffenderConsent.NOT_SOUGHT

    assert answer(consent=consent, authority=authority, imminent=True) == "refuse: consent not sought"


@pytest.mark.parametrize("authority", [*IN_ORDER, *MANAGERS])
def test_line_4_childrens_social_care_is_consulted_where_the_offender_is_a_child(authority: str) -> None:
    refused = "refuse: children social care not consulted"

    assert answer(under_18=True, authority=authority) == refused
    assert answer(under_18=True, authority=authority, imminent=True, consent=OffenderConsent.REFUSED) == refused
    assert answer(under_18=True, authority=authority, csc_consulted=True) == answer(authority=authority)
    assert answer(csc_consulted=True, authority=authority) == answer(authority=authority)


@pytest.mark.parametrize(
    ("mended", "expected"),
    [
        ({}, "refuse: content health"),
        ({"content": (Label.IDENTITY,)}, "refuse: no reasons recorded"),
        ({"content": (Label.IDENTITY,), "reasons": "a child"}, "refuse: consent not sought"),
        (
            {"content": (Label.IDENTITY,), "reasons": "a child", "consent": OffenderConsent.REFUSED},
            "refuse: children social care not consulted",
        ),
        (
            {
                "content": (Label.IDENTITY,),
                "reasons": "a child",
                "consent": OffenderConsent.REFUSED,
                "csc_consulted": True,
            },
            NO_AUTHORITY,
        ),
    ],
)
def test_the_first_line_that_applies_decides(mended: dict[str, Any], expected: str) -> None:
    wrong: dict[str, Any] = {
        "content": (Label.HEALTH,),
        "reasons": "",
        "consent": OffenderConsent.NOT_SOUGHT,
        "authority": "constable",
        "under_18": True,
    }

    assert answer(**wrong | mended) == expected


# --- lines 5 to 9: who may ask ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", [*IN_ORDER, *MANAGERS])
@pytest.mark.parametrize("imminent", [False, True])
def test_lines_5_and_6_with_consent_an_inspector_or_a_manager_is_enough(authority: str, imminent: bool) -> None:
    expected = NO_AUTHORITY if authority in ("constable", "sergeant") else "allow"

    assert answer(authority=authority, imminent=imminent) == expected


@pytest.mark.parametrize("consent", WITHOUT)
@pytest.mark.parametrize("authority", [*IN_ORDER, *MANAGERS])
def test_lines_7_and_9_without_consent_it_takes_an_assistant_chief_constable(
    authority: str, consent: OffenderConsent
) -> None:
    allowed = authority in ("assistant chief constable", "deputy chief constable", "chief constable")

    assert answer(authority=authority, consent=consent) == ("allow" if allowed else NO_AUTHORITY)


@pytest.mark.parametrize("consent", WITHOUT)
@pytest.mark.parametrize("authority", [*IN_ORDER, *MANAGERS])
def test_line_8_in_imminent_danger_a_superintendent_may_and_is_confirmed(
    authority: str, consent: OffenderConsent
) -> None:
    expected = {
        "superintendent": CONFIRM,
        "chief superintendent": CONFIRM,
        "assistant chief constable": "allow",
        "deputy chief constable": "allow",
        "chief constable": "allow",
    }.get(authority, NO_AUTHORITY)

    assert answer(authority=authority, consent=consent, imminent=True) == expected


@pytest.mark.parametrize("authority", ["", "Inspector", "chief", "superintendent ", "assistant chief officer", "chair"])
@pytest.mark.parametrize("consent", [OffenderConsent.GIVEN, *WITHOUT])
def test_an_authority_that_is_not_on_the_list_has_none(authority: str, consent: OffenderConsent) -> None:
    assert answer(authority=authority, consent=consent, imminent=True) == NO_AUTHORITY
