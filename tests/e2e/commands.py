"""Checks the commands in the documents that a test cannot run, because they change a machine or an AWS account."""

import argparse
import contextlib
import importlib
import io
import json
import re
import shlex
import subprocess
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped] # its stubs are a package of their own
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.validate import ParamValidator
from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.decode import decode  # type: ignore[import-untyped] # cfn-lint ships no types

import workmail_rooms.lint
from tests.e2e.documents import ROOT
from workmail_rooms import cli

# Commands that the AWS CLI has besides those of the service models:
# https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/
_AWS_EXTRAS = {
    ("cloudformation", "deploy"): {"template-file", "stack-name", "parameter-overrides", "capabilities", "s3-bucket"}
}
_AWS_GLOBAL = {"region", "output", "query", "profile"}


def problems(line: str) -> Iterator[str]:
    """Yield what is wrong with one command line."""
    words = shlex.split(line, comments=True)
    if ">" in words:
        # Where the output goes is the reader's choice.
        words = words[: words.index(">")]
    if not words:
        return
    try:
        check = _CHECKS[words[0]]
    except KeyError:
        yield f"nothing here can check the command {words[0]}"
        return
    yield from check(words)


def _make(words: Sequence[str]) -> Iterator[str]:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [word for word in words[1:] if "=" not in word]
    yield from (f"the Makefile has no target {target}" for target in named if target not in targets)


def _git(words: Sequence[str]) -> Iterator[str]:
    asked = subprocess.run([*words[:2], "-h"], capture_output=True, text=True, check=False)
    if "usage:" not in asked.stdout + asked.stderr:
        yield f"git has no command {words[1]}"


def _source(words: Sequence[str]) -> Iterator[str]:
    """`make` creates the virtual environment, so it need not be there."""
    if words[1] != ".venv/bin/activate":
        yield f"only .venv/bin/activate can be sourced, not {words[1]}"


def _pytest(words: Sequence[str]) -> Iterator[str]:
    yield from _existing(words[1:])


def _cfn_lint(words: Sequence[str]) -> Iterator[str]:
    """Its command line is taken apart by cfn-lint itself; a test of the rules runs it."""
    config = ConfigMixIn(list(words[1:]))
    folders = [rules for rules in config.append_rules[1:] if rules != workmail_rooms.lint.__name__]
    yield from _existing([*config.templates, *folders])
    if not config.templates:
        yield "no template is left for cfn-lint: an option before it takes it"


def _existing(paths: Sequence[str]) -> Iterator[str]:
    yield from (f"there is no {path}" for path in paths if not (ROOT / path).exists())


def _python(words: Sequence[str]) -> Iterator[str]:
    if words[1] != "events/invoke.py":
        yield f"`python` starts events/invoke.py here, and not {shlex.join(words)}"
    yield from _existing(words[1:3])


def _workmail_rooms(words: Sequence[str]) -> Iterator[str]:
    if list(words[1:3]) == ["sandbox", "exec"]:
        yield from problems(shlex.join(words[3:]))
        return
    complaint = io.StringIO()
    # Argparse looks at the options from left to right, and answers --help as soon as it comes to it.
    with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main([*words[1:], "--help"])
        except SystemExit as end:
            if end.code:
                yield complaint.getvalue()


def _pip(words: Sequence[str]) -> Iterator[str]:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    match = re.fullmatch(r"pip install \.(?:\[(\w+)\])?", " ".join(words))
    if match is None or match[1] not in {None, *extras}:
        yield f"`pip install` installs this project here, or one of {', '.join(extras)}, and not {shlex.join(words)}"


def _sam(words: Sequence[str]) -> Iterator[str]:
    path = words[1:3] if words[1] == "local" else words[1:2]
    name = " ".join(path)
    module = ".".join(path).replace("-", "_") + (".cli" if len(path) > 1 else ".command")
    with warnings.catch_warnings():
        # The SAM CLI's own imports warn; it is not ours to mend.
        warnings.simplefilter("ignore")
        try:
            command: Any = importlib.import_module(f"samcli.commands.{module}").cli
        except ModuleNotFoundError:
            yield f"sam has no command {name}"
            return
    rest = list(words[len(path) + 1 :])
    functions = list(takewhile(lambda word: not word.startswith("--"), rest))
    resources = _template(ROOT / "template.yaml")["Resources"]
    yield from (f"template.yaml has no {function}" for function in functions if function not in resources)
    known = {option for parameter in command.params for option in parameter.opts}
    options = _options(rest[len(functions) :])
    yield from (f"sam {name} has no option --{option}" for option in options if f"--{option}" not in known)
    yield from _parameters(options.get("parameter-overrides", []), ROOT / "template.yaml")
    yield from _existing(options.get("event", []))


def _aws(words: Sequence[str]) -> Iterator[str]:
    service, command = words[1:3]
    if service == "dynamodb":
        yield "nobody touches the ledger with DynamoDB's own commands; workmail-rooms ledger is for that"
        return
    if command == "wait":
        yield from _aws_wait(words)
        return
    options = _options(words[3:])
    given = {name: values for name, values in options.items() if name not in _AWS_GLOBAL}
    if (service, command) in _AWS_EXTRAS:
        known = _AWS_EXTRAS[service, command]
        yield from (f"aws {service} {command} has no option --{name}" for name in given.keys() - known)
        # Without parameters, it may be a template that another command of the document writes.
        if "parameter-overrides" in given:
            yield from _parameters(given["parameter-overrides"], ROOT / given["template-file"][0])
        return
    try:
        model = _model(service)
    except UnknownServiceError:
        yield f"there is no service {service}"
        return
    operations = {xform_name(operation, "-"): operation for operation in model.operation_names}
    if command not in operations:
        yield f"aws {service} has no command {command}"
        return
    shape: Any = model.operation_model(operations[command]).input_shape
    members = {xform_name(member, "-") for member in shape.members}
    yield from (f"aws {service} {command} has no option --{name}" for name in given.keys() - members)
    request = _request(shape, given)
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        yield report.generate_report()
    yield from _outside_enums(shape, request)
    for expression in options.get("query", []):
        jmespath.compile(expression)


def request_of(words: Sequence[str]) -> dict[str, Any]:
    """Return what a command of the AWS CLI sends, as boto3 takes it."""
    service, command = words[1:3]
    model = _model(service)
    operations = {xform_name(operation, "-"): operation for operation in model.operation_names}
    given = {name: values for name, values in _options(words[3:]).items() if name not in _AWS_GLOBAL}
    return _request(model.operation_model(operations[command]).input_shape, given)


@cache
def _template(path: Path) -> Any:
    return decode(str(path))[0]


@cache
def _model(service: str) -> Any:
    # The CLI gives S3's API this name, because `aws s3` is something else.
    return botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))


def _request(shape: Any, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    members = {xform_name(member, "-"): member for member in shape.members}
    return {
        members[name]: _value(shape.members[members[name]], values) for name, values in given.items() if name in members
    }


def _aws_wait(words: Sequence[str]) -> Iterator[str]:
    """Check a waiter as the operation that it calls."""
    _, service, _, name, *rest = words
    waiters = botocore.session.get_session().get_waiter_model(service)
    operations = {xform_name(one, "-"): waiters.get_waiter(one).operation for one in waiters.waiter_names}
    if name in operations:
        yield from _aws(["aws", service, xform_name(operations[name], "-"), *rest])
    else:
        yield f"aws {service} wait has no {name}"


def _value(shape: Any, words: Sequence[str]) -> Any:
    """Return what the AWS CLI makes of an option's words: JSON, its shorthand syntax, or scalars.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
    """
    if words and words[0][:1] in {"{", "["}:
        return json.loads(" ".join(words))
    match shape.type_name:
        case "list":
            return [_value(shape.member, [word]) for word in words]
        case "structure":
            return _shorthand(shape, words)
        case "boolean":
            return {"true": True, "false": False}[words[0]] if words else True
        case "integer" | "long":
            return int(words[0])
        case _:
            return " ".join(words)


def _shorthand(shape: Any, words: Sequence[str]) -> dict[str, Any]:
    pairs: dict[str, list[str]] = {}
    key = ""
    for part in ",".join(words).split(","):
        name, equals, value = part.partition("=")
        key = name if equals else key
        pairs.setdefault(key, []).append(value if equals else part)
    # A name that the shape does not have is left for the validator to find.
    return {
        name: _value(shape.members[name], values) if name in shape.members else values for name, values in pairs.items()
    }


def _outside_enums(shape: Any, value: Any) -> Iterator[str]:
    """Yield the values that are none of those that a shape names, which botocore's validator does not look at."""
    match value:
        case dict() if shape.type_name == "structure":
            for name, inner in value.items():
                if name in shape.members:
                    yield from _outside_enums(shape.members[name], inner)
        case list() if shape.type_name == "list":
            for inner in value:
                yield from _outside_enums(shape.member, inner)
        case str() if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{value} is none of {', '.join(shape.enum)}"


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    parser = argparse.ArgumentParser(add_help=False)
    for word in words:
        if word.startswith("--"):
            parser.add_argument(word, nargs="*")
    return {name.replace("_", "-"): values for name, values in vars(parser.parse_args(words)).items()}


def _parameters(pairs: Sequence[str], template: Path) -> Iterator[str]:
    if not template.is_file():
        yield f"there is no template {template}"
        return
    declared = _template(template)["Parameters"]
    keys = [pair.partition("=")[0] for pair in pairs]
    yield from (f"{template.name} has no parameter {key}" for key in keys if key not in declared)


_CHECKS: dict[str, Callable[[Sequence[str]], Iterator[str]]] = {
    ".": _source,
    ".venv/bin/pytest": _pytest,
    "aws": _aws,
    "cfn-lint": _cfn_lint,
    "git": _git,
    "make": _make,
    "pip": _pip,
    "python": _python,
    "sam": _sam,
    cli.PROGRAM: _workmail_rooms,
}
