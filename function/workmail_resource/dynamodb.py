"""One DynamoDB query with nothing but the standard library, for the function of last resort.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

_TARGET: Final = "DynamoDB_20120810.Query"
_CONTENT_TYPE: Final = "application/x-amz-json-1.0"
_TIMEOUT: Final = 5.0
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Lambda gives a function to sign with; the token is empty for long-term keys."""

    access_key: str
    secret_key: str
    token: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read *environment*.

        Raises
        ------
        KeyError
            A variable is missing.
        """
        return cls(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN", ""),
        )


def query(
    table: str,
    key: Mapping[str, str],
    *,
    credentials: Credentials,
    region: str,
    endpoint: str | None,
    now: float,
) -> list[dict[str, Any]]:
    """Return the items of one partition, read consistently.

    Parameters
    ----------
    key:
        The partition key's name and value.
    endpoint:
        Instead of the Region's own.
    now:
        Seconds since the epoch.

    Raises
    ------
    OSError
        No connection, or an answer other than 200.
    """
    url = urlsplit(endpoint or f"https://dynamodb.{region}.amazonaws.com")
    ((name, value),) = key.items()
    body = json.dumps(
        {
            "TableName": table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": name},
            "ExpressionAttributeValues": {":key": {"S": value}},
        }
    ).encode()
    headers = sign(body, host=url.netloc, credentials=credentials, region=region, now=now)
    kind = http.client.HTTPConnection if url.scheme == "http" else http.client.HTTPSConnection
    connection = kind(url.netloc, timeout=_TIMEOUT)
    try:
        connection.request("POST", "/", body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    if response.status != _OK:
        raise OSError(f"DynamoDB answered HTTP {response.status}")
    items: list[dict[str, Any]] = json.loads(content)["Items"]
    return items


def sign(body: bytes, *, host: str, credentials: Credentials, region: str, now: float) -> dict[str, str]:
    """Return the header fields of a query with this *body*, its Signature Version 4 among them."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = {"content-type": _CONTENT_TYPE, "host": host, "x-amz-date": date, "x-amz-target": _TARGET}
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date[:8]}/{region}/dynamodb/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{credentials.access_key}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers
