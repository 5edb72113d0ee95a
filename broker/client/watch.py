"""What a desk does to notice a hub that shows it two histories: each new checkpoint must continue the ones it kept.

A checkpoint is believed only once the hub has proved that the ledger grew from the largest one that this desk kept to
it. A hub that cannot prove it is not believed any more: nothing is taken from it until somebody has looked.
Source: RFC 9162, section 2.1.4.2.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NoReturn

from broker import telemetry
from broker.client.link import Link
from broker.client.store import DeskStore
from broker.errors import HubForked
from broker.ledger.checkpoint import Checkpoint
from broker.ledger.merkle import Digest, ProofRejected, verify_consistency

_SIZES_MAX = 101
"""Sizes that are asked about at once."""


async def check_growth(new: Iterable[Checkpoint], store: DeskStore, link: Link) -> None:
    """Check that these checkpoints, whose signatures are verified, continue what the desk kept.

    Raises:
        HubForked: they do not, or the hub does not prove it.
        HubUnreachable: the hub did not answer.
    """
    by_log: defaultdict[str, dict[int, Digest]] = defaultdict(dict)
    for checkpoint in new:
        roots = by_log[checkpoint.origin]
        known = store.kept_root(checkpoint.origin, checkpoint.size) or roots.get(checkpoint.size)
        if known is None:
            roots[checkpoint.size] = checkpoint.root
        elif known != checkpoint.root:  # two roots of one size
            _alarm(checkpoint.origin)
    for log, roots in by_log.items():
        last = store.last_checkpoint(log)
        if last is not None:
            roots[last[0]] = Digest(last[1])
        await _check_chain(log, roots, link)


async def check_standing(logs: Iterable[str], store: DeskStore, link: Link) -> None:
    """Check that the hub's ledgers still hold what this desk saw of them.

    A hub that was put back to an older copy hands over nothing that could be checked: the desk's place in its inbox is
    beyond the end, and what it says from then on until it is there would never be read.

    Args:
        logs: Origins of the ledgers.
        store: Where the desk kept its checkpoints. LIMIT: of a ledger of which it kept only one there is nothing to
            compare.
        link: The way to the hub.

    Raises:
        HubForked, HubUnreachable: as `check_growth`.
    """
    for log in logs:
        await _check_chain(log, {size: Digest(root) for size, root in store.last_checkpoints(log, 2)}, link)


async def tell_seen(logs: Iterable[str], store: DeskStore, link: Link) -> None:
    """Tell the hub the newest checkpoint that this desk kept of each ledger, so that one that lost something does not
    sign another history. So begins what witnesses do.

    Raises:
        HubForked: the hub does not have what it signed.
        HubUnreachable: the hub did not answer.
    """
    for log in logs:
        try:
            await link.seen(log, store.newest_note(log) or b"")
        except HubForked as error:
            _alarm(log, error)


async def _check_chain(log: str, roots: dict[int, Digest], link: Link) -> None:
    sizes = sorted(roots)
    while len(sizes) > 1:
        asked, sizes = sizes[:_SIZES_MAX], sizes[_SIZES_MAX - 1 :]
        try:
            proofs = await link.consistency(log, asked)
            for (old, new), proof in zip(pairwise(asked), proofs, strict=True):
                verify_consistency(old, roots[old], new, roots[new], proof)
        except (ProofRejected, ValueError, HubForked) as error:
            _alarm(log, error)


def _alarm(log: str, why: Exception | None = None) -> NoReturn:
    telemetry.emit(telemetry.Event.LEDGER_FORKED, level=logging.CRITICAL, log=log)
    raise HubForked(f"the hub does not prove that `{log}` only grew") from why
