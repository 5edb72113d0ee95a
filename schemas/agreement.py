"""Whether what is in the compartments agrees with the facts: a publisher that says one thing to the hub and another
to the desks is refused.
"""

from collections.abc import Mapping

from schemas.compartments import Address, Identity, Label, LocationHint
from schemas.facts import Facts
from schemas.identifiers import PersonScheme
from schemas.said import Said, SchemaRefused


def check_agreement(facts: Facts, opened: Mapping[Label, Said]) -> None:
    """Compare the facts with the compartments that the caller could open.

    Args:
        facts: What the hub decides by.
        opened: Every compartment that is readable here: at the publisher all, at the hub those that are not blind.

    Raises:
        SchemaRefused: they name another person or another district; the text names the compartment.
    """
    problems = []
    for label in (Label.ADDRESS, Label.LOCATION_HINT):
        place = opened.get(label)
        # A notification that is about no district (a licence, say) may still carry an address.
        if facts.area is not None and isinstance(place, Address | LocationHint) and place.district != facts.area:
            problems.append(f"`{label}.district` is not the fact `area`")
    identity = opened.get(Label.IDENTITY)
    if isinstance(identity, Identity) and facts.person.scheme is not PersonScheme.REF:
        same_scheme = [key for key in identity.identifiers if key.scheme is facts.person.scheme]
        if same_scheme and facts.person not in same_scheme:
            problems.append("`identity.identifiers` is not the fact `person`")
    if problems:
        raise SchemaRefused("facts", tuple(problems))
