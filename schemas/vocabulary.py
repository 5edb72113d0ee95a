"""The words of public protection that the rest is said in, each with its source.

"Study" is the project's domain study; where it rests on the law or on guidance, the instrument is named here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import IntEnum, StrEnum


class AgencyClass(StrEnum):
    """Standing of an agency under the Criminal Justice Act 2003, s.325. Study, section 2.2."""

    RA = "ra"
    """Responsible authority: police, probation, prison."""
    DTC = "dtc"
    """Has the duty to co-operate, s.325(6)."""
    ASSOCIATE = "associate"
    """Those that the responsible authority considers may contribute (MAPPA Guidance 9.1, 2022)."""
    OVERSIGHT = "oversight"
    """Boards and lay advisers: counts only, no case."""


class ServedBy(StrEnum):
    """Which body of a district a desk type belongs to: the column of the area table that its patch is compared with."""

    HOUSING = "housing_authority_code"
    SOCIAL_SERVICES = "social_services_authority_code"
    EDUCATION = "education_authority_code"
    FORCE = "police_force_code"
    ANY = "any"
    """The district, its social services authority or its force, whichever the patch names."""


class DeskType(StrEnum):
    """What a desk is for. A third party (landlord, head teacher, employer) is none: telling it is a decision of its
    own."""

    POLICE = "police"
    PROBATION = "probation"
    PRISON = "prison"
    VICTIM_LIAISON = "victim_liaison"
    RECALL_UNIT = "recall_unit"
    YOUTH_OFFENDING = "youth_offending"
    CHILDREN_SOCIAL_CARE = "children_social_care"
    ADULT_SOCIAL_CARE = "adult_social_care"
    EDUCATION_AUTHORITY = "education_authority"
    HOUSING_AUTHORITY = "housing_authority"
    REGISTERED_PROVIDER = "registered_provider"
    NHS_PROVIDER = "nhs_provider"
    DWP = "dwp"
    ELECTRONIC_MONITORING = "electronic_monitoring"
    IMMIGRATION = "immigration"
    NSPCC = "nspcc"
    VICTIM_SUPPORT = "victim_support"
    SMB = "smb"
    SAFEGUARDING_PARTNERSHIP = "safeguarding_partnership"
    LAY_ADVISER = "lay_adviser"


@dataclass(frozen=True, slots=True)
class DeskTypeRow:
    """What follows from a desk's type alone."""

    agency_class: AgencyClass
    served_by: ServedBy = ServedBy.ANY


DESK_TYPES: dict[DeskType, DeskTypeRow] = {
    DeskType.POLICE: DeskTypeRow(AgencyClass.RA, ServedBy.FORCE),
    DeskType.PROBATION: DeskTypeRow(AgencyClass.RA),
    DeskType.PRISON: DeskTypeRow(AgencyClass.RA),
    DeskType.VICTIM_LIAISON: DeskTypeRow(AgencyClass.RA),
    DeskType.RECALL_UNIT: DeskTypeRow(AgencyClass.RA),
    DeskType.YOUTH_OFFENDING: DeskTypeRow(AgencyClass.DTC),
    DeskType.CHILDREN_SOCIAL_CARE: DeskTypeRow(AgencyClass.DTC, ServedBy.SOCIAL_SERVICES),
    DeskType.ADULT_SOCIAL_CARE: DeskTypeRow(AgencyClass.DTC, ServedBy.SOCIAL_SERVICES),
    DeskType.EDUCATION_AUTHORITY: DeskTypeRow(AgencyClass.DTC, ServedBy.EDUCATION),
    DeskType.HOUSING_AUTHORITY: DeskTypeRow(AgencyClass.DTC, ServedBy.HOUSING),
    DeskType.REGISTERED_PROVIDER: DeskTypeRow(AgencyClass.DTC),
    DeskType.NHS_PROVIDER: DeskTypeRow(AgencyClass.DTC),
    DeskType.DWP: DeskTypeRow(AgencyClass.DTC),
    DeskType.ELECTRONIC_MONITORING: DeskTypeRow(AgencyClass.DTC),
    DeskType.IMMIGRATION: DeskTypeRow(AgencyClass.DTC),
    DeskType.NSPCC: DeskTypeRow(AgencyClass.ASSOCIATE),
    DeskType.VICTIM_SUPPORT: DeskTypeRow(AgencyClass.ASSOCIATE),
    DeskType.SMB: DeskTypeRow(AgencyClass.OVERSIGHT),
    DeskType.SAFEGUARDING_PARTNERSHIP: DeskTypeRow(AgencyClass.OVERSIGHT),
    DeskType.LAY_ADVISER: DeskTypeRow(AgencyClass.OVERSIGHT),
}
"""Every desk type. Source: study, section 2.2; the authority that serves a district by function: section 4, rule
(3)."""


class Risk(StrEnum):
    """Risk of serious harm. There is no level "none". Source: Probation Circular 36/2006 (study, V7 and V8)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very high"

    @property
    def rank(self) -> int:
        """0 to 3, for "high or above"."""
        return list(Risk).index(self)


class Level(IntEnum):
    """How a case is managed. Source: MAPPA Guidance, levels of management."""

    ORDINARY = 1
    MULTI_AGENCY = 2
    SENIOR_MULTI_AGENCY = 3


class Category(IntEnum):
    """MAPPA category. Source: MAPPA Guidance (1 to 3), Police, Crime, Sentencing and Courts Act 2022 (4)."""

    REGISTERED_SEXUAL = 1
    VIOLENT_AND_OTHER_SEXUAL = 2
    OTHER_DANGEROUS = 3
    TERRORIST = 4


class Tag(StrEnum):
    """What is true of a case until a case event says otherwise, or of one notification (as a flag). Study, section
    5."""

    CHILD_RELATED = "child_related"
    SEXUAL_OR_VIOLENT = "sexual_or_violent"
    SENTENCE_12M_UP = "sentence_12m_up"
    IN_CUSTODY = "in_custody"
    VICTIM_SCHEME = "victim_scheme"
    SUPERVISED = "supervised"
    HOUSING_CASE = "housing_case"
    STAFF_AT_RISK = "staff_at_risk"
    DETAINED_PATIENT = "detained_patient"
    EM_CONDITION = "em_condition"
    UNDER_18 = "under_18"
    ADULT_AT_RISK = "adult_at_risk"
    CHILD_IN_DANGER = "child_in_danger"
    VIOLENT_RECORD = "violent_record"


class Consent(StrEnum):
    """Whether somebody agreed. Only `given` is a yes. Study, section 2.8."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_SOUGHT = "not_sought"


class LegalState(StrEnum):
    """Where the law has the person at the moment."""

    COMMUNITY = "community"
    LICENCE = "licence"
    ORDER = "order"
    CUSTODY = "custody"
    HOSPITAL = "hospital"


class AddressKind(StrEnum):
    """What kind of address was notified. Source: Sexual Offences Act 2003, s.83(5) and s.84."""

    HOME = "home"
    OTHER = "other"
    """Where the person stays for a qualifying period: 7 days, or as many in 12 months."""
    APPROVED_PREMISES = "approved_premises"


class ReturnGround(StrEnum):
    """Why somebody is in custody again: counted apart in the annual report. Study, row 4."""

    LICENCE_BREACH = "licence_breach"
    ORDER_BREACH = "order_breach"
    NEW_OFFENCE = "new_offence"


class MeetingKind(StrEnum):
    """Which meeting of a panel. Study, row 6."""

    INITIAL = "initial"
    REVIEW = "review"


class ChairRole(StrEnum):
    """Who chairs it: initial ones an assistant chief officer, today a head of delivery unit. Study, rows 6 and 50."""

    ASSISTANT_CHIEF_OFFICER = "assistant_chief_officer"
    SENIOR_PROBATION_OFFICER = "senior_probation_officer"
    POLICE_INSPECTOR_OR_ABOVE = "police_inspector_or_above"


class OrderType(StrEnum):
    """A court's order. Past types stay readable. Study, section 2.7."""

    SOO = "soo"
    SOPO = "sopo"
    FTO = "fto"
    RSHO = "rsho"
    SHPO = "shpo"
    SRO = "sro"
    NO = "no"
    RO = "ro"
    CO = "co"
    CRO = "cro"
    PSS = "pss"
    HO = "ho"
    RESTR = "restr"
    ASBO = "asbo"
    CBO = "cbo"
    SPO = "spo"
    VOO = "voo"
    DAPO = "dapo"


class TermKind(StrEnum):
    """What a condition or a term is about. Study, section 2.7."""

    EXCLUDE_AREA = "exclude_area"
    NO_CONTACT = "no_contact"
    RESIDE = "reside"
    CURFEW = "curfew"
    NO_DEVICES = "no_devices"
    TRAVEL = "travel"
    NOTIFY = "notify"
    PROGRAMME = "programme"
    TAG = "tag"
    OTHER = "other"


class Purpose(StrEnum):
    """Why it is said, as a code for the log that the Data Protection Act 2018, s.62 asks for."""

    PUBLIC_PROTECTION = "public_protection"
    SAFEGUARDING = "safeguarding"
    OFFENDER_MANAGEMENT = "offender_management"


class Urgency(StrEnum):
    """How soon a person of the desk must acknowledge. Source: study, section 3.3 (our own defaults, to be reviewed)."""

    FLASH = "flash"
    URGENT = "urgent"
    PRIORITY = "priority"
    ROUTINE = "routine"
    RECORD = "record"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(Urgency).index(self)

    def acknowledge_by(self, told_at: datetime) -> datetime | None:
        """The moment by which a person must have acknowledged; None if nobody needs to.

        Raises:
            ValueError: *told_at* does not say in which time zone it is.

        LIMIT: a working day is Monday to Friday in UTC; bank holidays are not known, so a deadline may fall on one.
        """
        if told_at.utcoffset() is None:
            raise ValueError("a moment without a time zone")
        match self:
            case Urgency.FLASH:
                return told_at + timedelta(minutes=15)
            case Urgency.URGENT:
                return told_at + timedelta(hours=4)
            case Urgency.PRIORITY:
                return _working_days_later(told_at, 1)
            case Urgency.ROUTINE:
                return _working_days_later(told_at, 5)
            case Urgency.RECORD:
                return None


class Retention(StrEnum):
    """How long the receiving desk keeps what it was told. Source: study, section 3.3 (our own defaults, to be
    reviewed)."""

    CASE = "case"
    AREA = "area"
    TENANCY = "tenancy"
    SHORT = "short"
    VICTIM = "victim"
    POLICE = "police"
    HEALTH = "health"
    ORDER = "order"
    MINUTES = "minutes"


def _working_days_later(moment: datetime, days: int) -> datetime:
    moment = moment.astimezone(UTC)
    if moment.weekday() >= 5:  # told at a weekend is told on Monday at 00:00, or Monday's work would not count at all
        moment = datetime.combine(moment.date() + timedelta(days=7 - moment.weekday()), time(), UTC)
    while days:
        moment += timedelta(days=1)
        if moment.weekday() < 5:
            days -= 1
    return moment
