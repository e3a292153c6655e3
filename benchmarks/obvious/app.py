"""The obvious implementation: crhelper, boto3 and Powertools Logger, as their documentation shows them."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from crhelper import CfnResource

logger = Logger(service="workmail-resource")
helper = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)
workmail = boto3.client("workmail")


@helper.create
def create(event: dict[str, Any], _context: object) -> str:
    """Create the resource; its id is the physical ID."""
    properties = event["ResourceProperties"]
    logger.info("create", extra={"logical_resource_id": event["LogicalResourceId"]})
    created = workmail.create_resource(
        OrganizationId=properties["OrganizationId"], Name=properties["Name"], Type=properties["Type"]
    )
    helper.Data["ResourceId"] = created["ResourceId"]
    return created["ResourceId"]


def handler(event: dict[str, Any], context: object) -> None:
    """Answer one CloudFormation event."""
    helper(event, context)
