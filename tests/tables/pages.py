"""Reads the pages of examples beside the policies, and asks an engine for each row.

The columns, as an officer writes them:

    says       one sentence that a practitioner would say
    desk type  one, or several with commas between: the row then holds for each of them; `anybody`, or `anybody but
               police and prison`, is every type that is no mere overseer
    reach      `-`, or the ways in which the desk was found; `any`, or `any but area and area_old`
    kind       of the notification
    facts      `-`, or tags of the case, `risk=…`, `level=…`, `consent_patient=…`, `risk_rises`, `other_authority`,
               `caldicott_authority`; of the desk `unsigned`, `suspended`; `carries=…` with `+` between, where the
               publisher does not fill every compartment but the counts. `everything` is whatever speaks for telling,
               so all of these of the case at their greatest; `everything but risk and supervised` is the rest of it
    open       `-`, or all compartments that are open; every other that is carried is withheld
    because    the grounds that open; if nothing is open, the guards that refuse every carried compartment, or `default`
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from policies import Candidate, Engine, Open, Reach, Statement
from schemas import (
    CATALOGUE,
    DESK_TYPES,
    AgencyClass,
    AgencyId,
    Consent,
    DeskId,
    DeskType,
    Label,
    Level,
    Risk,
    Tag,
)

COLUMNS = ("says", "desk type", "reach", "kind", "facts", "open", "because")
_DESK_FACTS = frozenset({"unsigned", "suspended"})
_CASE_FACTS = frozenset({"caldicott_authority", "other_authority", "risk_rises"})
_ANYBODY = tuple(name for name, row in DESK_TYPES.items() if row.agency_class is not AgencyClass.OVERSIGHT)
_WAYS = tuple(bit.name for bit in fields(Reach))
_GREATEST = (
    *Tag,
    *sorted(_CASE_FACTS),
    f"risk={max(Risk, key=lambda risk: risk.rank)}",
    f"level={max(Level)}",
    f"consent_patient={Consent.GIVEN}",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One example: a question, and the answer that is expected of it for every one of its desk types."""

    place: str
    """File and line, as `grounds/residence.md:7`."""
    says: str
    statement: Statement
    candidates: tuple[Candidate, ...]
    open: frozenset[Label]
    because: frozenset[str]

    def differences(self, engine: Engine) -> list[str]:
        """Where the engine answers otherwise than this row says; nothing if it agrees."""
        decided = engine.decide(self.statement, self.candidates)
        found = [f"{desk}: evaluation error" for desk in decided.refused]
        for desk, outcomes in decided.outcomes.items():
            opened = {label: outcome for label, outcome in outcomes.items() if isinstance(outcome, Open)}
            if opened.keys() != self.open:
                found.append(f"{desk}: open is {', '.join(sorted(opened)) or '-'}")
            because = (
                frozenset().union(*(outcome.policy_ids for outcome in opened.values()))
                if opened
                else frozenset.intersection(*(frozenset(outcome.policy_ids) for outcome in outcomes.values()))
            )
            if because != self.because:
                found.append(f"{desk}: because is {', '.join(sorted(because)) or 'default'}")
        return found


@cache
def rows() -> tuple[Row, ...]:
    """Every row of every page, in the order in which they stand."""
    return tuple(
        row
        for folder in ("grounds", "guards")
        for page in sorted(files("policies").joinpath(folder).iterdir(), key=lambda entry: entry.name)
        if page.name.endswith(".md")
        for row in read(f"{folder}/{page.name}", page.read_text("utf-8"))
    )


def read(name: str, text: str) -> Iterator[Row]:
    """The rows of one page. What is not understood raises: a row that is skipped would be a test that never ran."""
    columns: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("|"):
            columns = ()
            continue
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if not columns:
            columns = cells
            assert columns == COLUMNS, f"{name}:{number}: other columns"
        elif not re.fullmatch(r"[|\s:-]+", line):
            assert len(cells) == len(COLUMNS), f"{name}:{number}: {len(cells)} cells"
            yield _row(f"{name}:{number}", dict(zip(COLUMNS, cells, strict=True)))


def _row(place: str, cells: dict[str, str]) -> Row:
    words = _all_but("everything", cells["facts"], _GREATEST)
    given = dict(word.split("=", 1) for word in words if "=" in word)
    flags = {word for word in words if "=" not in word}
    assert given.keys() <= {"risk", "level", "consent_patient", "carries"}, f"{place}: unknown fact"
    reach = _all_but("any", cells["reach"], _WAYS)
    assert set(reach) <= set(_WAYS), f"{place}: unknown reach"
    kind = CATALOGUE[cells["kind"]]
    filled = frozenset(kind.models) - {Label.AGGREGATE}
    carried = frozenset(map(Label, given["carries"].split("+"))) if "carries" in given else filled
    return Row(
        place=place,
        says=cells["says"],
        statement=Statement(
            kind=kind.name,
            source=AgencyId("invented-constabulary"),
            carried=carried,
            tags=frozenset(Tag(word) for word in flags - _DESK_FACTS - _CASE_FACTS),
            risk=Risk(given["risk"]) if "risk" in given else None,
            level=Level(int(given["level"])) if "level" in given else None,
            other_authority="other_authority" in flags,
            risk_rises="risk_rises" in flags,
            consent_patient=Consent(given.get("consent_patient", Consent.NOT_SOUGHT)),
            caldicott_authority="caldicott_authority" in flags,
        ),
        candidates=tuple(
            Candidate(
                desk=DeskId(desk_type),
                agency=AgencyId(f"invented-{desk_type}"),
                desk_type=DeskType(desk_type),
                signed="unsigned" not in flags,
                suspended="suspended" in flags,
                reach=Reach(**dict.fromkeys(reach, True)),
            )
            for desk_type in _all_but("anybody", cells["desk type"], _ANYBODY)
        ),
        open=frozenset(map(Label, _items(cells["open"]))),
        because=frozenset(() if cells["because"] == "default" else _items(cells["because"])),
    )


def _all_but(word: str, cell: str, everything: tuple[str, ...]) -> list[str]:
    """The items of a cell, with what *word* stands for in place of it; what comes later in the cell outweighs it."""
    items = _items(cell)
    if not items or items[0].split(" ")[0] != word:
        return items
    left_out = items[0].removeprefix(f"{word} but ").split(" and ") if items[0] != word else []
    names = {item.split("=")[0] for item in everything}
    assert names.issuperset(left_out), f"unknown: {cell}"
    return [item for item in everything if item.split("=")[0] not in left_out] + items[1:]


def _items(cell: str) -> list[str]:
    return [] if cell == "-" else [item.strip() for item in cell.split(",")]
