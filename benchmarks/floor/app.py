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
    organization = properties["OrganizationId"]
    owner = {"S": f"{event['StackId']}/{event['LogicalResourceId']}"}
    table = os.environ["LEDGER_TABLE"]
    dynamodb.query(
        TableName=table,
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "Owner"},
        ExpressionAttributeValues={":o": owner},
    )
    dynamodb.put_item(TableName=table, Item={"Owner": owner, "Entry": {"S": "entry"}})
    created = workmail.create_resource(
        OrganizationId=organization, Name=properties["Name"], Type=properties["Type"], Description="mark"
    )
    room = {"OrganizationId": organization, "ResourceId": created["ResourceId"]}
    claim = {"Owner": {"S": created["ResourceId"]}, "Entry": {"S": "claim"}}
    puts = [{"Put": {"TableName": table, "Item": item}} for item in ({"Owner": owner, "Entry": {"S": "entry"}}, claim)]
    dynamodb.transact_write_items(TransactItems=puts)
    workmail.update_resource(**room, Name=properties["Name"], Description="")
    workmail.describe_resource(**room)
    dynamodb.put_item(TableName=table, Item={"Owner": owner, "Entry": {"S": "entry"}})
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
