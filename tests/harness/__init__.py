"""The stage on which tests play CloudFormation against the real handler, in its own process and over real HTTPS."""

from tests.harness.answer import Answer, violations
from tests.harness.interventions import Interventions
from tests.harness.properties import (
    DESCRIPTION,
    DOMAIN,
    OTHER_DOMAIN,
    everything,
    resources_template,
    room_properties,
)
from tests.harness.records import Records
from tests.harness.stage import Function, Sent, Stage

__all__ = [
    "DESCRIPTION",
    "DOMAIN",
    "OTHER_DOMAIN",
    "Answer",
    "Function",
    "Interventions",
    "Records",
    "Sent",
    "Stage",
    "everything",
    "resources_template",
    "room_properties",
    "violations",
]
