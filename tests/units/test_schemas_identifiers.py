"""Names that look alike, that are spelt in two ways or that hold the separator of key packages are no names."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas import PersonKey, PersonScheme, SchemaRefused
from schemas.compartments import Identity, PersonName
from schemas.identifiers import (
    AgencyIdField,
    AreaCodeField,
    DeskIdField,
    KeyIdField,
    MailboxField,
    NotificationIdField,
    PersonRefField,
)
from schemas.strict import NotStrict, b64u_decode, b64u_encode

SLUGS: dict[str, Any] = {"agency": AgencyIdField, "desk": DeskIdField}
RANDOM: dict[str, Any] = {
    "key": KeyIdField,
    "mailbox": MailboxField,
    "notification": NotificationIdField,
    "person": PersonRefField,
}
ALL: dict[str, Any] = {**SLUGS, **RANDOM, "area": AreaCodeField}

of_slugs = pytest.mark.parametrize("field", SLUGS.values(), ids=SLUGS)
of_random = pytest.mark.parametrize("field", RANDOM.values(), ids=RANDOM)


def taken(field: Any, text: Any) -> bool:
    """Whether a model takes this for an identifier of this type."""
    try:
        return bool(TypeAdapter(field).validate_python(text, strict=True) == text)
    except ValidationError:
        return False


@of_slugs
@pytest.mark.parametrize(
    "name", ["a", "7", "preston-housing", "preston.housing", "preston_housing", "a-b.c_d-1", "a" * 64]
)
def test_a_name_in_small_latin_letters_is_taken(field: Any, name: str) -> None:
    assert taken(field, name)


@of_slugs
@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 65,
        "Preston-housing",
        "PRESTON",
        "preston housing",
        "prest\u043en-housing",  # a Cyrillic o
        "preston-h\u03bfusing",  # a Greek omicron
        "prest\u043en",
        "\uff50reston",
        "preston\u2010housing",
        "pr\u00e9ston",
        "preston-\u0663",
        "preston|housing",
        "|",
        "preston/housing",
        "preston:housing",
        "preston\\housing",
        "preston\n",
        "\npreston",
        "preston\u200bhousing",
        "preston\x00",
        "-preston",
        "preston-",
        "preston--housing",
        "preston..housing",
        "..",
        ".",
        "preston_",
        "*",
        "preston%7c",
        7,
        b"preston",
        None,
    ],
)
def test_a_name_that_could_be_taken_for_another_is_refused(field: Any, name: Any) -> None:
    assert not taken(field, name)


@of_random
@given(data=st.binary(min_size=16, max_size=16))
def test_sixteen_random_bytes_are_an_identifier(field: Any, data: bytes) -> None:
    assert taken(field, b64u_encode(data))


@of_random
@given(text=st.text("AQgwBx9_-+/=|", min_size=20, max_size=24))
def test_an_identifier_is_the_one_spelling_of_sixteen_bytes(field: Any, text: str) -> None:
    try:
        b64u_decode(text, size=16)
    except NotStrict:
        assert not taken(field, text)
    else:
        assert taken(field, text)


@of_random
@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 21,
        "A" * 23,
        "A" * 21 + "B",
        "A" * 22 + "==",
        "A" * 21 + "=",
        "A" * 10 + "|" + "A" * 11,
        "\u0410" * 21 + "A",  # Cyrillic
        "A" * 22 + "\n",
        "A" * 20 + "+A",
        None,
        b"A" * 22,
    ],
)
def test_what_is_almost_sixteen_bytes_is_refused(field: Any, text: Any) -> None:
    assert not taken(field, text)


@pytest.mark.parametrize("code", ["E07000123", "E10000017", "E23000003", "W06000019", "W15000002"])
def test_a_code_of_england_or_wales_is_taken(code: str) -> None:
    assert taken(AreaCodeField, code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "e07000123",
        "S12000036",
        "N09000003",
        "E0700012",
        "E070001234",
        "E07000123 ",
        "E07000123\n",
        "\u041507000123",  # a Cyrillic letter
        "E0700012\u0663",  # an Arabic digit
        "E0700012\uff13",  # a wide digit
        "E\u0966\u096d\u0966\u0966\u0966\u0967\u0968\u0969",  # Devanagari digits
        "E07|00123",
        "EE7000123",
        "Preston",
        None,
        7,
    ],
)
def test_what_is_almost_an_area_code_is_refused(code: Any) -> None:
    assert not taken(AreaCodeField, code)


@given(
    text=st.text(st.characters(categories=["Nd", "Lu", "Ll"]) | st.sampled_from("EW0123456789"), min_size=9, max_size=9)
)
def test_whatever_is_taken_for_an_area_code_is_plain_ascii(text: str) -> None:
    assert not taken(AreaCodeField, text) or text.isascii()


@pytest.mark.parametrize("field", ALL.values(), ids=ALL)
def test_no_identifier_may_hold_the_separator_of_key_packages(field: Any) -> None:
    for text in ("|", "a|b", "E0700|123", "A" * 21 + "|", "|" + "A" * 21):
        assert not taken(field, text)


@pytest.mark.parametrize("identifier", ["99/0000001A", "X-INVENTED-001", "A_B.C", "9", "A" * 40])
@pytest.mark.parametrize("scheme", [scheme for scheme in PersonScheme if scheme is not PersonScheme.REF])
def test_a_persons_identifier_is_written_in_plain_characters(scheme: PersonScheme, identifier: str) -> None:
    assert PersonKey.of(scheme=scheme, identifier=identifier).identifier == identifier


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "A" * 41,
        "99 0000001A",
        "99|1",
        "99/1\n",
        "99/1\x00",
        "99/0000001\u0410",
        "99/\u0663",
        "\u00e9",
        "99\u20440000001A",
        None,
        9,
    ],
)
def test_a_persons_identifier_that_could_be_taken_for_another_is_refused(identifier: Any) -> None:
    with pytest.raises(SchemaRefused, match="`identifier`"):
        PersonKey.of(scheme=PersonScheme.PNC, identifier=identifier)


def test_the_same_identifier_under_two_schemes_is_two_people() -> None:
    keys = {PersonKey(scheme=scheme, identifier="9" * 22) for scheme in PersonScheme}

    assert len(keys) == len(PersonScheme)


@pytest.mark.parametrize(
    ("scheme", "identifier"),
    [(PersonScheme.PNC, "99-0000001-invented-xa"), (PersonScheme.REF, "A" * 21)],
)
def test_one_number_has_one_spelling_so_that_it_is_one_person(scheme: PersonScheme, identifier: str) -> None:
    with pytest.raises(SchemaRefused, match="not a spelling of this scheme"):
        PersonKey.of(scheme=scheme, identifier=identifier)


def test_a_pseudonym_is_told_to_nobody() -> None:
    ref = PersonKey.of(scheme=PersonScheme.REF, identifier="A" * 22)

    with pytest.raises(SchemaRefused, match="a pseudonym"):
        Identity.of(
            names=(PersonName.of(given="Zed", family="Synthetic-Onyx"),),
            date_of_birth=date(1970, 1, 1),
            identifiers=(ref,),
        )
