"""What can be known before an export starts: the role, the bucket and the key.

https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html names what they have to be. Only reads.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import unquote

from botocore.exceptions import ClientError

from workmail_rooms.common.failures import DENIED, code_of
from workmail_rooms.export.manifest import Target

SERVICE: Final = "export.workmail.amazonaws.com"
#: All that these checks call; none of them is needed for the export itself.
PERMISSIONS: Final = ("iam:GetRole", "s3:ListBucket", "s3:GetBucketPublicAccessBlock", "kms:DescribeKey")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes
    ----------
    text:
        One sentence.
    certain:
        Whether the export would fail; otherwise it could not be looked at.
    """

    text: str
    certain: bool = True


def check(target: Target, client: Callable[[str], Any]) -> list[Finding]:
    """Return what is wrong, or could not be looked at.

    Parameters
    ----------
    client:
        Returns the boto3 client of a service.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        There are no credentials, or no network.
    """
    return [*_key(target, client("kms")), *_bucket(target, client("s3")), *_role(target, client("iam"))]


def _key(target: Target, kms: Any) -> Iterator[Finding]:
    region = target.kms_key_arn.split(":")[3]
    if region != target.region:
        yield Finding(
            f"The key is in {region}, the organization in {target.region}; WorkMail wants both in one Region."
        )
        return
    try:
        key = kms.describe_key(KeyId=target.kms_key_arn)["KeyMetadata"]
    except ClientError as error:
        yield _unseen(error, "kms:DescribeKey", f"There is no key {target.kms_key_arn}.")
        return
    if key["KeyState"] != "Enabled":
        yield Finding(f"The key {target.kms_key_arn} is in state {key['KeyState']}; enable it.")
    if key.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        yield Finding(f"The key {target.kms_key_arn} is {key['KeySpec']}; WorkMail needs a symmetric one.")


def _bucket(target: Target, s3: Any) -> Iterator[Finding]:
    try:
        headers = s3.head_bucket(Bucket=target.bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        # HEAD has no body, so the code is the status. A bucket elsewhere answers 301, with its Region.
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        if "x-amz-bucket-region" not in headers or code_of(error) in {"403", "404"}:
            yield _unseen(error, "s3:ListBucket", f"There is no bucket {target.bucket}.")
            return
    region = headers.get("x-amz-bucket-region", target.region)
    if region != target.region:
        yield Finding(
            f"The bucket {target.bucket} is in {region}, the organization in {target.region}; "
            "WorkMail wants one Region."
        )
        return
    try:
        blocked = s3.get_public_access_block(Bucket=target.bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if code_of(error) != "NoSuchPublicAccessBlockConfiguration":
            yield _unseen(error, "s3:GetBucketPublicAccessBlock", f"There is no bucket {target.bucket}.")
            return
        blocked = {}
    if not (blocked and all(blocked.values())):
        yield Finding(
            f"The bucket {target.bucket} does not block public access, and WorkMail needs one that allows none: "
            f"aws s3api put-public-access-block."
        )


def _role(target: Target, iam: Any) -> Iterator[Finding]:
    name = target.role_arn.rpartition("/")[2]
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        yield _unseen(error, "iam:GetRole", f"There is no role {name}.")
        return
    if role["Arn"] != target.role_arn:
        yield Finding(f"The role {name} of this account is {role['Arn']}, not {target.role_arn}.")
        return
    if not _trusted(role["AssumeRolePolicyDocument"], target):
        yield Finding(
            f"The role {name} does not let {SERVICE} assume it for organization {target.organization_id}; "
            "see its trust policy."
        )


def _trusted(document: Any, target: Target) -> bool:
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    return any(_allows(statement, target) for statement in _list(policy.get("Statement")))


def _allows(statement: Any, target: Target) -> bool:
    principal = statement.get("Principal", {})
    services = _list(principal.get("Service")) if isinstance(principal, dict) else []
    actions = {str(action).casefold() for action in _list(statement.get("Action"))}
    return (
        statement.get("Effect") == "Allow"
        and SERVICE in services
        and bool(actions & {"sts:assumerole", "sts:*", "*"})
        and _fits(statement.get("Condition", {}), target)
    )


def _fits(condition: Any, target: Target) -> bool:
    """Tell whether the two conditions of AWS's page let this organization through; others are not looked at."""
    account = target.role_arn.split(":")[4]
    organization = f"arn:aws:workmail:{target.region}:{account}:organization/{target.organization_id}"
    known = {"aws:sourceaccount": account, "aws:sourcearn": organization}
    return all(
        any(fnmatchcase(known[key.casefold()], str(value)) for value in _list(values))
        for operator, pairs in condition.items()
        if operator in {"StringEquals", "StringLike", "ArnLike", "ArnEquals"}
        for key, values in pairs.items()
        if key.casefold() in known
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _unseen(error: ClientError, permission: str, missing: str) -> Finding:
    """Say that something is not there, or could not be looked at."""
    code = code_of(error)
    if code in {"404", "NoSuchBucket", "NoSuchEntity", "NotFoundException"}:
        return Finding(missing)
    if code in DENIED | {"403"}:
        return Finding(f"Not checked: the permission {permission} is missing.", certain=False)
    return Finding(f"Not checked: {code} on {error.operation_name}.", certain=False)
