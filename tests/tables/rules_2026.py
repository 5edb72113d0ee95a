"""The rules of need to know, copied from the study, and a direct evaluation of them.

They stand apart from the policies, so that each finds the other's mistakes.

Source: the study's table of rules, version 1, of 2026 (131 rules, 44 kinds, 130 pairs of kind and desk type), with its
global limits and its ceilings, and the fourth step of how it says that an event is played.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from policies import Candidate, Statement
from schemas import DESK_TYPES, AgencyClass, Consent, DeskType, Label, Retention, Risk, Urgency

# rule, kind, desk type, reach, conditions joined by +, urgency, retention: compartments. `*` is every desk type that
# does not only oversee, and for which no rule of its own matched; `*-x` not for x.
_RULES = """
r01 rso.registered probation team supervised priority case: identity description vehicle address offence
    risk_summary risk_detail status conditions household employment digital
r02 rso.registered children_social_care area child_related priority area: identity description address offence
    risk_summary conditions household
r03 rso.registered police force - record police: identity description vehicle address offence risk_summary
    risk_detail status conditions household employment digital financial intelligence
r04 rso.address_changed probation team supervised priority case: identity address household
r05 rso.address_changed children_social_care area child_related priority area: identity description address offence
    risk_summary conditions household
r06 rso.address_changed children_social_care area_old child_related+other_authority routine short: identity status
r07 rso.address_changed police force - urgent police: identity description vehicle address offence risk_summary
    risk_detail status conditions household employment digital financial intelligence
r08 rso.address_changed housing_authority team_area_old housing_case routine short: identity status
r09 rso.no_fixed_abode probation team supervised urgent case: identity location_hint status
r10 rso.no_fixed_abode housing_authority area risk_medium_up priority tenancy: identity risk_summary conditions
r11 rso.no_fixed_abode children_social_care area child_related+risk_high_up urgent area: identity description
    offence risk_summary conditions location_hint
r12 rso.foreign_travel police addressed - urgent police: identity description offence risk_summary conditions status
r13 rso.foreign_travel probation team supervised urgent case: identity status
r14 rso.whereabouts_unknown police all - flash police: identity description vehicle address offence risk_summary
    risk_detail conditions household intelligence
r15 rso.whereabouts_unknown probation team - flash case: identity status risk_summary
r16 rso.whereabouts_unknown children_social_care area child_related+risk_high_up urgent area: identity description
    offence risk_summary
r17 rso.whereabouts_unknown victim_liaison team victim_scheme+risk_high_up urgent victim: status risk_summary
r18 rso.requirement_breached probation team - priority case: identity status
r20 offender.resides_in_area children_social_care area child_related priority area: identity description address
    offence risk_summary conditions household
r21 offender.resides_in_area adult_social_care area adult_at_risk priority area: identity address offence
    risk_summary conditions
r22 offender.resides_in_area education_authority area child_related+risk_high_up+level_2_up urgent short: identity
    description location_hint risk_summary conditions
r23 offender.resides_in_area youth_offending area under_18 priority case: identity address offence risk_summary
    risk_detail conditions household
r24 offender.resides_in_area police force - priority police: identity description vehicle address offence
    risk_summary risk_detail status conditions household employment digital
r30 risk.changed police team - urgent police: identity risk_summary risk_detail conditions
r31 risk.changed probation team - urgent case: identity risk_summary risk_detail conditions
r32 risk.changed prison team in_custody priority case: identity risk_summary risk_detail
r33 risk.changed children_social_care team child_related urgent area: identity risk_summary conditions
r33b risk.changed nspcc team child_related urgent case: identity risk_summary risk_detail
r34 risk.changed housing_authority team housing_case+risk_rises urgent tenancy: identity risk_summary conditions
r34b risk.changed registered_provider team housing_case+risk_rises urgent tenancy: identity risk_summary conditions
r35 mappa.referred police all - urgent police: identity description address offence risk_summary risk_detail status
    conditions household employment
r36 mappa.referred probation all - urgent case: identity description address offence risk_summary risk_detail status
    conditions household employment
r37 register.entered police team - record police: identity risk_summary status
r38 register.entered probation team - record case: identity risk_summary status
r39 register.archived police team - routine police: identity status
r40 register.archived probation team - routine case: identity status
r41 register.archived children_social_care team - routine area: identity status
r42 register.archived housing_authority team housing_case routine tenancy: identity status
r50 mapp.meeting_called police addressed - urgent minutes: identity offence risk_summary status
r51 mapp.meeting_called probation addressed - urgent minutes: identity offence risk_summary status
r52 mapp.meeting_called * addressed - priority short: identity offence risk_summary
r53 mapp.minutes_issued * attendee - priority minutes: identity minutes risk_summary conditions
r54 mapp.minutes_issued police attendee - priority minutes: identity minutes risk_summary risk_detail conditions
    victim
r55 mapp.minutes_issued probation attendee - priority minutes: identity minutes risk_summary risk_detail conditions
    victim
r60 custody.sentenced victim_liaison all sentence_12m_up+sexual_or_violent routine victim: identity offence status
    victim
r61 custody.sentenced police team - routine police: identity offence status
r62 custody.sentenced probation team - routine case: identity offence status risk_summary
r63 programme.report probation team - routine case: identity risk_summary risk_detail status
r64 programme.report police team - routine police: identity risk_summary
r65 release.planned police team - priority police: identity description address offence risk_summary risk_detail
    status conditions
r66 release.planned probation team - priority case: identity description address offence risk_summary risk_detail
    status conditions
r67 release.planned victim_liaison team victim_scheme priority victim: status conditions
r68 release.planned children_social_care area child_related priority area: identity offence risk_summary status
    conditions address
r69 release.made police team - urgent police: identity description address status conditions risk_summary
r70 release.made probation team - urgent case: identity address status conditions risk_summary
r71 release.made victim_liaison team victim_scheme urgent victim: status conditions
r72 prison.transferred probation team - routine case: identity status
r73 prison.transferred police team - routine police: identity status
r74 prison.transferred prison addressed - priority case: identity description offence risk_summary risk_detail
    status conditions
r80 licence.set police team - priority police: identity address status conditions risk_summary
r81 licence.set prison team - priority case: identity status conditions
r82 licence.set victim_liaison team victim_scheme priority victim: status conditions
r83 licence.set registered_provider team housing_case priority tenancy: identity status conditions
r84 licence.set nhs_provider team - priority health: identity status conditions risk_summary
r85 licence.set electronic_monitoring team em_condition urgent case: identity address status conditions
r86 licence.breached recall_unit all - flash case: identity address offence risk_summary risk_detail status
    conditions
r87 licence.breached police team - flash police: identity description vehicle address risk_summary status conditions
r87b licence.breached probation team - flash case: identity address status conditions risk_summary
r88 recall.warrant police team - flash police: identity description vehicle address risk_summary status
r89 recall.warrant probation team - urgent case: identity status
r90 custody.returned probation team - urgent case: identity status
r91 custody.returned police team - urgent police: identity status
r92 custody.returned victim_liaison team victim_scheme urgent victim: status
r93 custody.returned children_social_care team child_related priority area: identity status
r94 custody.returned housing_authority team housing_case priority tenancy: identity status
r95 custody.returned nhs_provider team - priority health: identity status
r95b custody.returned adult_social_care team staff_at_risk urgent short: identity status
r95c custody.returned prison addressed - urgent case: identity description risk_summary risk_detail status
    conditions
r96 order.made police team - priority police: identity offence status conditions
r97 order.made probation team - priority order: identity offence status conditions risk_summary
r98 order.made children_social_care area child_related priority order: identity offence risk_summary status
    conditions address
r99 order.made victim_liaison team victim_scheme priority victim: status conditions
r100 order.made registered_provider team housing_case priority tenancy: identity status conditions
r101 order.made nspcc team child_related priority case: identity offence status conditions risk_summary
r102 order.made nhs_provider team - priority health: identity status conditions
r103 order.breached police team - flash police: identity description address status conditions risk_summary
r104 order.breached probation team - urgent order: identity status conditions
r105 supervision.ended police team - priority police: identity address status risk_summary risk_detail
r106 supervision.ended victim_liaison team victim_scheme priority victim: status
r107 supervision.ended *-victim_liaison team - routine short: identity status
r110 accommodation.requested housing_authority addressed - priority tenancy: identity offence risk_summary
    conditions status
r111 accommodation.requested registered_provider addressed - priority tenancy: identity offence risk_summary
    conditions status
r112 accommodation.proposed police team - priority police: identity address
r113 accommodation.proposed probation team - priority case: identity address
r114 accommodation.decided housing_authority addressed - priority tenancy: identity status
r115 accommodation.decided probation team - priority case: identity address status risk_summary
r116 accommodation.allocated police team - priority police: identity address
r117 accommodation.allocated probation team - priority case: identity address
r120 hospital.status probation team - priority case: identity status risk_summary health
r121 hospital.status police team - priority police: identity status risk_summary
r122 hospital.status prison team in_custody priority case: identity status health
r123 hospital.status victim_liaison team victim_scheme+detained_patient priority victim: status
r124 hospital.absent police all - flash police: identity description vehicle status risk_summary conditions
    household
r125 hospital.absent probation team - flash case: identity status risk_summary
r126 hospital.absent victim_liaison team victim_scheme flash victim: status
r127 hospital.absent adult_social_care team staff_at_risk flash short: identity description status risk_summary
r130 threat.reported police all - flash police: identity description address offence risk_summary risk_detail status
    victim household intelligence
r131 threat.reported probation team - urgent case: identity risk_summary risk_detail status victim
r132 threat.reported children_social_care area child_in_danger flash area: identity risk_summary household address
r133 victim.enrolled victim_liaison all - routine victim: victim offence status
r134 victim.representation probation team - priority victim: conditions victim
r135 victim.representation prison team in_custody priority case: conditions
r136 visit.planned police team - priority police: identity status conditions address
r137 visit.planned victim_liaison team victim_scheme urgent victim: status conditions
r138 disclosure.made probation team - priority case: identity status
r139 disclosure.made police team - priority police: identity status
r140 employment.risk dwp addressed level_2_up priority short: identity risk_summary conditions
r141 em.alert probation team - urgent case: identity status conditions location_hint
r142 em.alert police team risk_high_up flash police: identity status conditions location_hint
r143 digital.alert police team - urgent police: identity digital status
r144 digital.alert probation team supervised urgent case: identity digital status
r145 polygraph.result probation team supervised priority case: identity risk_summary risk_detail
r146 polygraph.result police team - priority police: identity risk_summary risk_detail
r147 csods.enquiry police force - urgent police: identity household victim
r148 csods.enquiry children_social_care area child_in_danger flash area: identity household risk_summary
r150 case.transferred police force - urgent police: identity description vehicle address offence risk_summary
    risk_detail status conditions household employment digital financial intelligence
r151 case.transferred probation addressed - urgent case: identity description address offence risk_summary
    risk_detail status conditions household employment
r152 correction.issued * had_original - urgent short: identity status correction
r153 monitoring.half_yearly smb all - routine short: aggregate
r154 monitoring.half_yearly safeguarding_partnership all - routine short: aggregate
r155 monitoring.half_yearly lay_adviser all - routine short: aggregate
"""

_CEILINGS = """
police: identity description vehicle address location_hint offence risk_summary risk_detail status conditions victim
    household employment digital financial intelligence minutes health
probation: identity description vehicle address location_hint offence risk_summary risk_detail status conditions
    victim household employment digital minutes health
prison: identity description offence risk_summary risk_detail status conditions minutes health
victim_liaison: identity offence status conditions victim risk_summary
recall_unit: identity address offence risk_summary risk_detail status conditions
youth_offending: identity address offence risk_summary risk_detail status conditions household minutes
children_social_care: identity description address location_hint offence risk_summary status conditions household
    minutes
adult_social_care: identity description address offence risk_summary status conditions minutes
education_authority: identity description location_hint offence risk_summary conditions status minutes
housing_authority: identity offence risk_summary status conditions minutes
registered_provider: identity offence risk_summary status conditions minutes
nhs_provider: identity offence risk_summary status conditions health minutes
dwp: identity offence risk_summary status conditions minutes
electronic_monitoring: identity address offence risk_summary status conditions minutes
immigration: identity offence risk_summary status conditions minutes
nspcc: identity offence risk_summary risk_detail status conditions minutes
victim_support: identity offence risk_summary status conditions minutes
smb: aggregate
safeguarding_partnership: aggregate
lay_adviser: aggregate
"""

# Limits G2 to G5, G8 and G9: compartment, and the desk types to which alone it goes.
_LIMITS = {
    "victim": "police probation victim_liaison",
    "health": "nhs_provider police probation prison",
    "financial": "police",
    "intelligence": "police",
    "risk_detail": "police probation prison youth_offending nhs_provider nspcc recall_unit",
    "digital": "police probation",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    id: str
    kind: str
    to: str
    reach: str
    conditions: frozenset[str]
    urgency: Urgency
    retention: Retention
    permits: frozenset[str]

    @property
    def for_whoever_has_none(self) -> bool:
        """Whether it is for those for whom no rule of their own matched."""
        return self.to.startswith("*")

    def matches(self, statement: Statement, candidate: Candidate) -> bool:
        """Whether it holds, but for the question whether a rule of the desk's own type matched."""
        if self.for_whoever_has_none:
            overseer = DESK_TYPES[candidate.desk_type].agency_class is AgencyClass.OVERSIGHT
            is_for = not overseer and candidate.desk_type not in self.to.split("-")
        else:
            is_for = self.to == candidate.desk_type
        found = getattr(candidate.reach, self.reach)
        return is_for and self.kind == statement.kind and found and self.conditions <= holding(statement)


def _paragraphs(text: str) -> Iterator[tuple[str, list[str]]]:
    """What stands before and after the colon of each line; a line that is indented goes on with the one before."""
    for line in text.strip().replace("\n    ", " ").splitlines():
        head, _, tail = line.partition(":")
        yield head, tail.split()


def _rules() -> Iterator[Rule]:
    for head, permits in _paragraphs(_RULES):
        rule_id, kind, to, reach, conditions, urgency, retention = head.split()
        yield Rule(
            rule_id,
            kind,
            to,
            reach,
            frozenset(conditions.split("+")) - {"-"},
            Urgency(urgency),
            Retention(retention),
            frozenset(permits),
        )


RULES = tuple(_rules())
CEILINGS = {DeskType(name): frozenset(map(Label, labels)) for name, labels in _paragraphs(_CEILINGS)}
"""By desk type, the compartments that it may hold at most. `contact` and `correction` are always within."""


def holding(statement: Statement) -> frozenset[str]:
    """The conditions that hold: the tags, and what follows from risk, level and the rest."""
    risk, level = statement.risk, statement.level
    others = {
        "risk_medium_up": risk in {Risk.MEDIUM, Risk.HIGH, Risk.VERY_HIGH},
        "risk_high_up": risk in {Risk.HIGH, Risk.VERY_HIGH},
        "level_2_up": level is not None and level >= 2,
        "other_authority": statement.other_authority,
        "risk_rises": statement.risk_rises,
    }
    return frozenset({tag.value for tag in statement.tags} | {name for name, holds in others.items() if holds})


def matching(statement: Statement, candidate: Candidate) -> tuple[Rule, ...]:
    """The rules that match for one desk: those of its own type, or if there is none, those for whoever has none."""
    matched = [rule for rule in RULES if rule.matches(statement, candidate)]
    own = [rule for rule in matched if not rule.for_whoever_has_none]
    return tuple(own or matched)


def told(statement: Statement, candidate: Candidate) -> frozenset[Label]:
    """The compartments that the desk is told.

    In two places our own policies are stricter than the study: a suspended desk is told nothing, and of a correction
    here is only what goes to everybody who was told, since what each of them was told is not known here.
    """
    agency_class = DESK_TYPES[candidate.desk_type].agency_class
    unsigned = agency_class in {AgencyClass.DTC, AgencyClass.ASSOCIATE} and not candidate.signed
    if unsigned or candidate.suspended:
        return frozenset()
    permitted = {label for rule in matching(statement, candidate) for label in rule.permits}
    permitted -= {label for label, desk_types in _LIMITS.items() if candidate.desk_type not in desk_types.split()}
    if not (
        statement.consent_patient is Consent.GIVEN
        or statement.caldicott_authority
        or candidate.desk_type is DeskType.NHS_PROVIDER
    ):
        permitted -= {"health"}
    if agency_class is AgencyClass.OVERSIGHT:
        permitted &= {"aggregate"}
    permitted &= CEILINGS[candidate.desk_type] | {"correction"}
    return frozenset(map(Label, permitted)) & statement.carried
