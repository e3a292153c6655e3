"""The AWS query protocol, as far as CloudFormation's DescribeStackResource needs it.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Mapping
from datetime import UTC
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.etree import ElementTree as ET

from workmail_rooms.sandbox.account import ACCOUNT_ID
from workmail_rooms.sandbox.cloudformation.describe import Describe, StackResourceDetail
from workmail_rooms.sandbox.cloudformation.errors import CloudFormationError

CONTENT_TYPE = "text/xml"
VERSION = "2010-05-15"

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_ACTION = "DescribeStackResource"
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


def carry_out(parameters: Mapping[str, str], describe: Describe) -> bytes:
    """Answer a request.

    Raises
    ------
    QueryError
        It is not DescribeStackResource, or that refuses it.
    """
    action = parameters.get("Action", "")
    if action != _ACTION:
        raise QueryError(
            _BAD_REQUEST,
            "InvalidAction",
            f"Could not find operation {action} for version {VERSION}. Only {_ACTION} is served here.",
        )
    try:
        found = describe(parameters.get("StackName", ""), parameters.get("LogicalResourceId", ""))
    except CloudFormationError as error:
        raise QueryError(_BAD_REQUEST, "ValidationError", str(error)) from error
    return _response(found)


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


def _response(found: StackResourceDetail) -> bytes:
    root = ET.Element(f"{_ACTION}Response", xmlns=_NAMESPACE)
    detail = ET.SubElement(ET.SubElement(root, f"{_ACTION}Result"), "StackResourceDetail")
    fields = {
        "StackId": found.stack_id,
        "StackName": found.stack_name,
        "LogicalResourceId": found.logical_id,
        "PhysicalResourceId": found.physical_id,
        "ResourceType": found.type,
        "LastUpdatedTimestamp": f"{found.updated.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "ResourceStatus": found.status,
        "ResourceStatusReason": found.status_reason,
    }
    for name, text in fields.items():
        if text:
            ET.SubElement(detail, name).text = text
    drift = ET.SubElement(detail, "DriftInformation")
    ET.SubElement(drift, "StackResourceDriftStatus").text = "NOT_CHECKED"
    metadata = ET.SubElement(root, "ResponseMetadata")
    ET.SubElement(metadata, "RequestId").text = str(uuid4())
    return ET.tostring(root, encoding="unicode").encode()
