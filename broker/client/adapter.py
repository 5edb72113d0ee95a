"""How an agency's own system speaks and listens: the port that every adapter keeps, found by its entry point's name.

[project.entry-points."tellwise.adapters"]
jsonl = "agency_adapters.jsonl:JsonLines"
"""

from importlib.metadata import entry_points
from typing import Protocol

from broker.client.compose import Draft
from broker.client.opening import OpenedLetter
from broker.errors import UnknownAdapter

_GROUP = "tellwise.adapters"


class Adapter(Protocol):
    """Turns records of one system into notifications, and letters into records of it. Keeps nothing."""

    def said(self, record: bytes) -> Draft:
        """What a record of the system says.

        Raises:
            NotSent: it cannot be said; the text names the field and holds no value.
        """

    def heard(self, letter: OpenedLetter) -> bytes:
        """A letter, as the system takes it."""


def find_adapter(name: str) -> Adapter:
    """The adapter of this name.

    Raises:
        UnknownAdapter: none of this name is installed.
    """
    for point in entry_points(group=_GROUP, name=name):
        adapter: Adapter = point.load()()
        return adapter
    raise UnknownAdapter(name)
