"""The custom resource protocol: the events CloudFormation sends and the rules an answer has to keep. Pure functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workmail_rooms.sandbox.cloudformation.errors import StackFailure
from workmail_rooms.sandbox.cloudformation.scalars import stringify

MAX_BODY_BYTES = 4096
MAX_PHYSICAL_ID_BYTES = 1024
MAX_SERVICE_TIMEOUT = 3600


@dataclass(frozen=True, slots=True)
class Answer:
    """What an event led to.

    Attributes
    ----------
    physical_id:
        The PhysicalResourceId answered; None when there was no valid one.
    failure:
        The status reason when the resource has failed; None when it succeeded.
    data:
        The Data answered, for Fn::GetAtt.
    no_echo:
        Whether Data is to be masked.
    delivered:
        False when no function could be called at all.
    """

    physical_id: str | None = None
    failure: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    no_echo: bool = False
    delivered: bool = True


def request_event(
    request_type: str,
    *,
    stack_id: str,
    logical_id: str,
    resource_type: str,
    properties: Mapping[str, Any],
    physical_id: str | None = None,
    old_properties: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make an event, all but its RequestId and ResponseURL, which are made when it is sent.

    Parameters
    ----------
    request_type:
        ``Create``, ``Update`` or ``Delete``.
    physical_id:
        For Update and Delete.
    old_properties:
        For Update.
    """
    event: dict[str, Any] = {
        "RequestType": request_type,
        "ServiceToken": properties["ServiceToken"],
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "ResourceType": resource_type,
        "ResourceProperties": dict(properties),
    }
    if physical_id is not None:
        event["PhysicalResourceId"] = physical_id
    if old_properties is not None:
        event["OldResourceProperties"] = dict(old_properties)
    return event


def check_service_properties(properties: Mapping[str, Any]) -> None:
    """Check the two properties that are CloudFormation's own.

    Raises
    ------
    StackFailure
        ServiceToken is missing, or ServiceTimeout is not 1 to 3600.
    """
    token = properties.get("ServiceToken")
    if token is None:
        raise StackFailure("Invalid template property or properties: ServiceToken is required for a custom resource")
    if not isinstance(token, str) or not token:
        raise StackFailure(
            "Invalid template property or properties: ServiceToken must be the ARN of a function or a topic, not "
            f"{token!r}"
        )
    timeout = properties.get("ServiceTimeout", "1")
    if not isinstance(timeout, str) or not timeout.isdecimal() or not 1 <= int(timeout) <= MAX_SERVICE_TIMEOUT:
        raise StackFailure(
            "Invalid template property or properties: ServiceTimeout must be an integer from 1 to "
            f"{MAX_SERVICE_TIMEOUT} (seconds), not {timeout!r}"
        )


def service_timeout(properties: Mapping[str, Any]) -> float:
    """Return how long CloudFormation waits for an answer, in seconds."""
    return float(properties.get("ServiceTimeout", MAX_SERVICE_TIMEOUT))


def no_answer(request_id: str) -> Answer:
    """Return what the absence of an answer within ServiceTimeout means."""
    return Answer(
        failure="CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
        f"requestId [{request_id}]. If you are using the Python cfn-response module, you may need to update your "
        "Lambda function code so that CloudFormation can attach the updated version."
    )


def read_answer(body: bytes, event: Mapping[str, Any]) -> Answer:
    """Judge the body of the PUT that answers *event*.

    The texts "Response object is too long." (aws-cdk #23958), "Invalid PhysicalResourceId" (custom-resource-helper #67)
    and "Invalid Response object: ... is not a valid ResponseStatus" (aws-elb-autoscaling #23) are CloudFormation's own.
    Where its text is not public, the sentence has the form of the last one.
    """
    if len(body) > MAX_BODY_BYTES:
        return Answer(failure="Response object is too long.")
    try:
        answer = json.loads(body)
    except ValueError:
        return Answer(failure="Invalid Response object: not valid JSON")
    if not isinstance(answer, dict):
        return Answer(failure="Invalid Response object: not a JSON object")
    mismatch = next(_mismatches(answer, event), None)
    if mismatch is not None:
        return Answer(failure=mismatch)
    return Answer(
        physical_id=answer["PhysicalResourceId"],
        failure=next(_failures(answer, event), None),
        data=stringify(answer["Data"]) if isinstance(answer.get("Data"), dict) else {},
        no_echo=_no_echo(answer) == "true",
    )


def _mismatches(answer: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[str]:
    """Yield why *answer* cannot be taken for one to *event* or names no usable id."""
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if name not in answer:
            yield f"Invalid Response object: {name} is missing"
        elif answer[name] != event[name]:
            yield f"Invalid Response object: {name} {answer[name]!r} is not the request's {event[name]!r}"
    physical_id = answer.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not 1 <= _length(physical_id) <= MAX_PHYSICAL_ID_BYTES:
        yield "Invalid PhysicalResourceId"


def _failures(answer: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[str]:
    """Yield why the resource has failed."""
    status, reason, physical_id = answer.get("Status"), answer.get("Reason"), answer["PhysicalResourceId"]
    if status == "FAILED" and (not isinstance(reason, str) or not reason):
        yield "Invalid Response object: Reason is required when Status is FAILED"
    elif status == "FAILED":
        yield (
            f"Received response status [FAILED] from custom resource. Message returned: {reason} "
            f"(RequestId: {event['RequestId']})"
        )
    elif status != "SUCCESS":
        yield f"Invalid Response object: {status!r} is not a valid ResponseStatus"
    if not isinstance(answer.get("Data") or {}, dict):
        yield "Invalid Response object: Data must be a JSON object"
    if _no_echo(answer) not in {"true", "false"}:
        yield "Invalid Response object: NoEcho must be true or false"
    if event["RequestType"] == "Delete" and physical_id != event["PhysicalResourceId"]:
        yield (
            f"Invalid PhysicalResourceId: the answer to Delete changes it from {event['PhysicalResourceId']!r} "
            f"to {physical_id!r}"
        )


def _no_echo(answer: Mapping[str, Any]) -> str:
    return str(answer.get("NoEcho") or False).lower()


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
