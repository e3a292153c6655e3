"""The command line: ``workmail-rooms sandbox``."""

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workmail_rooms.sandbox import show
from workmail_rooms.sandbox.cloudformation import CloudFormationError, Outcome, StackEvent
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE, Sandbox, load_backends, load_stacks
from workmail_rooms.sandbox.state import StateError, StateFolder

if TYPE_CHECKING:
    from workmail_rooms.sandbox.workmail import Behaviour

_OK, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130
_PROGRAM = "workmail-rooms sandbox"


class _UsageError(Exception):
    """What the user typed cannot be carried out. The message says why and what to do."""


def main(arguments: Sequence[str], *, provider_template: Path = PROVIDER_TEMPLATE) -> int:
    """Run one command.

    Parameters
    ----------
    arguments:
        The command line without the program's name.
    provider_template:
        The SAM template of the provider.

    Returns
    -------
    The exit status: 0 when the stack ended as asked, 1 when not, 2 for a usage error, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    command = _Command(options, StateFolder(options.state_dir), provider_template, shlex.join(arguments))
    errors = show.make_console(stderr=True)
    try:
        with _interruptible():
            status: int = getattr(command, options.command.replace("-", "_"))()
            sys.stdout.flush()
            return status
    except (CloudFormationError, _UsageError) as error:
        errors.print(f"{_PROGRAM}: {show.clean(str(error))}", soft_wrap=True)
        return _USAGE
    except StateError as error:
        errors.print(f"{_PROGRAM}: {show.clean(str(error))}", soft_wrap=True)
        return _FAILED
    except KeyboardInterrupt:
        errors.print(f"{_PROGRAM}: interrupted; {_advice(options)}", soft_wrap=True)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough of it. Python would complain once more when it flushes at its end.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return _FAILED


class _Command:
    """One command with its options; each method is a command and returns the exit status."""

    def __init__(self, options: argparse.Namespace, state: StateFolder, provider_template: Path, line: str) -> None:
        self._options = options
        self._state = state
        self._provider_template = provider_template
        self._line = f"`{_PROGRAM} {line}`"
        self._json = options.output == "json"
        self._console = show.make_console()
        self._events = show.EventPrinter(self._console)
        self._progress = show.Progress(show.make_console(stderr=True), time.monotonic)

    def deploy(self) -> int:
        """Create or update a stack."""
        template: Path = self._options.template
        if not template.is_file():
            raise _UsageError(f"there is no template {template}. Check the path.")
        if self._options.code is not None and not self._options.code.is_dir():
            raise _UsageError(f"--code {self._options.code} is no folder. Run `make build` first, or check the path.")
        parameters = _pairs("--parameters", self._options.parameters)
        with self._sandbox(_pairs("--ssm", self._options.ssm)) as sandbox:
            outcome = sandbox.engine.deploy(
                template, self._options.stack_name, parameters, disable_rollback=self._options.disable_rollback
            )
        return self._end(outcome)

    def continue_rollback(self) -> int:
        """Go on with the rollback of an update that failed."""
        with self._sandbox() as sandbox:
            outcome = sandbox.engine.continue_rollback(self._options.stack_name, self._options.resources_to_skip)
        return self._end(outcome)

    def delete(self) -> int:
        """Delete a stack."""
        with self._sandbox() as sandbox:
            outcome = sandbox.engine.delete(self._options.stack_name)
        return self._end(outcome)

    def events(self) -> int:
        """Print a stack's events."""
        stack = load_stacks(self._state).last(self._options.stack_name)
        if stack is None:
            raise _UsageError(f"there is no stack {self._options.stack_name} in {self._state.path}.")
        if self._json:
            _print_json(
                {"stackName": stack.name, "stackId": stack.stack_id, "status": stack.status} | _events(stack.events)
            )
        else:
            self._events.fit(stack.events)
            for event in stack.events:
                self._events(event)
        return _OK

    def rooms(self) -> int:
        """Print what the organizations hold."""
        from workmail_rooms.sandbox.rooms import rooms  # noqa: PLC0415 - imports moto

        found = rooms(load_backends(self._state).workmail)
        if self._json:
            _print_json({"rooms": [room.export() for room in found]})
            return _OK
        columns = ["Name", "Type", "State", "Email", "Aliases", "Delegates", "Booking", "Hidden", "Description", "Id"]
        organizations = dict.fromkeys(room.OrganizationId for room in found)
        for number, organization in enumerate(organizations):
            if number:
                self._console.print()
            rows = [room.cells() for room in found if room.OrganizationId == organization]
            show.table(self._console, f"Organization {organization}", columns, rows)
        if not found:
            self._console.print("No organization has a room or equipment.")
        return _OK

    def serve(self) -> int:
        """Serve WorkMail and take responses until interrupted."""
        from workmail_rooms.sandbox.serve import serve  # noqa: PLC0415 - imports moto

        options, behaviour = self._options, self._behaviour()
        with self._state.lock(self._line):
            serve(
                self._state,
                host=options.host,
                workmail_port=options.workmail_port,
                response_port=options.response_port,
                template=self._provider_template,
                console=self._console,
                behaviour=behaviour,
            )
        return _OK

    def exec(self) -> int:
        """Run another command, whose calls to AWS the sandbox answers."""
        from workmail_rooms.sandbox.serve import execute  # noqa: PLC0415 - imports moto

        words: list[str] = self._options.words
        words = words[1:] if words[:1] == ["--"] else words
        if not words:
            raise _UsageError("exec takes a command, for instance `workmail-rooms ledger check`.")
        behaviour = self._behaviour()
        with self._state.lock(self._line):
            try:
                return execute(
                    self._state, words, template=self._provider_template, console=self._console, behaviour=behaviour
                )
            except OSError as error:
                raise _UsageError(f"{words[0]} cannot be run: {error.strerror}.") from error

    def _behaviour(self) -> "Behaviour | None":
        """Return how WorkMail shall behave from now on, if the command line says it."""
        if self._options.behaviour is None:
            return None
        from workmail_rooms.sandbox.behaviour_file import BehaviourFileError, load  # noqa: PLC0415 - imports moto

        try:
            return load(self._options.behaviour)
        except BehaviourFileError as error:
            raise _UsageError(str(error)) from error

    @contextlib.contextmanager
    def _sandbox(self, parameters: Mapping[str, str] | None = None) -> Iterator[Sandbox]:
        behaviour = self._behaviour()
        with (
            self._state.lock(self._line),
            Sandbox(
                self._state,
                template=self._provider_template,
                code=getattr(self._options, "code", None),
                on_event=self._show,
                workers=2,
                behaviour=behaviour,
                parameters=parameters,
            ) as sandbox,
        ):
            yield sandbox

    def _show(self, event: StackEvent) -> None:
        if not self._json:
            self._events(event)
        self._progress(event)

    def _end(self, outcome: Outcome) -> int:
        if self._json:
            document = {
                "stackName": outcome.stack_name,
                "stackId": outcome.stack_id,
                "status": outcome.status,
                "reason": show.clean(outcome.reason),
                "changed": outcome.changed,
                "outputs": {key: show.clean(value) for key, value in outcome.outputs.items()},
            }
            _print_json(document | _events(outcome.events))
        else:
            if outcome.status != "DELETE_COMPLETE":
                show.outputs(self._console, outcome.outputs)
            self._console.print()
            status = Text(outcome.status, style=show.status_style(outcome.status))
            reason = "" if outcome.changed and outcome.ok else show.clean(outcome.reason)
            show.print_hanging(self._console, Text.assemble(f"Stack {outcome.stack_name}: ", status), reason)
        return _OK if outcome.ok else _FAILED


def _advice(options: argparse.Namespace) -> str:
    if options.command not in {"deploy", "continue-rollback", "delete"}:
        return "nothing was changed."
    return (
        f"what was done so far is kept in {options.state_dir}. "
        f"If the stack is still in progress, delete it: {_PROGRAM} delete --stack-name {options.stack_name}"
    )


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".sandbox"),
        metavar="DIR",
        help="where stacks and organizations are kept between commands (default: .sandbox)",
    )
    common.add_argument("--output", choices=["text", "json"], default="text", help="how to print (default: text)")
    stack = argparse.ArgumentParser(add_help=False)
    stack.add_argument("--stack-name", required=True, metavar="NAME", help="the stack")

    service = argparse.ArgumentParser(add_help=False)
    service.add_argument(
        "--behaviour",
        type=Path,
        metavar="FILE",
        help="how WorkMail behaves from now on: what `workmail-rooms probe` wrote (default: as before)",
    )

    parser = argparse.ArgumentParser(
        prog=_PROGRAM, description="WorkMail and CloudFormation's custom-resource lifecycle on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    deploy = commands.add_parser("deploy", parents=[common, stack, service], help="create or update a stack")
    deploy.add_argument("template", type=Path, metavar="TEMPLATE", help="the stack's template, YAML or JSON")
    deploy.add_argument(
        "--parameters", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="values for its parameters"
    )
    deploy.add_argument(
        "--ssm",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of Systems Manager, for {{resolve:ssm:NAME}} and parameters of SSM types; they are kept",
    )
    deploy.add_argument(
        "--disable-rollback",
        action="store_true",
        help="after a failure keep what has succeeded; the next deploy retries the rest",
    )
    deploy.add_argument(
        "--code", type=Path, metavar="DIR", help="run this built package instead of the function's source"
    )

    going_on = commands.add_parser(
        "continue-rollback",
        parents=[common, stack, service],
        help="continue the rollback of a stack in UPDATE_ROLLBACK_FAILED",
    )
    going_on.add_argument(
        "--resources-to-skip",
        nargs="+",
        action="extend",
        default=[],
        metavar="ID",
        help="resources that cannot go back, to be left as they are; in nested stacks STACK.ID",
    )

    commands.add_parser("delete", parents=[common, stack, service], help="delete a stack")
    commands.add_parser("events", parents=[common, stack], help="print the events of a stack")
    commands.add_parser("rooms", parents=[common], help="print the rooms and equipment of the organizations")

    serve = commands.add_parser(
        "serve",
        parents=[common, service],
        help="serve WorkMail and take responses, for the AWS CLI and `sam local invoke`",
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    serve.add_argument("--workmail-port", type=_port, default=4580, metavar="PORT", help="default: 4580")
    serve.add_argument(
        "--response-port", type=_port, default=4581, metavar="PORT", help="HTTP and HTTPS (default: 4581)"
    )

    execute = commands.add_parser(
        "exec",
        parents=[common, service],
        help="run a command, such as `workmail-rooms ledger check` or one of the AWS CLI, against the sandbox",
    )
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to 65535 (0 takes a free one)")
    return int(text)


def _pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise _UsageError(f"{option} takes Key=Value, not {pair!r}.")
        values[key] = value
    return values


def _events(events: Sequence[StackEvent]) -> dict[str, Any]:
    return {"events": [show.event_document(event) for event in events]}


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that it saves what is there.

    Only the first signal counts: an impatient second one would interrupt the saving.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
