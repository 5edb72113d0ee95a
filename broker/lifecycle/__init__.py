"""The seven steps of a notification's life; see README.md beside this file, and read it first.

1 compose, 2 seal and 7 open and acknowledge stand on the desk's side, in broker/client. Here are the hub's:

    accept.py    3  is this from who it says, fresh, new, well formed, and may they say it?
    decide.py    4  which desks may concern it (reach.py), and what may each know?
    record.py    5  the lines in the ledger, and the letters whose keys release.py hands over
    deliver.py   6  one turn later, with checkpoint and proof

`plan` runs them over one turn's records. It does no I/O: (records, state, policies, clock reading) -> plan.
"""

from broker.lifecycle.plan import Before, plan
from broker.lifecycle.route import route
from broker.lifecycle.turn import Alarm, Batch, Plan, Premises

__all__ = ["Alarm", "Batch", "Before", "Plan", "Premises", "plan", "route"]
