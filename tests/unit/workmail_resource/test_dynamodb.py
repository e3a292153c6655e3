import calendar
import json
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.support import DROP, LocalServer, Reply, serving
from workmail_resource.dynamodb import Credentials, query, sign

CREDENTIALS = Credentials("AKIAEXAMPLE", "secret/key+", "token==")
FOUND = Reply(body=b'{"Items":[{"Owner":{"S":"stack|Room"}}],"Count":1}')


def ask(server: LocalServer, *, credentials: Credentials = CREDENTIALS) -> list[dict[str, Any]]:
    """Ask for one partition."""
    return query(
        "ledger",
        {"Owner": "stack|Room"},
        credentials=credentials,
        region="eu-west-1",
        endpoint=f"http://localhost:{server.port}",
        now=1_700_000_000.0,
    )


def botocores(body: bytes, headers: dict[str, str], credentials: Credentials, region: str) -> str:
    """Return the signature that botocore gives the same request at the same time."""
    request = AWSRequest("POST", f"https://{headers['host']}/", headers={}, data=body)
    for name in ("content-type", "host", "x-amz-target"):
        request.headers[name] = headers[name]
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    request.context["timestamp"] = headers["x-amz-date"]
    if credentials.token:
        request.headers["X-Amz-Security-Token"] = credentials.token
    key = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token or None)
    signer = SigV4Auth(key, "dynamodb", region)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"


@settings(deadline=None, max_examples=60)
@given(
    body=st.binary(max_size=60),
    secret=st.text("abcXYZ019+/", min_size=1, max_size=40),
    token=st.text("abcXYZ019+/=", max_size=60),
    region=st.sampled_from(["eu-west-1", "us-gov-west-1"]),
    now=st.integers(0, 4_000_000_000),
)
def test_sign_as_botocore_does(body: bytes, secret: str, token: str, region: str, now: int) -> None:
    """The signature is the one that botocore gives the same request, with and without a session token."""
    credentials = Credentials("AKIAEXAMPLE", secret, token)
    host = f"dynamodb.{region}.amazonaws.com"
    headers = sign(body, host=host, credentials=credentials, region=region, now=float(now))
    assert headers["authorization"] == botocores(body, headers, credentials, region)
    assert calendar.timegm(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")) == now
    assert headers.get("x-amz-security-token", "") == token


def test_query_reads_one_partition_consistently() -> None:
    """One request asks for all items of the key, as of now, and they are returned."""
    with serving(FOUND) as server:
        assert ask(server) == [{"Owner": {"S": "stack|Room"}}]
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/")
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.Query"
    assert request.headers["host"] == f"localhost:{server.port}"
    assert request.headers["x-amz-security-token"] == "token=="
    body = json.loads(request.body)
    assert (body["TableName"], body["ConsistentRead"]) == ("ledger", True)
    assert body["ExpressionAttributeValues"] == {":key": {"S": "stack|Room"}}
    assert body["ExpressionAttributeNames"] == {"#key": "Owner"}
    assert "LastEvaluatedKey" not in body


@pytest.mark.parametrize("reply", [Reply(400, b'{"__type":"ResourceNotFoundException"}'), Reply(500), DROP])
def test_query_tells_a_failure(reply: Reply) -> None:
    """A refusal, a failure and a lost reply are one kind of error, and never an empty answer."""
    with serving(reply) as server, pytest.raises(OSError, match=r".") as raised:
        ask(server)
    assert "secret/key+" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>"])
def test_query_tells_an_answer_that_is_none(body: bytes) -> None:
    """An answer that is not DynamoDB's is an error of a kind that whoever asks is ready for."""
    with serving(Reply(body=body)) as server, pytest.raises((OSError, ValueError, KeyError)):
        ask(server)


def test_credentials_of_the_environment() -> None:
    """Lambda's credentials are read from the environment; long-term keys have no token."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/key+"}
    assert Credentials.of({**keys, "AWS_SESSION_TOKEN": "token=="}) == CREDENTIALS
    assert Credentials.of(keys) == Credentials("AKIAEXAMPLE", "secret/key+", "")
    with pytest.raises(KeyError):
        Credentials.of({})
