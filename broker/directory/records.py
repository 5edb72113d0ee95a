"""The directory as the records of its topic make it: events, and among them the checkpoints over them."""

from collections.abc import Iterable

from broker.directory.directory import Directory
from broker.directory.events import read_event
from broker.sealing.signatures import VerifyKey
from schemas.strict import NotStrict, json_decode


def directory_of(records: Iterable[bytes], key: VerifyKey) -> Directory:
    """The directory after these records, the first that there is included.

    The checkpoints are left out: that it is the directory that everybody sees is for desks to find out.

    Raises:
        Rejected: an event is not signed by *key*, or is not the next one.
    """
    directory = Directory()
    for record in records:
        directory = with_record(directory, record, key)
    return directory


def with_record(directory: Directory, record: bytes, key: VerifyKey) -> Directory:
    """The directory after one more record. Raises as `directory_of`."""
    return directory if _is_checkpoint(record) else directory.after(read_event(record, key))


def _is_checkpoint(record: bytes) -> bool:
    try:
        return "checkpoint" in json_decode(record)
    except (NotStrict, TypeError):
        return False
