"""Reads what CloudFormation has of deployed stacks. Every call is a read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from workmail_rooms.diff.templates import Deployed
from workmail_rooms.sandbox.cloudformation.errors import ValidationError

PERMISSIONS: Final = (
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
    "cloudformation:ListExports",
)


class Stacks:
    """The stacks of one account and Region.

    Parameters
    ----------
    client:
        A boto3 client for ``cloudformation``.
    folder:
        Where templates are put while they are read.

    Every method raises botocore's errors.
    """

    def __init__(self, client: Any, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._exports: dict[str, str] | None = None
        self._count = 0

    def read(self, stack: str) -> tuple[Path, Mapping[str, str], Deployed]:
        """Return the template, the parameters and what else is known of the stack with a name or id."""
        (description,) = self._client.describe_stacks(StackName=stack)["Stacks"]
        # After all transforms, those that only AWS can carry out too.
        body = self._client.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
        self._count += 1
        path = self._folder / f"{self._count}.template"
        # botocore has made a map of a JSON template.
        path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
        given = description.get("Parameters", [])
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=stack)
        deployed = Deployed(
            physical_ids={
                resource["LogicalResourceId"]: resource["PhysicalResourceId"]
                for page in pages
                for resource in page["StackResourceSummaries"]
                if resource.get("PhysicalResourceId") and resource["ResourceStatus"] != "DELETE_COMPLETE"
            },
            stored={one["ParameterValue"]: one["ResolvedValue"] for one in given if "ResolvedValue" in one},
            pseudo=_pseudo(description),
        )
        return path, {one["ParameterKey"]: one["ParameterValue"] for one in given}, deployed

    def export(self, name: str) -> str:
        """Return the value of an export.

        Raises
        ------
        ValidationError
            There is none of this name.
        """
        if self._exports is None:
            pages = self._client.get_paginator("list_exports").paginate()
            self._exports = {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}
        if name not in self._exports:
            raise ValidationError(f"No export named {name} found.")
        return self._exports[name]


def _pseudo(description: Mapping[str, Any]) -> dict[str, Any]:
    stack_id = description["StackId"]
    _, partition, _, region, account, _ = stack_id.split(":", 5)
    return {
        "AWS::StackId": stack_id,
        "AWS::StackName": description["StackName"],
        "AWS::AccountId": account,
        "AWS::Region": region,
        "AWS::Partition": partition,
        "AWS::NotificationARNs": description.get("NotificationARNs", []),
    }
