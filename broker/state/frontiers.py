"""Table *frontiers*: the right edge of each ledger once more, sealed, so that a hub signs no tree but its own.

The ledger's own tables lie in clear, for auditors. Whoever can write to the file and has no key could append a line
there, with the right edge that belongs to it, and a hub that starts signs what it finds.
"""

from broker.errors import StateUnreadable
from broker.ledger.merkle import Frontier
from broker.ports import Table
from broker.state.rows import Rows


def put_frontier(rows: Rows, log: str, frontier: Frontier) -> None:
    """The right edge as this turn leaves it."""
    rows.put(Table.FRONTIERS, rows.vault.row_key(Table.FRONTIERS, log), frontier.to_bytes())


def own_frontier(rows: Rows, log: str, stored: bytes | None) -> Frontier | None:
    """The right edge that the ledger has, if it is the one that we left; None if there is no entry yet.

    Raises:
        StateUnreadable: somebody else has added to the ledger, or taken from it.
    """
    if rows.get(Table.FRONTIERS, rows.vault.row_key(Table.FRONTIERS, log)) != stored:
        raise StateUnreadable(f"ledger `{log}` does not end where this hub left it")
    return None if stored is None else Frontier.from_bytes(stored)
