"""What a desk does to notice a hub that shows it two histories: each new checkpoint must continue the ones it kept.

A checkpoint is believed only once the hub has proved that the ledger grew from the largest one that this desk kept to
it. A hub that cannot prove it is not believed any more: nothing is taken from it until somebody has looked.
Source: RFC 9162, section 2.1.4.2.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

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
        known = store.kept_root(checkpoint.origin, checkpoint.size)
        # Two roots of one size: the item is refused where it is taken, with the evidence.
        if known is None:
            by_log[checkpoint.origin].setdefault(checkpoint.size, checkpoint.root)
    for log, roots in by_log.items():
        last = store.last_checkpoint(log)
        if last is not None:
            roots[last[0]] = Digest(last[1])
        await _check_chain(log, roots, link)


async def _check_chain(log: str, roots: dict[int, Digest], link: Link) -> None:
    sizes = sorted(roots)
    while len(sizes) > 1:
        asked, sizes = sizes[:_SIZES_MAX], sizes[_SIZES_MAX - 1 :]
        proofs = await link.consistency(log, asked)
        try:
            for (old, new), proof in zip(pairwise(asked), proofs, strict=True):
                verify_consistency(old, roots[old], new, roots[new], proof)
        except (ProofRejected, ValueError) as error:
            telemetry.emit(telemetry.Event.LEDGER_FORKED, level=logging.CRITICAL, log=log)
            raise HubForked(f"the hub does not prove that `{log}` only grew") from error
