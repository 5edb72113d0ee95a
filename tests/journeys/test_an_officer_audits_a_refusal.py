"""Housing of Blackburn asks why nobody told it that somebody dangerous had moved in. The compliance officer looks.

All that the decision rested on lies in its detail record, sealed beside the ledger's line that commits to it: who was
asked about, how each was found, what each was told or not, and why. The answer needs nothing else, and can be given a
year later, before a judge. It can be given to nobody who has the files alone, and a record that was changed is no
answer.
"""

from pathlib import Path
from threading import Thread

import pytest

from broker.audit import ExplainedDesk, explain
from broker.cli.verify_folder import verify_folder
from broker.client import Sending
from broker.errors import TellwiseError
from broker.ledger.entries import Decision, Refusal
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Reason, Rejected
from broker.state.vault import Vault
from policies import NO_GROUND
from schemas import AgencyId, DeskId, DeskType, NotificationId
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import BASALT, LANE, ONYX, case_opened, county, hub_db, live_a_quiet_day, moved, resides
from tests.faults.stored import hub_keys, read_stored
from tests.faults.tampering import TamperedLedger, with_byte
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    BLACKBURN_HOUSING,
    DESKS,
    LANCASHIRE_CHILDREN,
    POLICE,
    PRESTON,
    PRESTON_HOUSING,
    PROBATION,
    DeskPersona,
    Persona,
)

UNSIGNED_CHILDREN = DeskPersona(
    DeskId("blackburn-family-hub"),
    AgencyId("invented-family-hub"),
    DeskType.CHILDREN_SOCIAL_CARE,
    (BLACKBURN,),
    signed=False,
)
"""It serves Blackburn too, and its agency has not signed the sharing protocol."""

YEAR_S = 365 * 24 * 3_600


async def onyx_moves(folder: Path) -> NotificationId:
    """Police say that Onyx moved from Preston to Blackburn, and everybody who is told hears it."""
    clock = MovedClock()
    async with county(folder, clock, (*DESKS, UNSIGNED_CHILDREN)) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        (said,) = await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
        await here.hear()
        clock.move(seconds=YEAR_S)
    return said


def ask(folder: Path, about: Persona, said: NotificationId, keys_of: Path | None = None) -> dict[str, ExplainedDesk]:
    """What the officer is shown, desk by desk."""
    vault = Vault(hub_keys(keys_of or folder), system_entropy)
    return {desk.desk: desk for desk in explain(hub_db(folder), LANE, vault, about.key, said)}


@story
async def test_housing_was_asked_about_and_no_policy_gave_it_a_need_to_know(tmp_path: Path) -> None:
    said = await onyx_moves(tmp_path)

    housing = ask(tmp_path, ONYX, said)[BLACKBURN_HOUSING.name]
    assert "area" in housing.reach  # it was found, as the housing authority of the new address
    assert housing.opened == {}
    assert {reason for _, reason in housing.withheld.values()} >= {NO_GROUND}
    assert set(housing.withheld) >= {"identity", "address", "offence", "risk_summary"}


@story
async def test_an_authority_that_has_not_signed_was_refused_by_name_of_the_rule(tmp_path: Path) -> None:
    said = await onyx_moves(tmp_path)

    answers = ask(tmp_path, ONYX, said)
    unsigned, signed = answers[UNSIGNED_CHILDREN.name], answers[BLACKBURN_CHILDREN.name]
    assert unsigned.reach == signed.reach
    assert "area" in signed.reach
    assert unsigned.opened == {}
    assert all("guard.standing" in guards for guards, _ in unsigned.withheld.values())
    assert "signed the protocol" in unsigned.withheld["identity"][1]
    assert all(grounds == ("children.address_changed_in_area",) for grounds in signed.opened.values())


@story
async def test_what_the_officer_is_shown_is_what_the_desks_hold(tmp_path: Path) -> None:
    """For those who were told too: the record and the letters say the same."""
    said = await onyx_moves(tmp_path)

    answers = ask(tmp_path, ONYX, said)
    told = {desk: set(answer.opened) for desk, answer in answers.items() if answer.opened}
    async with county(tmp_path, MovedClock(), (*DESKS, UNSIGNED_CHILDREN)) as here:
        held = {
            name: set(letter.compartments) - {"contact"}
            for name, desk in here.desks.items()
            for letter in desk.store.letters()
        }
    assert told == held
    assert set(told) == {BLACKBURN_CHILDREN.name, LANCASHIRE_CHILDREN.name, PROBATION.name}
    assert POLICE.name not in answers  # nobody is asked about what it said itself


@story
async def test_the_record_is_about_one_notification_and_one_person(tmp_path: Path) -> None:
    said = await onyx_moves(tmp_path)

    assert ask(tmp_path, BASALT, said) == {}  # whoever has the wrong name learns nothing
    assert ask(tmp_path, ONYX, NotificationId("A" * 22)) == {}


@story
async def test_the_files_without_the_hubs_keys_explain_nothing(tmp_path: Path) -> None:
    said = await onyx_moves(tmp_path / "data")
    others = live_a_quiet_day_elsewhere(tmp_path)

    assert ask(tmp_path / "data", ONYX, said, keys_of=others) == {}


def live_a_quiet_day_elsewhere(folder: Path) -> Path:
    """Another hub, with keys of its own."""
    made = Thread(target=live_a_quiet_day, args=(folder / "another hub",))  # it runs an event loop of its own
    made.start()
    made.join()
    return folder / "another hub"


@story
async def test_a_record_that_was_changed_is_no_answer_and_the_ledger_says_so(tmp_path: Path) -> None:
    said = await onyx_moves(tmp_path)
    ledger = TamperedLedger(tmp_path)
    (decision,) = [index for index, (_, entry) in read_stored(tmp_path).entries.items() if isinstance(entry, Decision)]
    record = next(row for row in ledger.rows("ledger_detail") if row.number == decision)
    sealed = record.values["sealed"]
    assert isinstance(sealed, bytes)

    with ledger.changed(record, "sealed", with_byte(sealed, 200, sealed[200] ^ 1)):
        with pytest.raises((Rejected, TellwiseError)):
            ask(tmp_path, ONYX, said)
        found = [(finding.where, finding.what) for finding in verify_folder(tmp_path).findings]
    ledger.close()

    assert found == [(f"{LANE}, detail {decision}", "not the one that entry commits to")]


@story
async def test_why_a_notification_was_refused_is_for_the_officer_and_not_for_who_said_it(tmp_path: Path) -> None:
    """Housing had itself tried to say that somebody lives there. Its answer was one word."""
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        await here.say(PRESTON_HOUSING.name, resides(ONYX, PRESTON))
        await here.hear()
        (answered,) = here.desks[PRESTON_HOUSING.name].store.outgoing(*Sending)

    assert answered.state == "refused"
    stored = read_stored(tmp_path)
    (index,) = [index for index, (_, entry) in stored.entries.items() if isinstance(entry, Refusal)]
    assert stored.reason(index) == Reason.PUBLISHER
    assert stored.quarantine == [answered.sealed]  # byte for byte, should it ever be asked for
