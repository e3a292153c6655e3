"""A CDK app with two rooms: ``pip install --requirement requirements.txt``, then ``cdk deploy``."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import aws_cdk as cdk
from constructs import Construct


class ResourceType(StrEnum):
    """What a resource is."""

    ROOM = "ROOM"
    EQUIPMENT = "EQUIPMENT"


class WorkMailResource(cdk.CustomResource):
    """A meeting room or a piece of equipment: ``Custom::WorkMailResource``.

    Parameters
    ----------
    organization_id, name, resource_type, email, description, aliases, delegates, hidden:
        The properties of the resource.
    auto_accept, auto_decline_recurring, auto_decline_conflicting:
        Its BookingOptions.
    adopt:
        Take over a resource of this name that exists already (``ExistingResource: ADOPT``).
    removal_policy:
        What happens to it when it is taken out of the app. RETAIN leaves it in WorkMail.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        organization_id: str,
        name: str,
        resource_type: ResourceType = ResourceType.ROOM,
        email: str | None = None,
        description: str | None = None,
        aliases: Sequence[str] = (),
        delegates: Sequence[str] = (),
        hidden: bool = False,
        auto_accept: bool = True,
        auto_decline_recurring: bool = False,
        auto_decline_conflicting: bool = True,
        adopt: bool = False,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    ) -> None:
        properties: dict[str, Any] = {
            "OrganizationId": organization_id,
            "Name": name,
            "Type": resource_type.value,
            "Email": email,
            "Description": description,
            "Aliases": list(aliases) or None,
            "Delegates": list(delegates) or None,
            "HiddenFromGlobalAddressList": hidden,
            "BookingOptions": {
                "AutoAcceptRequests": auto_accept,
                "AutoDeclineRecurringRequests": auto_decline_recurring,
                "AutoDeclineConflictingRequests": auto_decline_conflicting,
            },
            "ExistingResource": "ADOPT" if adopt else None,
        }
        super().__init__(
            scope,
            construct_id,
            resource_type="Custom::WorkMailResource",
            service_token=cdk.Fn.import_value("workmail-resource-ServiceToken"),
            service_timeout=cdk.Duration.minutes(10),
            removal_policy=removal_policy,
            properties={key: value for key, value in properties.items() if value is not None},
        )

    @property
    def resource_id(self) -> str:
        """The ResourceId."""
        return self.ref

    @property
    def state(self) -> str:
        """ENABLED or DISABLED."""
        return self.get_att_string("State")


class RoomsStack(cdk.Stack):
    """A board room that its delegates answer for, and a phone booth."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id, description="Two rooms, from the AWS CDK")
        organization = cdk.CfnParameter(
            self,
            "OrganizationId",
            default="m-d281d0a2fd824be5b6cd3d3ce909fd27",
            allowed_pattern="^m-[0-9a-f]{32}$",
            description="The WorkMail organization.",
        ).value_as_string
        domain = cdk.CfnParameter(
            self, "Domain", default="example.com", description="A verified domain of the organization."
        ).value_as_string

        board_room = WorkMailResource(
            self,
            "BoardRoom",
            organization_id=organization,
            name="cdk-boardroom",
            email=f"cdk-boardroom@{domain}",
            description="12 seats, video",
            delegates=["facilities"],
            auto_accept=False,
        )
        WorkMailResource(
            self,
            "PhoneBooth",
            organization_id=organization,
            name="cdk-phonebooth",
            email=f"cdk-phonebooth@{domain}",
            auto_decline_recurring=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        cdk.CfnOutput(self, "BoardRoomId", value=board_room.resource_id)
        cdk.CfnOutput(self, "BoardRoomState", value=board_room.state)


app = cdk.App()
RoomsStack(app, "rooms")
app.synth()
