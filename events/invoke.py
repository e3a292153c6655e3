"""Send one of the events to `sam local start-lambda`: python events/invoke.py events/create.json [PHYSICAL_ID]."""

import json
import sys
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config


def main(path: str, physical_id: str = "") -> None:
    """Invoke the function with the event in *path*, its PhysicalResourceId replaced when one is given."""
    event = json.loads(Path(path).read_text())
    if physical_id:
        event["PhysicalResourceId"] = physical_id
    client = boto3.client(
        "lambda",
        endpoint_url="http://127.0.0.1:3001",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, read_timeout=300, retries={"total_max_attempts": 1}),
    )
    result = client.invoke(FunctionName="ProviderFunction", Payload=json.dumps(event))
    print(result.get("FunctionError", "The answer is in the terminal of `workmail-rooms sandbox serve`."))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
