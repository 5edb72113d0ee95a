"""What is compared, and how it is counted. One yielded value is one comparison; None is agreement."""

from collections.abc import Iterator, Mapping
from datetime import UTC

from broker.rehearsal.result import Difference
from broker.rehearsal.scenario import Event, Scenario
from broker.rehearsal.stage import Told
from policies.ceilings import ceilings
from policies.disclosure import Asked, decide_disclosure
from schemas import DeskId, DeskType, Label, Urgency


def compare_letters(event: Event, told: Mapping[str, Told]) -> Iterator[Difference | None]:
    """One comparison for each desk that was told or should have been, each `never`, each `never_compartments`."""
    for desk in sorted({*told, *event.deliver}):
        got = told[desk].labels if desk in told else frozenset()
        yield _compared(event, desk, got, frozenset(event.deliver.get(desk, ())), told)
    for desk in event.never:
        got = told[desk].labels if desk in told else frozenset()
        yield _compared(event, desk, got, frozenset(), told)
    for desk, barred in event.never_compartments.items():
        got = told[desk].labels & frozenset(barred) if desk in told else frozenset()
        yield _compared(event, desk, got, frozenset(), told)


def compare_second_pass(
    event: Event, would: Mapping[DeskId, frozenset[Label]], types: Mapping[str, object]
) -> Iterator[Difference | None]:
    """One comparison for each letter: nobody of `never`, nothing barred, nothing above the ceiling of the desk type."""
    for desk, labels in sorted(would.items()):
        ceiling = ceilings()[DeskType(str(types[desk]))] | {Label.CORRECTION}
        extra = set(labels - ceiling) | set(labels & frozenset(event.never_compartments.get(desk, ())))
        if desk in event.never:
            extra |= labels
        yield _difference(event, desk, extra, set(), ()) if extra else None


def compare_ack(event: Event, told: Mapping[str, Told]) -> Difference | None:
    """The class of the most urgent letter, and the moment by which somebody must have acknowledged it."""
    ack = event.ack
    letters = sorted(told.values(), key=lambda letter: letter.urgency.rank)
    if ack is None or not letters:
        return Difference(event.id, "ack", event.by, missing=("no letter to acknowledge",))
    found, due = letters[0].urgency, letters[0].acknowledge_by
    # Working days are counted in UTC and from the moment of telling, so only elapsed classes can agree to the minute.
    exact = ack.urgency in (Urgency.FLASH, Urgency.URGENT)
    if found is not ack.urgency or (exact and due != ack.due.astimezone(UTC)):
        return Difference(event.id, "ack", event.by, (f"{found} by {due}",), (f"{ack.urgency} by {ack.due}",))
    return None


def compare_disclosure(event: Event, *, under_18: bool) -> Difference | None:
    """The decision to tell somebody outside, word for word."""
    asked = event.disclosure
    if asked is None:
        return None
    answer = decide_disclosure(
        Asked(
            content=asked.content,
            reasons=asked.reasons,
            consent=asked.consent,
            authority=asked.authority,
            imminent=asked.imminent,
            under_18=under_18,
            csc_consulted=asked.csc_consulted,
        )
    )
    if answer == asked.expect:
        return None
    return Difference(event.id, "disclosure", event.by, (answer,), (asked.expect,))


def uncompared(scenario: Scenario) -> list[str]:
    """What the story asks for and nothing here can tell."""
    asked = [f"final `{key}`" for key in scenario.final]
    for event in scenario.events:
        if event.check is not None:
            asked.append(f"event `{event.id}`: a check in words")
        if event.disclosure is not None:
            asked.append(f"event `{event.id}`: that the decision is recorded and, where it must be, confirmed in time")
        if event.ack is not None and event.ack.urgency not in (Urgency.FLASH, Urgency.URGENT):
            asked.append(f"event `{event.id}`: the moment of `ack`, which is counted in working days")
    return asked


def _compared(
    event: Event, desk: str, got: frozenset[Label], wanted: frozenset[Label], told: Mapping[str, Told]
) -> Difference | None:
    if got == wanted:
        return None
    policies = told[desk].policies() if desk in told else ()
    return _difference(event, desk, set(got - wanted), set(wanted - got), policies)


def _difference(
    event: Event, desk: str, extra: set[Label], missing: set[Label], policies: tuple[str, ...]
) -> Difference:
    return Difference(event.id, event.type or "", desk, _names(extra), _names(missing), policies)


def _names(labels: set[Label]) -> tuple[str, ...]:
    return tuple(sorted(label.value for label in labels))
