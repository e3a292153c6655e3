"""A custom resource that does what its properties say. Standard library only."""

import json
import time
import urllib.request
from typing import Any


def handler(event: dict[str, Any], _context: Any) -> None:
    """Answer an event."""
    properties = event["ResourceProperties"]
    creating = event["RequestType"] == "Create"
    if creating:
        time.sleep(float(properties.get("Seconds", 0)))
    stuck = "Stuck" in event.get("OldResourceProperties", {})
    response = {
        "Status": "FAILED" if stuck or (creating and "Reason" in properties) else "SUCCESS",
        "Reason": properties.get("Reason", "stuck").replace("THE-URL", event["ResponseURL"]),
        "PhysicalResourceId": event.get("PhysicalResourceId", f"id-of-{event['LogicalResourceId']}"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Value": properties.get("Value", "nothing")},
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's https URL
        event["ResponseURL"], json.dumps(response).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - as above
