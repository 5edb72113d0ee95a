"""Table *cases*: how a person is managed. Changed by case events alone."""

from functools import lru_cache

from pydantic import Field

from broker.ports import Table
from broker.state.rows import Rows
from broker.state.vault import Person
from schemas import Category, Consent, Level, Risk, Tag
from schemas.identifiers import AreaCodeField, DeskIdField
from schemas.said import Said


class Case(Said):
    """The management of one person."""

    team: tuple[DeskIdField, ...]
    tags: tuple[Tag, ...]
    risk: Risk
    level: Level
    category: Category
    forces: tuple[AreaCodeField, ...] = Field(min_length=1)
    """Police force areas of the MAPPA area that is responsible."""
    consent_patient: Consent = Consent.NOT_SOUGHT
    caldicott_authority: bool = False


def case_of(rows: Rows, person: Person) -> Case | None:
    """The person's case; None if nobody has opened one."""
    row = rows.get(Table.CASES, rows.vault.person_row_key(person, Table.CASES))
    return None if row is None else _read(row)


@lru_cache(maxsize=4_096)
def _read(row: bytes) -> Case:
    return Case.from_bytes(row)


def put_case(rows: Rows, person: Person, case: Case) -> None:
    """The person's case from now on."""
    rows.put(Table.CASES, rows.vault.person_row_key(person, Table.CASES), case.to_bytes())
