"""What came back for an event, read as CloudFormation reads it and checked more strictly than it does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from workmail_rooms.sandbox.cloudformation.ports import ResponsePut

MAX_BODY = 4096
MAX_PHYSICAL_ID = 1024


def violations(put: ResponsePut, event: Mapping[str, Any]) -> list[str]:
    """Return how a PUT breaks the response protocol (contracts 2-6), whatever it says.

    A field that a malformed event lacks, or has in another form than text, is answered by an empty text.
    """
    found = list(_transport(put))
    try:
        body = json.loads(put.body.decode())
    except ValueError as error:
        return [*found, f"the body is not JSON in UTF-8: {error}"]
    if not isinstance(body, dict):
        return [*found, "the body is not an object"]
    return [*found, *_content(body, event)]


def _transport(put: ResponsePut) -> Iterator[str]:
    if len(put.body) > MAX_BODY:
        yield f"the body has {len(put.body)} bytes"
    if put.headers.get("content-type"):
        yield f"Content-Type is {put.headers['content-type']!r}"
    if put.headers.get("content-length") != str(len(put.body)):
        yield f"Content-Length is {put.headers.get('content-length')!r} for {len(put.body)} bytes"


def _content(body: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[str]:
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        expected = event.get(key) if isinstance(event.get(key), str) else ""
        if body.get(key) != expected:
            yield f"{key} is {body.get(key)!r}, not {expected!r}"
    if body.get("Status") not in {"SUCCESS", "FAILED"}:
        yield f"Status is {body.get('Status')!r}"
    physical_id = body.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not 1 <= len(physical_id.encode("utf-8", "replace")) <= MAX_PHYSICAL_ID:
        yield f"PhysicalResourceId is {physical_id!r}"
    if body.get("Status") == "FAILED" and not (isinstance(body.get("Reason"), str) and body["Reason"].strip()):
        yield f"Reason of FAILED is {body.get('Reason')!r}"
    data = body.get("Data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        yield "Data is not a flat map of strings"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that keeps the protocol.

    Attributes
    ----------
    body:
        The bytes as they arrived.
    headers:
        The header fields, names in lower case.
    """

    status: str
    reason: str
    physical_id: str
    data: Mapping[str, str]
    no_echo: bool
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether Status is SUCCESS."""
        return self.status == "SUCCESS"

    @classmethod
    def of(cls, put: ResponsePut, event: Mapping[str, Any]) -> Self:
        """Read a PUT.

        Raises
        ------
        AssertionError
            It breaks the protocol; the text says how.
        """
        found = violations(put, event)
        assert not found, f"the answer breaks the response protocol: {'; '.join(found)}\n{put.body[:600]!r}"
        body = json.loads(put.body)
        return cls(
            status=body["Status"],
            reason=body.get("Reason", ""),
            physical_id=body["PhysicalResourceId"],
            data=body.get("Data", {}),
            no_echo=bool(body.get("NoEcho")),
            body=put.body,
            headers=put.headers,
        )
