"""What templates declare, once parameters, conditions, mappings and loops are worked out.

The sandbox's reader of templates does that; nothing here calls anything but what it is given.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from workmail_resource.ownership.rules import RESOURCE_TYPES
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.properties import Declaration, parse
from workmail_rooms.inventory.existing import METADATA_KEY
from workmail_rooms.sandbox.cloudformation.definition import NESTED_STACK
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.parameters import fetch_parameters, resolve_parameters, typed_values
from workmail_rooms.sandbox.cloudformation.plan import nested_template
from workmail_rooms.sandbox.cloudformation.scalars import as_text, stringify
from workmail_rooms.sandbox.cloudformation.template import plain, read_template, transform_template, transforms

#: Who answers and how long is waited says nothing about the room.
_IGNORED: Final = ("ServiceToken", "ServiceTimeout")
_DYNAMIC_REFERENCE: Final = "{{resolve:"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is known of a deployed stack.

    Attributes
    ----------
    physical_ids:
        By logical ID.
    stored:
        The values of Systems Manager's parameters, by name, as the stack has resolved them.
    pseudo:
        Pseudo parameters that a template alone does not tell.
    """

    physical_ids: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    pseudo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A template: its file, what a person calls it, and what is known of its stack."""

    path: Path
    source: str
    stack: Deployed


@dataclass(frozen=True, slots=True)
class Declared:
    """A room that a template declares.

    Attributes
    ----------
    source:
        The template, as a person calls it.
    declaration:
        None where *problem* says why there is none.
    resource_id:
        Its physical ID, or the one in its Metadata; empty where neither is there.
    name:
        For a person.
    """

    source: str
    logical_id: str
    declaration: Declaration | None
    resource_id: str = ""
    name: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads templates.

    Attributes
    ----------
    exports:
        Returns the value of an export; raises ValidationError when there is none.
    deployed:
        Returns what is known of the nested stack with a physical ID, and its template and parameters; None to take the
        file that TemplateURL names.
    """

    region: str
    exports: Callable[[str], str]
    deployed: Callable[[str], "tuple[Path, Mapping[str, str], Deployed]"] | None = None

    def read(self, path: Path, source: str, given: Mapping[str, str], stack: Deployed | None = None) -> list[Declared]:
        """Return the rooms that a template and those nested in it declare.

        Parameters
        ----------
        given:
            Parameters; those that the template does not have are an error.

        Raises
        ------
        workmail_rooms.sandbox.cloudformation.errors.CloudFormationError
            The template cannot be read, or CloudFormation would refuse it.
        """
        stack = stack or Deployed()
        document = read_template(path)
        text = plain(document)
        declared = text.get("Parameters", {})
        parameters = resolve_parameters(declared, given, {})
        # What Systems Manager has is known for a deployed stack; elsewhere it matters only to a room that uses it.
        stored = {value: f"{_DYNAMIC_REFERENCE}ssm:{value}}}}}" for value in parameters.values()} | dict(stack.stored)
        values = typed_values(declared, fetch_parameters(declared, parameters, stored))
        pseudo = {
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            **stack.pseudo,
        }
        scope = Scope(
            values={**values, **pseudo},
            mappings=text.get("Mappings", {}),
            language_extensions=bool(transforms(document)),
            imports=self.exports,
            resources=_Physical(stack.physical_ids),
        )
        processed = transform_template(document, scope, path, self.region)
        scope = replace(scope, mappings=processed.get("Mappings", {}), conditions=processed.get("Conditions", {}))
        return list(self._resources(processed.get("Resources", {}), Evaluator(scope), _Place(path, source, stack)))

    def _resources(self, resources: Mapping[str, Any], evaluator: Evaluator, place: _Place) -> Iterator[Declared]:
        for logical_id, body in resources.items():
            condition = body.get("Condition")
            if condition is not None and not evaluator.condition(condition):
                continue
            properties = body.get("Properties", {})
            if body.get("Type") == NESTED_STACK:
                yield from self._nested(logical_id, properties, evaluator, place)
            elif body.get("Type") in RESOURCE_TYPES and "OrganizationId" in properties:
                yield _room(logical_id, body, evaluator, place)

    def _nested(
        self, logical_id: str, properties: Mapping[str, Any], evaluator: Evaluator, place: _Place
    ) -> list[Declared]:
        name = f"{place.source}/{logical_id}"
        if self.deployed is not None:
            if logical_id not in place.stack.physical_ids:
                return [Declared(place.source, logical_id, None, problem="is a nested stack that is not deployed")]
            template, parameters, nested = self.deployed(place.stack.physical_ids[logical_id])
            return self.read(template, name, parameters, nested)
        given = {
            key: ",".join(map(as_text, value)) if isinstance(value, list) else as_text(value)
            for key, value in evaluator.evaluate(properties.get("Parameters", {})).items()
        }
        url = as_text(evaluator.evaluate(properties["TemplateURL"]))
        return self.read(nested_template(place.path, url), name, given)


def _room(logical_id: str, body: Mapping[str, Any], evaluator: Evaluator, place: _Place) -> Declared:
    metadata = body.get("Metadata", {}).get(METADATA_KEY)
    resource_id = place.stack.physical_ids.get(logical_id, metadata if isinstance(metadata, str) else "")
    found = Declared(place.source, logical_id, None, resource_id)
    try:
        evaluated = evaluator.evaluate({key: value for key, value in body["Properties"].items() if key not in _IGNORED})
        properties = stringify(evaluated)
        if _DYNAMIC_REFERENCE in str(properties):
            return replace(found, problem="has a value that only CloudFormation gets from Systems Manager")
        declaration = parse(properties)
    except InvalidPropertiesError as error:
        return replace(found, problem="; ".join(error.problems))
    except ValidationError as error:
        return replace(found, problem=str(error))
    return replace(found, declaration=declaration, name=declaration.name)


@dataclass(frozen=True, slots=True)
class _Physical:
    """The stack's resources, as far as they are known by their physical IDs."""

    physical_ids: Mapping[str, str]

    def ref(self, logical_id: str) -> str:
        """Return the physical id."""
        if logical_id not in self.physical_ids:
            raise ValidationError(f"Ref {logical_id} is known for a deployed stack only; give --stack-name")
        return self.physical_ids[logical_id]

    def get_att(self, logical_id: str, attribute: str) -> Any:
        """Refuse: what another resource answers is not in a template."""
        raise ValidationError(f"Fn::GetAtt {logical_id}.{attribute} is known to CloudFormation only")
