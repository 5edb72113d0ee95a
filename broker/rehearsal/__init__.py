"""Rehearsal: a written story, played through the real broker, and every difference from what was expected.

It is the yardstick for the rules: real keys, real letters, opened by each desk with its own. The format of a story, and
what is compared, are in README.md beside this file.
"""

from broker.rehearsal.play import rehearse
from broker.rehearsal.result import Difference, Result
from broker.rehearsal.scenario import Scenario, ScenarioRefused, StatisticsFile, read_scenario

__all__ = ["Difference", "Result", "Scenario", "ScenarioRefused", "StatisticsFile", "read_scenario", "rehearse"]
