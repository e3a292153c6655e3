"""Dynamic references: values that a template takes from other services when it is deployed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workmail_rooms.sandbox.cloudformation.errors import ValidationError

_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):([^{}]*)\}\}")
_VERSION = re.compile(r":\d+\Z")
_NAME = re.compile(r"[a-zA-Z0-9_.\-/]+(:\d+)?")
_PLAIN = "ssm"
_SECURE = {"ssm-secure": "SSM Secure", "secretsmanager": "Secrets Manager"}
# An account that the AWS CDK can deploy to has this parameter under the qualifier that it was bootstrapped with; every
# template of the CDK asks for it (https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html).
_BOOTSTRAP = re.compile(r"/cdk-bootstrap/[a-z0-9]{1,10}/version")
_BOOTSTRAP_VERSION = "30"


def stored_parameter(store: Mapping[str, str], name: str) -> str | None:
    """Return a parameter of Systems Manager; None when there is none."""
    if name in store:
        return store[name]
    return _BOOTSTRAP_VERSION if _BOOTSTRAP.fullmatch(name) else None


def refuse_secure(resource_type: str, properties: Any) -> None:
    """Check that no property of a custom resource refers to a secure value, which AWS does not support.

    The words are those of https://github.com/aws/serverless-application-model/issues/1528.

    Raises
    ------
    ValidationError
        One does.
    """
    for path, text in _texts(properties, f"{resource_type}/Properties"):
        for service, _ in _REFERENCE.findall(text):
            if service in _SECURE:
                raise ValidationError(f"{_SECURE[service]} reference is not supported in: [{path}]")


def resolve(value: Any, store: Mapping[str, str]) -> Any:
    """Return *value* with every reference to a plain parameter of Systems Manager replaced.

    A version is not looked at: here every parameter has one.

    Raises
    ------
    ValidationError
        There is no such parameter, its name has another form, or the reference is to something else.
    """
    if isinstance(value, dict):
        return {key: resolve(item, store) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, store) for item in value]
    return _REFERENCE.sub(lambda match: _value(match, store), value) if isinstance(value, str) else value


def _value(match: "re.Match[str]", store: Mapping[str, str]) -> str:
    service, name = match.groups()
    if service != _PLAIN:
        raise ValidationError(f"{_SECURE.get(service, service)} reference is not supported: {match.group()}")
    if not _NAME.fullmatch(name):
        # https://github.com/aws/aws-cdk/issues/18747
        raise ValidationError(f"Incorrect format is used in the following SSM reference: [{match.group()}]")
    found = stored_parameter(store, _VERSION.sub("", name))
    if found is None:
        raise ValidationError(f"Parameters: [{service}:{name}] cannot be found. Here --ssm NAME=VALUE makes one.")
    return found


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}/{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
    elif isinstance(value, str):
        yield path, value
