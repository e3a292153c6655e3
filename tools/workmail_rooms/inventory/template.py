"""Templates, as text."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from workmail_rooms.inventory.declare import Declared
from workmail_rooms.inventory.existing import METADATA_KEY
from workmail_rooms.inventory.resources import Delegate

TYPE: Final = "Custom::WorkMailResource"
DEFAULT_TOKEN: Final = "workmail-resource-ServiceToken"  # noqa: S105 - the name of an export

#: Of so many resources at once the last may wait long: CloudFormation's longest.
_SERVICE_TIMEOUT: Final = 3600


def render(
    organization_id: str, number: int, resources: Sequence[Declared], *, service_token: str = DEFAULT_TOKEN
) -> bytes:
    """Return the template of one stack.

    It is ASCII: CloudFormation shows any other character of a template as a question mark when the template is read
    back (aws-cloudformation/cloudformation-coverage-roadmap #814), so such a character is written as an escape. And
    every text that comes from WorkMail is quoted, because readers of YAML disagree about what ``on``, ``012`` and
    ``1e5`` are.

    Parameters
    ----------
    number:
        Of the stack, from 1.
    service_token:
        The provider's ARN, or the name of the export that has it.
    """
    template = CommentedMap(
        AWSTemplateFormatVersion=DoubleQuotedScalarString("2010-09-09"),
        Description=DoubleQuotedScalarString(
            f"Rooms and equipment of WorkMail organization {organization_id} ({number})"
        ),
        Resources=CommentedMap({one.logical_id: _resource(one, service_token) for one in resources}),
    )
    template.yaml_set_start_comment(
        "Written by workmail-rooms inventory. Deployed as it is, this changes nothing in WorkMail.\n"
        "While ExistingResource: ADOPT is declared, no room is deleted with the stack; the policies protect it too.\n"
        "To let the stack own a room, remove all three."
    )
    for logical_id in [one.logical_id for one in resources][1:]:
        template["Resources"].yaml_set_comment_before_after_key(logical_id, before="\n")
    text = io.StringIO()
    _yaml().dump(template, text)
    return text.getvalue().encode("ascii")


def size(resource: Declared, *, service_token: str = DEFAULT_TOKEN) -> int:
    """Return how many bytes a resource takes in a template."""
    text = io.StringIO()
    _yaml().dump(CommentedMap(Resources=CommentedMap({resource.logical_id: _resource(resource, service_token)})), text)
    return len(text.getvalue())


def _yaml() -> YAML:
    # YAML() is annotated as taking anything and returning nothing of note.
    yaml = YAML()
    yaml.width = 1 << 20
    yaml.allow_unicode = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _resource(resource: Declared, service_token: str) -> CommentedMap:
    token = (
        DoubleQuotedScalarString(service_token)
        if service_token.startswith("arn:")
        else TaggedScalar(service_token, tag="!ImportValue")
    )
    properties = CommentedMap(ServiceToken=token, ServiceTimeout=_SERVICE_TIMEOUT)
    for key, value in resource.properties.items():
        if key == "Delegates":
            properties[key] = _delegates(value, resource.delegates)
        else:
            properties[key] = _quoted(key, value)
    body = CommentedMap(Type=TYPE)
    if resource.deletion_policy is not None:
        body |= {"DeletionPolicy": resource.deletion_policy, "UpdateReplacePolicy": "Retain"}
    return body | {"Metadata": CommentedMap({METADATA_KEY: resource.resource_id}), "Properties": properties}


def _quoted(key: str, value: Any) -> Any:
    match value:
        case str() if key in {"OrganizationId", "Type", "ExistingResource"}:
            return value
        case str() if "${" in value:
            # In one piece, it would be a forgotten !Sub (cfn-lint E1029).
            return _joined(value.split("${"))
        case str():
            return DoubleQuotedScalarString(value)
        case list():
            return CommentedSeq(map(DoubleQuotedScalarString, value))
        case dict():
            return CommentedMap(value)
        case _:
            return value


def _joined(parts: list[str]) -> CommentedMap:
    pieces = [
        f"{'{' if index else ''}{part}{'$' if index < len(parts) - 1 else ''}" for index, part in enumerate(parts)
    ]
    quoted = CommentedSeq([DoubleQuotedScalarString(""), CommentedSeq(map(DoubleQuotedScalarString, pieces))])
    return CommentedMap({"Fn::Join": quoted})


def _delegates(ids: Iterable[str], delegates: Iterable[Delegate]) -> CommentedSeq:
    """Return the ids, each with the name in a comment.

    Ids, because the function need not look them up, which takes up to two calls for each room, and because they stay
    when an address changes.
    """
    names = {delegate.id: delegate.spoken for delegate in delegates}
    quoted = CommentedSeq(map(DoubleQuotedScalarString, ids))
    for index, delegate_id in enumerate(quoted):
        name = names.get(delegate_id, delegate_id)
        if name != delegate_id and name.isascii() and name.isprintable():
            quoted.yaml_add_eol_comment(name, index, column=0)
    return quoted
