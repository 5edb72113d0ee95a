"""What a story says of the case, as the signed case events by which alone it changes; and what a desk was told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from broker.app import Tellwise
from broker.audit import explain
from broker.client import Draft, OpenedLetter, compose
from broker.rehearsal.scenario import Event, Subject
from broker.sealing.entropy import system_entropy
from broker.state.vault import Vault
from schemas import COMPARTMENTS, AreaCode, Consent, DeskId, Label, PersonKey, Purpose, Said, Tag, Urgency
from schemas.compartments import Contact
from schemas.kinds.case import CaseAssessed, CaseOpened, CaseTagged, ConsentRecorded, TeamChanged

Say = Callable[[str, Said], Draft]


@dataclass(frozen=True, slots=True)
class Told:
    """What one desk was told of one event, as it opened it with its own key."""

    labels: frozenset[Label]
    urgency: Urgency
    acknowledge_by: object
    policies: Callable[[], tuple[str, ...]]
    """The grounds on which it was told, out of the detail record; looked up only where something differs."""

    @classmethod
    def of_letter(cls, letter: OpenedLetter, tellwise: Tellwise, person: PersonKey) -> "Told":
        """From an opened letter."""
        desk, notification = letter.cover.desk, letter.head.id

        def policies() -> tuple[str, ...]:
            vault = Vault(tellwise.hub.premises.keys, system_entropy)
            records = [
                record
                for lane in tellwise.hub.premises.lanes
                for record in explain(tellwise.engine.file, lane, vault, person, notification)
            ]
            opened = [ids for record in records if record.desk == desk for ids in record.opened.values()]
            return tuple(sorted({policy for ids in opened for policy in ids}))

        labels = frozenset(letter.compartments) - {Label.CONTACT}
        return cls(labels, letter.cover.urgency, letter.cover.acknowledge_by, policies)


def opening_draft(
    subject: Subject, team: Sequence[DeskId], forces: Sequence[AreaCode], person: PersonKey, contact: Contact
) -> Draft:
    """The case at the start of the story. It belongs to the MAPPA areas of all police desks."""
    said = CaseOpened.of(
        team=tuple(team),
        tags=tuple(Tag(tag) for tag in subject.tags if tag in set(Tag)),
        risk=subject.risk,
        level=subject.level,
        category=subject.category,
        forces=tuple(dict.fromkeys(forces))[:10],
    )
    compartments: dict[Label, Said] = {Label.CONTACT: contact, Label.CONTROL: said}
    return compose("case.opened", person, Purpose.PUBLIC_PROTECTION, compartments)


def case_drafts(
    joining: Sequence[DeskId],
    leaving: Sequence[DeskId],
    tags: tuple[Sequence[Tag], Sequence[Tag]],
    assessed: CaseAssessed | None,
    consent: ConsentRecorded | None,
    say: Say,
) -> list[Draft]:
    """The case events of one moment of the story.

    Args:
        joining: Desks that come to the team.
        leaving: Desks that leave it.
        tags: The tags before and after.
        assessed: Risk and level, if they change.
        consent: The consents, if they change.
        say: Makes a draft of what is said to the hub.
    """
    drafts = []
    if joining or leaving:
        drafts.append(say("case.team_changed", TeamChanged.of(add=tuple(joining), remove=tuple(leaving))))
    before, after = tags
    added = tuple(tag for tag in after if tag not in before)
    removed = tuple(tag for tag in before if tag not in after)
    if added or removed:
        drafts.append(say("case.tagged", CaseTagged.of(add=added, remove=removed)))
    if assessed is not None:
        drafts.append(say("case.assessed", assessed))
    if consent is not None:
        drafts.append(say("consent.recorded", consent))
    return drafts


def consent_of(event: Event) -> ConsentRecorded:
    """The patient's consent as the event has it: valid for this notification alone."""
    return ConsentRecorded.of(
        patient=Consent.GIVEN if event.consent_health == "given" else Consent.NOT_SOUGHT,
        caldicott_authority=event.consent_health == "caldicott",
    )


def second_pass_labels(carries: Sequence[Label]) -> tuple[Label, ...]:
    """Every compartment filled; `aggregate` only if the event carries it, and no correction."""
    left_out = {Label.CONTACT, Label.CORRECTION} | ({Label.AGGREGATE} - set(carries))
    return tuple(label for label in COMPARTMENTS if label not in left_out)
