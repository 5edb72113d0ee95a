"""What `tellwise doctor` looks at: the program as installed, the machine, the settings, the folders and the clocks.

Each check is a function of its own, looks and changes nothing, and answers with findings. What cannot be looked at is a
problem and not a silence.
"""

from broker.health.examination import examine
from broker.health.findings import Finding, Severity
from broker.health.installation import check_installation

__all__ = ["Finding", "Severity", "check_installation", "examine"]
