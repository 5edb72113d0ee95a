"""The pages beside the policies are true: each row is a test of its own, named after its file and line."""

from collections import Counter
from dataclasses import replace
from importlib.resources import files

import pytest

from policies import Bundle, Engine
from tests.tables.pages import COLUMNS, Row, read, rows


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Bundle.load())


@pytest.mark.parametrize("row", [pytest.param(row, id=row.place) for row in rows()])
def test_the_policies_answer_as_the_page_says(engine: Engine, row: Row) -> None:
    assert not row.differences(engine), row.says


def test_every_policy_decides_at_least_one_row(engine: Engine) -> None:
    deciding = {policy_id for row in rows() for policy_id in row.because}

    assert deciding == set(engine.bundle.policy_ids)


def test_each_page_refuses_at_least_as_often_as_it_permits() -> None:
    pages = Counter(row.place.split(":")[0] for row in rows())
    permits = Counter(row.place.split(":")[0] for row in rows() if row.open)

    assert all(permits[page] <= count / 2 for page, count in pages.items())


def test_each_file_of_policies_has_a_page_with_rows() -> None:
    policies = {
        f"{folder}/{entry.name.removesuffix('.cedar')}"
        for folder in ("grounds", "guards")
        for entry in files("policies").joinpath(folder).iterdir()
        if entry.name.endswith(".cedar")
    }

    assert {row.place.split(".md:")[0] for row in rows()} == policies


def test_a_row_that_says_something_false_is_noticed(engine: Engine) -> None:
    opening = [row for row in rows() if row.open]

    assert all(replace(row, open=frozenset()).differences(engine) for row in opening)
    assert all(replace(row, open=row.open - {min(row.open)}).differences(engine) for row in opening)
    assert all(replace(row, because=frozenset()).differences(engine) for row in rows() if row.because)


@pytest.mark.parametrize(
    "cells",
    [
        "says | children_social_care | aera | rso.address_changed | child_related | - | default",
        "says | childrens_social_care | area | rso.address_changed | child_related | - | default",
        "says | children_social_care | area | rso.adress_changed | child_related | - | default",
        "says | children_social_care | area | rso.address_changed | child_releated | - | default",
        "says | children_social_care | area | rso.address_changed | rsik=high | - | default",
        "says | children_social_care | area | rso.address_changed | child_related | adress | default",
        "says | children_social_care | area | rso.address_changed | child_related | default",
    ],
)
def test_a_row_that_is_almost_right_is_not_skipped(cells: str) -> None:
    head = f"| {' | '.join(COLUMNS)} |\n|---|---|---|---|---|---|---|\n"

    with pytest.raises((AssertionError, KeyError, ValueError)):
        list(read("grounds/invented.md", f"{head}| {cells} |\n"))


def test_a_table_with_other_columns_is_not_skipped() -> None:
    with pytest.raises(AssertionError, match="invented"):
        list(read("grounds/invented.md", "| says | desk type | open |\n|---|---|---|\n| a | police | - |\n"))
