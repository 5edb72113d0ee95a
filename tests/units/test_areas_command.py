"""`tellwise areas`: a person or a program asks who serves a place, and is told, or told what they may have meant."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from broker.cli.main import app
from schemas import DeskType
from schemas.areas.postcodes import postcode_table

IN_BURNLEY = "BB11 3" + "DF"


def run(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(app, ["areas", *words], input=given)


def told(result: Result) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(result.stdout)
    return read


def test_it_tells_where_a_postcode_lies_and_who_serves_it() -> None:
    done = run("where", IN_BURNLEY)

    assert done.exit_code == 0
    for line in (
        "Burnley (E07000117)",
        "  police force: Lancashire (E23000003)",
        "  MAPPA area: Lancashire",
        "  Burnley (E07000117): housing_authority",
        "  Lancashire (E10000017): children_social_care, adult_social_care",
        "  Lancashire (E10000017): education_authority",
        "  Lancashire (E23000003): police",
    ):
        assert line in done.stdout.split("\n")
    assert "whether this very postcode exists is not known" in done.stdout


def test_every_desk_type_is_in_the_list_once() -> None:
    said = run("serve", "Burnley").stdout.partition("served by")[2].replace(",", " ").split()

    assert {desk_type: said.count(desk_type) for desk_type in DeskType} == dict.fromkeys(DeskType, 1)


def test_a_postcode_that_is_known_to_exist_is_told_without_reservation() -> None:
    assert "not known" not in run("where", "PE9 3" + "AX").stdout
    assert told(run("where", "--json", "PE9 3" + "AX"))["listed"] is True
    assert told(run("where", "--json", IN_BURNLEY))["listed"] is False


def test_a_postcode_can_be_read_from_standard_input() -> None:
    assert run("where", "-", given=f"{IN_BURNLEY}\n").stdout == run("where", IN_BURNLEY).stdout


@pytest.mark.parametrize("district", ["E07000117", "e07000117", "Burnley", " burnley "])
def test_it_tells_who_serves_a_district_by_code_or_by_name(district: str) -> None:
    assert run("serve", district).stdout == run("serve", "E07000117").stdout
    assert run("serve", district).stdout.startswith("Burnley (E07000117)\n")


def test_a_former_district_is_told_as_what_it_became() -> None:
    assert run("serve", "Carlisle").stdout.startswith("`Carlisle` is today:\nCumberland (E06000063)\n")
    assert told(run("serve", "--json", "E07000028"))["code"] == "E06000063"


def test_a_program_reads_the_same() -> None:
    read = told(run("serve", "E07000117", "--json"))

    assert (read["code"], read["name"], read["mappa_area"]) == ("E07000117", "Burnley", "Lancashire")
    assert read["force"] == {"code": "E23000003", "name": "Lancashire"}
    assert set(read["served_by"]) == set(DeskType)
    assert read["served_by"]["housing_authority"] == [{"code": "E07000117", "name": "Burnley"}]
    assert read["served_by"]["adult_social_care"] == [{"code": "E10000017", "name": "Lancashire"}]
    assert [one["code"] for one in read["served_by"]["probation"]] == ["E07000117", "E10000017", "E23000003"]


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("serve", "Atlantis"), ["tellwise: unknown area `Atlantis`"]),
        (("serve", "Prest"), ["tellwise: unknown area `Prest`", "          perhaps Preston (E07000123)"]),
        (
            ("serve", "E10000006"),
            [
                "tellwise: unknown area `E10000006`",
                "          perhaps Cumberland (E06000063)",
                "          perhaps Westmorland and Furness (E06000064)",
            ],
        ),
        (
            ("where", "LA6 1" + "ZZ"),
            [
                "tellwise: unknown postcode",
                "          perhaps Lancaster (E07000121), 124 postcodes of the sector",
                "          perhaps Westmorland and Furness (E06000064), 121 postcodes of the sector",
            ],
        ),
        (
            ("where", "B29 6" + "XE"),
            [
                "tellwise: postcode without a district",
                "          perhaps Birmingham (E08000025), 256 postcodes of the sector",
            ],
        ),
        (("where", "ZZ99 3VZ"), ["tellwise: a postcode that stands for no place"]),
        (("where", ""), ["tellwise: not a postcode: it has an outward half, then a digit and two letters"]),
    ],
)
def test_what_cannot_be_told_ends_with_two_one_line_and_the_candidates(
    words: tuple[str, ...], lines: list[str]
) -> None:
    done = run(*words)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.split("\n")[:-1] == lines


def test_a_program_reads_the_candidates_too() -> None:
    postcode, district = run("where", "--json", "LA6 1" + "ZZ"), run("serve", "--json", "E08000999")

    assert postcode.exit_code == district.exit_code == 2
    assert told(postcode) == {
        "refused": "unknown postcode",
        "candidates": [
            {"code": "E07000121", "name": "Lancaster", "postcodes": 124},
            {"code": "E06000064", "name": "Westmorland and Furness", "postcodes": 121},
        ],
    }
    assert told(district) == {"refused": "unknown area `E08000999`", "candidates": []}


@pytest.mark.parametrize("words", [("serve", "E07000117"), ("serve", "Carlisle", "--json"), ("serve", "Atlantis"), ()])
def test_whoever_asks_for_a_district_does_not_pay_for_postcodes(words: tuple[str, ...]) -> None:
    postcode_table.cache_clear()

    run(*words)

    assert postcode_table.cache_info().currsize == 0


def test_whoever_asks_for_a_postcode_does() -> None:
    postcode_table.cache_clear()

    run("where", IN_BURNLEY)

    assert postcode_table.cache_info().currsize == 1
