"""Reads the provider's own template and says what of it runs here: functions, tables and exports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workmail_rooms.sandbox.awslambda import FunctionSpec
from workmail_rooms.sandbox.cloudformation import Stack
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.parameters import resolve_parameters, typed_values
from workmail_rooms.sandbox.cloudformation.scalars import as_text
from workmail_rooms.sandbox.cloudformation.template import read_template

STACK_NAME = "workmail-resource"

_FUNCTION = "AWS::Serverless::Function"
_TABLE = "AWS::DynamoDB::Table"
#: The properties with which a template names a resource.
_NAMES = {_FUNCTION: "FunctionName", _TABLE: "TableName"}
_DEFAULT_CONCURRENCY = 4
#: Each is a process of this machine.
_MOST_CONCURRENCY = 10
_USED = frozenset(
    {
        "CodeUri",
        "Environment",
        "EventInvokeConfig",
        "Handler",
        "MemorySize",
        "ReservedConcurrentExecutions",
        "Runtime",
        "Timeout",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What the provider stack holds.

    Attributes
    ----------
    functions:
        Every function of the template.
    tables:
        The properties of each DynamoDB table, by physical name.
    exports:
        The values of the stack's exports, by export name; the ServiceToken is one of them.
    stack:
        As DescribeStacks shows it.
    """

    functions: tuple[FunctionSpec, ...]
    tables: Mapping[str, Mapping[str, Any]]
    exports: Mapping[str, str]
    stack: Stack


@dataclass(frozen=True, slots=True)
class _Stack:
    """The provider stack's physical names and ARNs. Implements ``intrinsics.ResourceValues``."""

    types: Mapping[str, str]
    region: str
    account_id: str
    name: str = STACK_NAME
    given: dict[str, str] = field(default_factory=dict)

    def ref(self, logical_id: str) -> str:
        """Return the physical id: the name that the template gives, or one made from the stack's."""
        self._known(logical_id)
        return self.given.get(logical_id, f"{self.name}-{logical_id}")

    def get_att(self, logical_id: str, attribute: str) -> str:
        """Return the ARN, the only attribute that exists here."""
        kinds = {_FUNCTION: "lambda:{}:{}:function:{}", _TABLE: "dynamodb:{}:{}:table/{}"}
        kind = kinds.get(self._known(logical_id))
        if kind is None or attribute != "Arn":
            raise ValidationError(f"The sandbox has no value for {logical_id}.{attribute} of the provider's template.")
        return "arn:aws:" + kind.format(self.region, self.account_id, self.ref(logical_id))

    def _known(self, logical_id: str) -> str:
        if logical_id not in self.types:
            raise ValidationError(f"The provider's template refers to {logical_id}, which it does not declare.")
        return self.types[logical_id]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the template's sections into what runs."""

    evaluator: Evaluator
    stack: _Stack
    folder: Path
    code: Path | None
    variables: Mapping[str, str]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def function(self, logical_id: str, body: Mapping[str, Any]) -> FunctionSpec:
        """Return the function that *body* declares, over the Globals section."""
        own = self.evaluator.evaluate(_used(body["Properties"]))
        properties = {**self.defaults, **own}
        environment = {
            **self.defaults.get("Environment", {}).get("Variables", {}),
            **own.get("Environment", {}).get("Variables", {}),
        }
        invoke = properties.get("EventInvokeConfig", {})
        reserved = int(properties.get("ReservedConcurrentExecutions") or 0)
        return FunctionSpec(
            arn=self.stack.get_att(logical_id, "Arn"),
            code=self.code or (self.folder / properties["CodeUri"]).resolve(),
            handler=properties["Handler"],
            timeout=float(properties.get("Timeout", 3)),
            memory=int(properties.get("MemorySize", 128)),
            environment={**{key: as_text(value) for key, value in environment.items()}, **self.variables},
            concurrency=min(reserved or _DEFAULT_CONCURRENCY, _MOST_CONCURRENCY),
            maximum_retry_attempts=int(invoke.get("MaximumRetryAttempts", 2)),
            maximum_event_age=float(invoke.get("MaximumEventAgeInSeconds", 6 * 60 * 60)),
            on_failure=invoke.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
            runtime=properties.get("Runtime", "python3.13"),
        )


def read_provider(
    template: Path,
    *,
    account_id: str,
    region: str,
    parameters: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    code: Path | None = None,
) -> Provider:
    """Read the provider's SAM template.

    Parameters
    ----------
    template:
        ``template.yaml``.
    account_id, region:
        Where the stack is, for its ARNs.
    parameters:
        Values for the template's parameters; the others keep their defaults.
    variables:
        Environment variables for every function, besides those that the template sets.
    code:
        A folder to run instead of the template's ``CodeUri``, such as a built package.

    Raises
    ------
    TemplateFileError
        The file cannot be read.
    ValidationError
        The template uses something that the sandbox has no value for.
    """
    document = read_template(template)
    declared = document.get("Parameters", {})
    chosen = resolve_parameters(declared, parameters or {}, {})
    resources = document["Resources"]
    types: dict[str, str] = {}
    stack = _Stack(types, region, account_id)
    stack_id = f"arn:aws:cloudformation:{region}:{account_id}:stack/{STACK_NAME}/sandbox"
    scope = Scope(
        values={
            **typed_values(declared, chosen),
            "AWS::AccountId": account_id,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackId": stack_id,
            "AWS::StackName": STACK_NAME,
            "AWS::URLSuffix": "amazonaws.com",
        },
        mappings=document.get("Mappings", {}),
        conditions=document.get("Conditions", {}),
        resources=stack,
    )
    evaluator = Evaluator(scope)
    active = {name: body for name, body in resources.items() if _applies(body, evaluator)}
    types.update((name, body["Type"]) for name, body in active.items())
    for name, body in active.items():
        given = _NAMES.get(body["Type"], "")
        named = evaluator.evaluate({key: value for key, value in body.get("Properties", {}).items() if key == given})
        stack.given.update({name: as_text(named[given])} if given in named else {})
    reader = _Reader(
        evaluator=evaluator,
        stack=stack,
        folder=template.parent,
        code=code,
        variables=variables or {},
        defaults=evaluator.evaluate(_used(document.get("Globals", {}).get("Function", {}))),
    )
    outputs = {
        name: (output, as_text(evaluator.evaluate(output["Value"])))
        for name, output in document.get("Outputs", {}).items()
        if _applies(output, evaluator)
    }
    return Provider(
        functions=tuple(reader.function(name, body) for name, body in active.items() if body["Type"] == _FUNCTION),
        tables={
            stack.ref(name): evaluator.evaluate(body["Properties"])
            for name, body in active.items()
            if body["Type"] == _TABLE
        },
        exports={
            as_text(evaluator.evaluate(output["Export"]["Name"])): value
            for output, value in outputs.values()
            if "Export" in output
        },
        stack=Stack(
            stack_id,
            STACK_NAME,
            status="CREATE_COMPLETE",
            parameters=dict(chosen),
            outputs={name: value for name, (_, value) in outputs.items()},
        ),
    )


def _used(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what means nothing here, such as policies, which may refer to what exists only in AWS."""
    return {key: value for key, value in properties.items() if key in _USED}


def _applies(body: Mapping[str, Any], evaluator: Evaluator) -> bool:
    return "Condition" not in body or evaluator.condition(body["Condition"])
