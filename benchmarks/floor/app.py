"""The floor: the calls that a plain Create of ours makes, one PUT, and nothing else. What can be kept is kept."""

import http.client
import json
import os
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config

_clients: list[Any] = []
_trust: list[ssl.SSLContext] = []


def handler(event: dict[str, Any], _context: object) -> dict[str, float]:
    """Make the calls and answer; return the seconds that the calls took, and those that the PUT took."""
    if not _clients:
        config = Config(retries={"total_max_attempts": 1})
        session = botocore.session.Session()
        _clients.extend(session.create_client(name, config=config) for name in ("dynamodb", "workmail"))
    dynamodb, workmail = _clients
    began = time.perf_counter()
    properties = event["ResourceProperties"]
    organization, name, kind = (properties[key] for key in ("OrganizationId", "Name", "Type"))
    owner, request = f"{event['StackId']}/{event['LogicalResourceId']}", event["RequestId"]
    table = os.environ["LEDGER_TABLE"]
    names = {"#owner": "Owner"}
    released = {
        **{key: {"S": owner} for key in ("Owner", "WrittenBy", "Latest", "VoidedBy", "Failed")},
        **{key: {"S": "[]"} for key in ("Entries", "Superseded", "Failure")},
        **{key: {"N": "0"} for key in ("Version", "LatestAt", "CreatesVoidUntil", "UpdatesVoidUntil")},
        "Entry": {"S": "record"},
    }
    record = {
        **released,
        **{key: {"S": request} for key in ("Worker", "WorkerEvent", "WorkerRequestType")},
        "LeaseUntil": {"N": "0"},
    }
    dynamodb.query(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="#owner = :owner",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":owner": {"S": owner}},
    )
    dynamodb.put_item(
        TableName=table,
        Item=record,
        ConditionExpression="attribute_not_exists(Version)",
    )
    created = workmail.create_resource(
        OrganizationId=organization,
        Name=name,
        Type=kind,
        Description="mark",
        HiddenFromGlobalAddressList=False,
    )
    version = {":version": {"N": "0"}}
    claim = {"Owner": {"S": created["ResourceId"]}, "Entry": {"S": "claim"}, "Holder": {"S": owner}}
    dynamodb.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": table,
                    "Item": record,
                    "ConditionExpression": "Version = :version",
                    "ExpressionAttributeValues": version,
                }
            },
            {
                "Put": {
                    "TableName": table,
                    "Item": claim,
                    "ConditionExpression": "attribute_not_exists(#owner) OR Holder = :holder",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": {":holder": {"S": owner}},
                }
            },
        ]
    )
    room = {"OrganizationId": organization, "ResourceId": created["ResourceId"]}
    keys = ("AutoAcceptRequests", "AutoDeclineRecurringRequests", "AutoDeclineConflictingRequests")
    workmail.update_resource(
        **room,
        Name=name,
        Type=kind,
        Description="",
        HiddenFromGlobalAddressList=False,
        BookingOptions={key: key != "AutoDeclineRecurringRequests" for key in keys},
    )
    workmail.describe_resource(**room)
    dynamodb.put_item(
        TableName=table,
        Item=released,
        ConditionExpression="Version = :version",
        ExpressionAttributeValues=version,
    )
    called = time.perf_counter()
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": created["ResourceId"],
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    url = urlsplit(event["ResponseURL"])
    if not _trust:
        _trust.append(ssl.create_default_context())
    connection = http.client.HTTPSConnection(url.netloc, context=_trust[0])
    connection.request("PUT", f"{url.path}?{url.query}", json.dumps(answer), {"content-type": ""})
    connection.getresponse()
    connection.close()
    return {"calls": called - began, "put": time.perf_counter() - called}
