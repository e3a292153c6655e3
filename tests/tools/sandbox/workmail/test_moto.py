"""How moto finds and serves WorkMail."""

import json
import os
import subprocess
import sys

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.httpsession import URLLib3Session
from moto import backend_index, mock_aws
from moto.backends import get_backend
from moto.core import set_initial_no_auth_action_count

from workmail_rooms.sandbox.workmail import register, workmail_backends

from .conftest import BOTH, REGION, Service

ONCE = Config(retries={"total_max_attempts": 1})


def test_registering_again_changes_nothing() -> None:
    """`register` may be called any number of times."""
    register()
    patterns = list(backend_index.backend_url_patterns)
    register()

    assert backend_index.backend_url_patterns == patterns
    assert get_backend("workmail") is workmail_backends  # type: ignore[call-overload] # moto's names do not have ours


def test_importing_alone_changes_nothing_in_moto() -> None:
    """A process that imports the package and does not register has moto as it was, needs no Region and no network."""
    code = (
        "import workmail_rooms.sandbox.workmail\n"
        "from moto import backend_index\n"
        "assert all(name != 'workmail' for name, _ in backend_index.backend_url_patterns)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_state_ends_with_mock_aws() -> None:
    """Each mock_aws starts empty."""
    register()
    for _ in range(2):
        with mock_aws():
            client = boto3.client("workmail", region_name=REGION)
            assert client.list_organizations()["OrganizationSummaries"] == []
            client.create_organization(Alias="acme")


@BOTH
def test_regions_are_apart(service: Service, transport: str | None) -> None:
    """An organization in one Region is not in another."""
    other = boto3.client("workmail", region_name="us-east-1", endpoint_url=transport)
    assert other.list_organizations()["OrganizationSummaries"] == []
    assert service.client.list_organizations()["OrganizationSummaries"] != []
    other.close()


@BOTH
@pytest.mark.usefixtures("service")
def test_there_is_no_answer_in_a_region_without_workmail(transport: str | None) -> None:
    """WorkMail exists in three Regions; elsewhere a call fails to connect, and is no service error."""
    elsewhere = boto3.client("workmail", region_name="ap-south-1", endpoint_url=transport, config=ONCE)
    with pytest.raises(ConnectionClosedError):
        elsewhere.list_organizations()
    elsewhere.close()


@BOTH
def test_an_operation_that_is_not_there_says_so(service: Service) -> None:
    """An operation of WorkMail that the sandbox lacks is HTTP 501 with a sentence, which botocore does not retry."""
    service.seen.asked_for.add("NotImplemented")
    with pytest.raises(ClientError, match="does not have ResetPassword yet") as raised:
        service.client.reset_password(**service.org, UserId=service.member("alice"), Password="correct horse")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_what_boto3_would_never_send_is_refused(server: str) -> None:
    """An unknown operation, and a body that is no JSON, are errors with a request id, not crashes."""

    def post(target: str, body: bytes) -> tuple[int, str]:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"WorkMailService.{target}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=A/20270101/{REGION}/workmail/aws4_request, Signature=0",
        }
        answer = URLLib3Session().send(AWSRequest("POST", server, headers, body).prepare())
        assert answer.headers["x-amzn-RequestId"]
        return answer.status_code, json.loads(answer.content).get("__type", "OK")

    assert post("Nonsense", b"{}") == (400, "UnknownOperationException")
    assert post("ListOrganizations", b"no json") == (400, "InvalidParameterException")
    assert post("ListOrganizations", b"") == (200, "OK")


@mock_aws
@set_initial_no_auth_action_count(4)
def test_motos_iam_guards_an_organization() -> None:
    """GIVEN moto's IAM is on WHEN the policy names one organization THEN calls in another are AccessDeniedException."""
    register()
    iam = boto3.client("iam", region_name="us-east-1")
    iam.create_user(UserName="room-keeper")
    ours = f"arn:aws:workmail:{REGION}:123456789012:organization/m-{'1' * 32}"
    statement = {"Effect": "Allow", "Action": "workmail:ListResources", "Resource": ours}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="room-keeper", PolicyName="rooms", PolicyDocument=policy)
    key = iam.create_access_key(UserName="room-keeper")["AccessKey"]
    backend = workmail_backends["123456789012"][REGION]
    for digit in "12":
        backend.seed(f"acme{digit}", organization_id=f"m-{digit * 32}")
    client = boto3.client(
        "workmail",
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    client.list_organizations()  # the fourth call, the last that is not checked

    assert client.list_resources(OrganizationId=f"m-{'1' * 32}")["Resources"] == []
    with pytest.raises(ClientError, match="AccessDeniedException") as raised:
        client.list_resources(OrganizationId=f"m-{'2' * 32}")
    assert "workmail:ListResources" in raised.value.response["Error"]["Message"]
