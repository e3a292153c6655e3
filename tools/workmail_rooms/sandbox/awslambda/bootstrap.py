"""What runs inside a worker process: the part that awslambdaric, AWS's runtime interface client, has on Lambda.

Started as a script with the numbers of two pipe ends; it imports nothing but the standard library, so that the
function finds its own versions of everything else. One JSON line comes in per event and one goes out per answer;
standard output and error belong to the function.
"""

import importlib
import json
import logging
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

Handler = Callable[[Any, "Context"], Any]


class Context:
    """The context object that Lambda hands to a Python handler."""

    client_context = None
    identity = None

    def __init__(self, request_id: str, function_arn: str, deadline_ms: int) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]  # a string on Lambda, too
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the invocation."""
        return max(self._deadline_ms - int(time.time() * 1000), 0)


class _RequestIdFilter(logging.Filter):
    """Adds the id of the running invocation to each log record, as Lambda's root logger does."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        return True


def _install_log_handler() -> _RequestIdFilter:
    request_id = _RequestIdFilter()
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(request_id)
    logging.getLogger().addHandler(handler)
    return request_id


def _error(kind: str, message: str, trace: list[str]) -> dict[str, Any]:
    return {"errorType": kind, "errorMessage": message, "stackTrace": trace}


def _load(handler: str) -> tuple[Handler | None, dict[str, Any]]:
    """Import the handler; the error in the words of Lambda's runtime when that fails."""
    module_name, _, attribute = handler.rpartition(".")
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        return None, _error("Runtime.ImportModuleError", message, [])
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        return None, _error("Runtime.UserCodeSyntaxError", message, [])
    except Exception as error:  # noqa: BLE001 - whatever the function raises while it is imported
        return None, _error(type(error).__name__, str(error), traceback.format_tb(error.__traceback__)[3:])
    function = getattr(module, attribute, None)
    if not callable(function):
        message = f"Handler '{attribute}' missing on module '{module_name}'"
        return None, _error("Runtime.HandlerNotFound", message, [])
    return function, {}


def _handle(function: Handler, event: Any, context: Context) -> dict[str, Any]:
    """Run the handler once. SystemExit ends the process, as on Lambda."""
    try:
        result = function(event, context)
    except Exception as error:  # noqa: BLE001 - whatever the function raises
        trace = traceback.format_tb(error.__traceback__)[1:]
        failure = _error(type(error).__name__, str(error), trace)
        _show(failure)
        return {"error": failure}
    try:
        json.dumps(result)
    except (TypeError, ValueError) as error:
        failure = _error("Runtime.MarshalError", f"Unable to marshal response: {error}", [])
        _show(failure)
        return {"error": failure}
    return {"result": result}


def _show(failure: dict[str, Any]) -> None:
    trace = "".join(failure["stackTrace"])
    lines = f"[ERROR] {failure['errorType']}: {failure['errorMessage']}\n"
    sys.stdout.write(lines + (f"Traceback (most recent call last):\n{trace}" if trace else ""))


def peak_memory() -> int:
    """Bytes of memory that this process held at most.

    Linux's ``ru_maxrss`` survives exec, so in a child it begins with what its parent held (getrusage(2)); VmHWM in
    ``/proc`` is this program's own.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _answer(pipe: BinaryIO, answer: dict[str, Any]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    pipe.write(json.dumps({**answer, "maxMemory": peak_memory()}).encode() + b"\n")
    pipe.flush()


def main() -> None:
    """Import the handler once, then handle one event after the other until the pipe is closed."""
    events_fd, answers_fd = int(sys.argv[1]), int(sys.argv[2])
    for descriptor in (events_fd, answers_fd):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keyword
    del sys.argv[1:]
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    request_id = _install_log_handler()
    with open(events_fd, "rb") as events, open(answers_fd, "wb") as answers:
        function, failure = _load(os.environ["_HANDLER"])
        if function is None:
            _show(failure)
            _answer(answers, {"initError": failure})
            raise SystemExit(1)
        _answer(answers, {"ready": True})
        for line in events:
            order = json.loads(line)
            request_id.request_id = order["requestId"]
            context = Context(order["requestId"], order["functionArn"], order["deadlineMs"])
            _answer(answers, _handle(function, order["event"], context))


if __name__ == "__main__":
    main()
