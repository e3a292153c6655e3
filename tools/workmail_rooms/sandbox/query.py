"""The AWS query protocol, as far as CloudFormation's DescribeStacks and DescribeStackResource need it.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.etree import ElementTree as ET

from workmail_rooms.sandbox.account import ACCOUNT_ID
from workmail_rooms.sandbox.cloudformation import Describe, DescribeStacks, Stack, StackResourceDetail
from workmail_rooms.sandbox.cloudformation.errors import CloudFormationError

CONTENT_TYPE = "text/xml"
VERSION = "2010-05-15"

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_BAD_REQUEST, _FORBIDDEN = 400, 403


class QueryError(Exception):
    """A call that is answered with an error.

    Attributes
    ----------
    status:
        The HTTP status.
    code:
        The error code.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def read_request(body: bytes) -> dict[str, str]:
    """Return the parameters of a request, ``Action`` among them."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def carry_out(parameters: Mapping[str, str], describe: Describe, stacks: DescribeStacks) -> bytes:
    """Answer a request.

    Raises
    ------
    QueryError
        It is another operation, or that refuses it.
    """
    action, stack_name = parameters.get("Action", ""), parameters.get("StackName", "")
    root = ET.Element(f"{action}Response", xmlns=_NAMESPACE)
    result = ET.SubElement(root, f"{action}Result")
    try:
        match action:
            case "DescribeStackResource":
                _add_resource(result, describe(stack_name, parameters.get("LogicalResourceId", "")))
            case "DescribeStacks":
                members = ET.SubElement(result, "Stacks")
                for stack in stacks(stack_name):
                    _add_stack(ET.SubElement(members, "member"), stack)
            case _:
                raise QueryError(
                    _BAD_REQUEST,
                    "InvalidAction",
                    f"Could not find operation {action} for version {VERSION}. "
                    "Only DescribeStacks and DescribeStackResource are served here.",
                )
    except CloudFormationError as error:
        raise QueryError(_BAD_REQUEST, "ValidationError", str(error)) from error
    ET.SubElement(ET.SubElement(root, "ResponseMetadata"), "RequestId").text = str(uuid4())
    return ET.tostring(root, encoding="unicode").encode()


def denial(parameters: Mapping[str, str]) -> QueryError:
    """Return what IAM answers for CloudFormation when the function's role lacks the permission."""
    return QueryError(
        _FORBIDDEN,
        "AccessDenied",
        f"User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/ProviderRole/ProviderFunction is not authorized to perform: "
        f"cloudformation:{parameters.get('Action')} on resource: {parameters.get('StackName')} because no "
        f"identity-based policy allows the cloudformation:{parameters.get('Action')} action",
    )


def error_body(status: int, code: str, message: str) -> bytes:
    """Return an error in the form of the protocol."""
    root = ET.Element("ErrorResponse", xmlns=_NAMESPACE)
    error = ET.SubElement(root, "Error")
    sender = status < 500  # noqa: PLR2004 - HTTP's boundary between the caller's faults and the service's
    for name, text in (("Type", "Sender" if sender else "Receiver"), ("Code", code), ("Message", message)):
        ET.SubElement(error, name).text = text
    ET.SubElement(root, "RequestId").text = str(uuid4())
    return ET.tostring(root, encoding="unicode").encode()


def _add_resource(result: ET.Element, found: StackResourceDetail) -> None:
    detail = ET.SubElement(result, "StackResourceDetail")
    fields = {
        "StackId": found.stack_id,
        "StackName": found.stack_name,
        "LogicalResourceId": found.logical_id,
        "PhysicalResourceId": found.physical_id,
        "ResourceType": found.type,
        "LastUpdatedTimestamp": _moment(found.updated),
        "ResourceStatus": found.status,
        "ResourceStatusReason": found.status_reason,
    }
    _add_fields(detail, fields)
    _add_fields(ET.SubElement(detail, "DriftInformation"), {"StackResourceDriftStatus": "NOT_CHECKED"})


def _add_stack(member: ET.Element, stack: Stack) -> None:
    updates = [
        event.timestamp
        for event in stack.events
        if event.physical_resource_id == stack.stack_id and event.resource_status == "UPDATE_IN_PROGRESS"
    ]
    fields = {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "CreationTime": _moment(stack.events[0].timestamp) if stack.events else "",
        "LastUpdatedTime": _moment(updates[-1]) if updates else "",
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "ParentId": stack.parent_id,
    }
    _add_fields(member, fields)
    declared = stack.template.get("Parameters", {})
    secret = {name for name, one in declared.items() if str(one.get("NoEcho", "")).lower() == "true"}
    parameters = {name: "****" if name in secret else value for name, value in stack.parameters.items()}
    for kind, values in (("Parameter", parameters), ("Output", stack.outputs)):
        pairs = ET.SubElement(member, f"{kind}s")
        for key, value in values.items():
            pair = ET.SubElement(pairs, "member")
            ET.SubElement(pair, f"{kind}Key").text = key
            ET.SubElement(pair, f"{kind}Value").text = value


def _add_fields(parent: ET.Element, fields: Mapping[str, str]) -> None:
    """Add those that are not empty."""
    for name, text in fields.items():
        if text:
            ET.SubElement(parent, name).text = text


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
