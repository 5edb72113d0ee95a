"""Every failure that leaves the room, with its next step. One class per thing that a caller can do differently.

Messages are one line, name desks, kinds and ids, and never a payload: an error travels to logs, traces and quarantine.
"""

from collections.abc import Iterable

from schemas import DeskId


class TellwiseError(Exception):
    """A failure that somebody can act on."""

    next_step = "Report this with the version and what was being done."
    """What the person in front of the screen can do, in one sentence."""


class UnknownDesk(TellwiseError):
    """No desk of this name is in the directory."""

    next_step = "Register it, or correct the name."

    def __init__(self, desk: DeskId) -> None:
        super().__init__(f"unknown desk `{desk}`")
        self.desk = desk


class EngineUnsafe(TellwiseError):
    """The storage below would not keep its promises on this machine, so nothing is started on it."""

    next_step = "Install the pinned dependencies; never put the folder on a network file system."


class FolderUnusable(TellwiseError):
    """The data folder cannot be read or written, or is not one of ours."""

    next_step = "Check the path, its owner and its permissions."


class LaneTaken(TellwiseError):
    """Another process owns the lane: a second hub on one data folder."""

    next_step = "Stop the other hub, or give this one a folder of its own."


class Fenced(TellwiseError):
    """Somebody else may own the lane now. Nothing of the transaction happened; stop, and take the lane anew."""

    next_step = "Nothing to do: the new owner goes on from the committed position."


class OutcomeUnknown(TellwiseError):
    """The reply to a commit was lost. Read the committed position: it is the only truth about what happened."""

    next_step = "Nothing to do: the lane reads its position again and goes on from there."


class EngineAway(TellwiseError):
    """The engine below did not answer in time, or refused. Nothing of what was asked happened."""

    next_step = "Nothing to do if it passes: it is tried again by itself. Else look whether its brokers are up."


class UnsafeTopics(EngineUnsafe):
    """Topics on Kafka would not keep what they are given, so no hub is started on them."""

    next_step = "See `tellwise kafka provision --plan`; to try it out alone, start with `--allow-unsafe-topics`."


class StateUnreadable(TellwiseError):
    """A row of the lane's state does not open under the state key, or a ledger is not what was signed: the file was
    altered, or the keys are another hub's."""

    next_step = "Run `tellwise ledger verify`, and restore the folder together with its keys."


class PolicyNotInForce(TellwiseError):
    """The policies that this process holds are not those that the directory names as in force; nothing is decided by
    them."""

    next_step = "Start the version whose policies are in force, or activate these."


class NotSent(TellwiseError):
    """A notification was refused where it was said, before anything was sealed or sent. The text names the fields."""

    next_step = "Correct the named fields and say it again."


class OpeningRefused(TellwiseError):
    """A letter, package or receipt was refused. Which check failed stands in the desk's own incident list, nowhere
    else.

    One class and one text for every cause, so that whoever sent it learns nothing from the answer.
    """

    next_step = "Look at the desk's incidents, and tell the hub's operator."

    def __init__(self) -> None:
        super().__init__("refused")


class KeyUnavailable(TellwiseError):
    """A key is not in the key store, or what it should open is not its."""

    next_step = "Restore the key folder that belongs to this data folder."


class NotRegistered(TellwiseError):
    """A desk was not entered in the directory. Nothing of it is there."""

    next_step = "Choose another name, or correct the field that the text names."


class UnknownAdapter(TellwiseError):
    """No adapter of this name is installed."""

    next_step = "Correct the name, or install the adapter."

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown adapter `{name[:60]}`")


class HubStopped(TellwiseError):
    """What was waited for will not come: the hub is no longer at work."""

    next_step = "Start it again; why it stopped stands in its log."


class HubUnreachable(TellwiseError):
    """The hub did not answer, or asks us to come back later. Nothing is lost: what we say stays in the outbox."""

    next_step = "Nothing to do if it passes: it is tried again by itself. Else check the network and the hub's address."

    def __init__(self, why: str, *, retry_after_s: float | None = None) -> None:
        """*why* is our own words; *retry_after_s* is the hub's, if it named a time."""
        super().__init__(f"the hub cannot be reached: {why}")
        self.retry_after_s = retry_after_s


class NotAdmitted(TellwiseError):
    """The hub does not take us for the desk that we say we are: not registered yet, revoked, or with other keys."""

    next_step = "Ask the hub's operator whether this desk is registered with the keys in its folder."


class ClockApart(TellwiseError):
    """This machine's clock and the hub's are further apart than the hub tolerates. What was sealed waits in the
    outbox."""

    next_step = "Set this machine's clock; what waits is sent by itself."


class ClockJumped(TellwiseError):
    """This machine's clock is further ahead than time can have passed since we started. Nothing is decided by it."""

    next_step = "Set the clock; the hub goes on by itself. If the new time is right, restart the hub."

    def __init__(self) -> None:
        super().__init__("the clock was set ahead while the hub was at work")


class HubForked(TellwiseError):
    """The hub does not prove that its ledger only grew since we last looked. Nothing more of it is believed."""

    next_step = (
        "Keep this folder as it is: it holds the evidence. Tell the hub's operator, and your own security officer."
    )


class RecordsGone(TellwiseError):
    """What was asked for was kept as long as it had to be, and was removed."""

    next_step = "Ask the hub's operator what this desk was told while it was away; from here on it hears again."

    def __init__(self, first: int) -> None:
        """*first* is the number of the first that is still there."""
        super().__init__(f"what was asked for is not kept any more: {first} is the first that is")
        self.first = first


class DeskBusy(TellwiseError):
    """Another process is at work on this desk's folder."""

    next_step = "Let it do the work, or stop it first."


class NotThere(TellwiseError):
    """What was asked for of a ledger is not there, or not for whoever asks.

    One class and one text for every cause, so that asking tells nobody what there is.
    """

    next_step = "Ask for what a signed checkpoint covers, and for an entry of your own."

    def __init__(self) -> None:
        super().__init__("not there")


class UnknownLedger(TellwiseError):
    """The hub has no ledger of this name, or has several and none was named."""

    next_step = "Name one of those."

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__("name a ledger of this hub: " + ", ".join(f"`{log}`" for log in known))


class SettingsRefused(TellwiseError):
    """A file of settings cannot be used. The text names the key."""

    next_step = "Correct the named keys; every setting is described in deploy/README.md."


class CannotListen(TellwiseError):
    """The hub's edge cannot be opened where the settings say."""

    next_step = "Choose another host or port, or correct the certificate; stop what else listens there."


class CardRefused(TellwiseError):
    """What should be a desk's card is none."""

    next_step = "Ask the desk for the file that `tellwise desk new` made."


class InstallationAltered(TellwiseError):
    """The program that runs is not the one that was installed, file by file; nothing is started with it."""

    next_step = "Install the wheel again, into an environment of its own, and find out who changed what was there."


class BackupRefused(TellwiseError):
    """A backup is not a whole one, not as it was signed, or another hub's. Nothing was made of it."""

    next_step = "Use another backup, or make one anew; if the hub's own folder is meant, run `tellwise ledger verify`."


class MoveRefused(TellwiseError):
    """A hub's data cannot be put where it is to go: something else is there already."""

    next_step = "Give it topics of its own: nothing of what is there may be mixed with it."


class ToolMissing(TellwiseError):
    """A program that must be installed beside Tellwise is not there, or is too old."""

    def __init__(self, what: str, next_step: str) -> None:
        """*what* names the program, *next_step* how it comes here."""
        super().__init__(what)
        self.next_step = next_step


class KafkaNotFetched(TellwiseError):
    """Kafka could not be fetched, or is not, byte for byte, what is pinned; nothing of it is run."""

    next_step = "Look whether this machine reaches a Maven repository; remove the named folder, and try again."


class KafkaNotUp(TellwiseError):
    """A Kafka for trying out did not come to serve. What was started for it is stopped."""

    next_step = "Read the named log; to begin again with nothing, run `tellwise dev kafka down --remove`."


class NoCluster(TellwiseError):
    """There is no Kafka of the kind that was asked for."""

    next_step = "Make one with `tellwise dev kafka up`, and name the same folder."


class KafkaRefused(TellwiseError):
    """A Kafka does not let us look at it or change it as we asked. What was done before stays done."""

    next_step = "Use a certificate that may do it, or correct what the text names; then do the same again."


class TopicsLeft(TellwiseError):
    """The topics of something that is over could not be removed from a Kafka. Nobody uses them any more."""

    next_step = "Remove them with Kafka's own `kafka-topics.sh --delete --topic PREFIX.*`, when its nodes are up."


class ClusterUnfit(TellwiseError):
    """A Kafka is not one on which this hub can be laid out. Nothing was changed."""

    def __init__(self, why: str, next_step: str) -> None:
        """*why* in our own words, and what to do about it."""
        super().__init__(why)
        self.next_step = next_step
