"""Reads a template under the parameters of one deployment, and works out what is to be done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workmail_rooms.sandbox.cloudformation.checks import check_sections
from workmail_rooms.sandbox.cloudformation.definition import NESTED_STACK, Definition, define
from workmail_rooms.sandbox.cloudformation.errors import CloudFormationError, ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.operation import StackResources
from workmail_rooms.sandbox.cloudformation.parameters import fetch_parameters, resolve_parameters, typed_values
from workmail_rooms.sandbox.cloudformation.rules import check_rules
from workmail_rooms.sandbox.cloudformation.scalars import as_text
from workmail_rooms.sandbox.cloudformation.state import Stack


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for one stack.

    Attributes
    ----------
    path:
        The template's file.
    source:
        The template as it was read, before any transform.
    parameters:
        As they were given; what stands for a stored parameter is its name.
    """

    path: Path
    source: dict[str, Any]
    parameters: dict[str, str]
    definition: Definition
    evaluator: Evaluator


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans for one account and Region.

    Attributes
    ----------
    imports:
        Returns the value of an export.
    parameter_store:
        The values of Systems Manager's parameters, by name.
    """

    region: str
    account_id: str
    partition: str
    imports: Callable[[str], str]
    parameter_store: Mapping[str, str] = field(default_factory=dict)

    def plan(self, path: Path, stack: Stack, given: Mapping[str, str], previous: Mapping[str, str]) -> Plan:
        """Read a template.

        Parameters
        ----------
        given, previous:
            Parameter values; a given one wins, then the previous one, then the default.

        Raises
        ------
        TemplateFileError
            The template cannot be decoded.
        ValidationError
            CloudFormation would refuse the request.
        """
        try:
            return self._plan(path, stack, given, previous)
        except CloudFormationError:
            raise
        except Exception as error:
            # Whatever is wrong with a template is said before anything is made, also where no check knows it.
            raise ValidationError(
                f"Template format error: {path} cannot be read ({type(error).__name__}: {error})"
            ) from error

    def _plan(self, path: Path, stack: Stack, given: Mapping[str, str], previous: Mapping[str, str]) -> Plan:
        # cfn-lint takes two seconds to import, which `delete` and the reading commands of the sandbox need not pay.
        from workmail_rooms.sandbox.cloudformation import template  # noqa: PLC0415

        document = template.read_template(path)
        source = template.plain(document)
        check_sections(source)
        declared = source.get("Parameters", {})
        parameters = resolve_parameters(declared, {name: as_text(value) for name, value in given.items()}, previous)
        values = typed_values(declared, fetch_parameters(declared, parameters, self.parameter_store))
        scope = Scope(
            values={**values, **self._pseudo_parameters(stack)},
            mappings=source.get("Mappings", {}),
            language_extensions=bool(template.transforms(document)),
            imports=self.imports,
            parameter_store=self.parameter_store,
        )
        check_rules(source.get("Rules", {}), scope)
        processed = template.transform_template(document, scope, path, self.region)
        scope = replace(scope, mappings=processed.get("Mappings", {}), conditions=processed.get("Conditions", {}))
        definition = define(processed, scope)
        for resource in definition.resources.values():
            if resource.type == NESTED_STACK:
                _check_nested(path, resource.properties.get("TemplateURL"), Evaluator(scope))
        return Plan(path, source, parameters, definition, Evaluator(replace(scope, resources=StackResources(stack))))

    def _pseudo_parameters(self, stack: Stack) -> dict[str, Any]:
        return {
            "AWS::AccountId": self.account_id,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }


def _check_nested(parent: Path, url: Any, evaluator: Evaluator) -> None:
    try:
        url = evaluator.evaluate(url)
    except ValidationError:
        return  # known only when the resources that it names are there
    if isinstance(url, str):
        nested_template(parent, url)


def nested_template(parent: Path, url: str) -> Path:
    """Return the file that a TemplateURL names, as ``aws cloudformation package`` finds it.

    https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html

    Raises
    ------
    ValidationError
        It is a URL, or there is no such file.
    """
    if "://" in url:
        raise ValidationError(
            f"TemplateURL {url} needs AWS. Here it is a path, relative to the folder of the template that names it, as "
            "`aws cloudformation package` takes it."
        )
    path = (parent.parent / url).resolve()
    if not path.is_file():
        raise ValidationError(f"TemplateURL {url} of {parent}: there is no file {path}. Check the path.")
    return path
