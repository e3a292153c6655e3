"""What the tests declare."""

from collections.abc import Mapping
from typing import Any, Final

from workmail_rooms.sandbox.seed import EXAMPLE

DOMAIN: Final = "example.com"
OTHER_DOMAIN: Final = "example.org"
#: Looked for in every log, so it must not occur there by chance.
DESCRIPTION: Final = "12 seats and a secret cellar"


def room_properties(**overrides: Any) -> dict[str, Any]:
    """Return the properties of a plain bookable room, as CloudFormation hands them over.

    Parameters
    ----------
    overrides:
        Properties to add or to replace; None takes one out.
    """
    properties = {
        "OrganizationId": EXAMPLE,
        "Name": "boardroom",
        "Type": "ROOM",
        "Email": f"boardroom@{DOMAIN}",
        **overrides,
    }
    return {key: value for key, value in properties.items() if value is not None}


def everything(**overrides: Any) -> dict[str, Any]:
    """Return the properties of a room that declares every property there is."""
    return room_properties(
        **{
            "Description": DESCRIPTION,
            "HiddenFromGlobalAddressList": "true",
            "Aliases": [f"board-room@{DOMAIN}", f"sitzungssaal@{DOMAIN}"],
            "Delegates": ["alice", f"facilities@{DOMAIN}"],
            "BookingOptions": {
                "AutoAcceptRequests": "false",
                "AutoDeclineRecurringRequests": "true",
                "AutoDeclineConflictingRequests": "false",
            },
            **overrides,
        }
    )


def resources_template(
    service_token: str, resources: Mapping[str, Mapping[str, Any]], **sections: Any
) -> dict[str, Any]:
    """Return a template with one ``Custom::WorkMailResource`` for each entry of *resources* (its properties).

    Parameters
    ----------
    sections:
        Further sections, such as ``Outputs``.
    """
    return {
        "Resources": {
            logical_id: {
                "Type": "Custom::WorkMailResource",
                "Properties": {"ServiceToken": service_token, "ServiceTimeout": 60, **properties},
            }
            for logical_id, properties in resources.items()
        },
        **sections,
    }
