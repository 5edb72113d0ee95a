"""Who is woken, and who is left asleep."""

import asyncio
import threading

from broker.transport.bell import Bell
from tests.contracts.engine import story


@story
async def test_only_those_who_wait_for_the_partition_are_woken() -> None:
    bell = Bell()
    with bell.listen(("inbox", 0)) as ours, bell.listen(("inbox", 0)) as theirs, bell.listen(("inbox", 1)) as others:
        bell.ring([("inbox", 0), ("outbox.http", 0)])
        await asyncio.sleep(0)

        assert (ours.is_set(), theirs.is_set(), others.is_set()) == (True, True, False)


@story
async def test_it_may_be_rung_from_any_thread() -> None:
    bell = Bell()
    with bell.listen(("inbox", 0)) as rung:
        threading.Thread(target=bell.ring, args=([("inbox", 0)],)).start()

        async with asyncio.timeout(5):
            assert await rung.wait()


def test_who_left_a_loop_that_is_gone_stops_nobody() -> None:
    bell = Bell()
    gone = asyncio.new_event_loop()

    async def listen() -> None:
        bell.listen(("inbox", 0)).__enter__()

    gone.run_until_complete(listen())
    gone.close()

    bell.ring([("inbox", 0)])


@story
async def test_who_listens_no_more_leaves_nothing_behind() -> None:
    bell = Bell()
    with bell.listen(("inbox", 0)):
        pass

    assert bell._listeners == {}
