"""How much memory something takes at its most, whatever this process took before.

The mark that a system keeps for a process only rises: whoever was once large could take as much again, unseen. Linux
lets a process begin its mark anew; elsewhere the mark is read as it stands.

Source: proc_pid_clear_refs(5), value 5; proc_pid_status(5), VmHWM. The mark of getrusage(2) will not do: it may be that
of the process from which this one was made.
"""

import os
import resource
import sys
from contextlib import suppress


def begin_kb() -> int:
    """Begin the mark anew. Where it stands now: as high as this process is large."""
    with suppress(OSError):  # no Linux, or one without it
        anew = os.open("/proc/self/clear_refs", os.O_WRONLY)
        try:
            os.write(anew, b"5")
        finally:
            os.close(anew)
    return most_kb()


def most_kb() -> int:
    """The most that this process took since `begin_kb`; where no mark can be begun anew, since it began."""
    try:
        status = os.open("/proc/self/status", os.O_RDONLY)
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // 1_024 if sys.platform == "darwin" else most  # getrusage(2) of macOS: in bytes
    try:
        return int(os.read(status, 4_096).partition(b"VmHWM:")[2].split(maxsplit=1)[0])
    finally:
        os.close(status)
