"""The commands do what the design says, with the exit status that scripts rely on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workmail_rooms.sandbox.cli import main

PROVIDER = Path(__file__).with_name("provider") / "template.yaml"

TEMPLATE = """
Parameters:
  Value: {Type: String, Default: one}
Resources:
  First:
    Type: Custom::Tiny
    Properties: {ServiceToken: !ImportValue workmail-resource-ServiceToken, Value: !Ref Value}
  Second:
    Type: Custom::Tiny
    Properties: {ServiceToken: !ImportValue workmail-resource-ServiceToken, Value: !GetAtt First.Value}
Outputs:
  Value: {Value: !GetAtt Second.Value}
  Id: {Value: !Ref First}
"""
FAILING = """
Resources:
  Good:
    Type: Custom::Tiny
    Properties: {ServiceToken: !ImportValue workmail-resource-ServiceToken}
  Bad:
    Type: Custom::Tiny
    DependsOn: Good
    Properties:
      ServiceToken: !ImportValue workmail-resource-ServiceToken
      Reason: "TooBad: it did not work at THE-URL , try something else."
"""
STUCK = """
Resources:
  First:
    Type: Custom::Tiny
    Properties: {ServiceToken: !ImportValue workmail-resource-ServiceToken, Stuck: yes}
  Bad:
    Type: Custom::Tiny
    DependsOn: First
    Properties: {ServiceToken: !ImportValue workmail-resource-ServiceToken, Reason: no}
"""
SLOW = """
Resources:
  Slow:
    Type: Custom::Tiny
    Properties: {ServiceToken: !ImportValue workmail-resource-ServiceToken, Seconds: 300}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a state folder of its own; return exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments, provider_template=PROVIDER)
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return command


@pytest.fixture
def template(tmp_path: Path) -> Callable[[str], str]:
    """Write a template and return its path."""

    def write(text: str) -> str:
        path = tmp_path / "stack.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_stack_from_creation_to_deletion(run: Run, template: Callable[[str], str]) -> None:
    """Deploy creates, deploys again without a change, updates, and delete removes; each tells so and exits with 0."""
    path = template(TEMPLATE)

    status, out, err = run("deploy", path, "--stack-name", "tiny")
    assert status == 0
    assert re.sub(r" *\d of \d resources done after \d+ s\n", "", err) == ""
    lines = [re.sub(r"^\d\d:\d\d:\d\d ", "", line).split() for line in out.splitlines()]
    assert lines[0] == ["CREATE_IN_PROGRESS", "tiny", "AWS::CloudFormation::Stack", "User", "Initiated"]
    assert ["CREATE_COMPLETE", "First", "Custom::Tiny", "id-of-First"] in lines
    assert ["Value", "one"] in lines
    assert ["Id", "id-of-First"] in lines
    assert lines[-1] == ["Stack", "tiny:", "CREATE_COMPLETE"]

    status, out, _ = run("deploy", path, "--stack-name", "tiny")
    assert status == 0
    assert "Stack tiny: CREATE_COMPLETE  No updates are to be performed." in out
    assert "IN_PROGRESS" not in out

    status, out, _ = run("deploy", path, "--stack-name", "tiny", "--parameters", "Value=two=2")
    assert status == 0
    assert "Stack tiny: UPDATE_COMPLETE" in out
    assert re.search(r"^Value +two=2$", out, re.MULTILINE)

    status, out, _ = run("delete", "--stack-name", "tiny")
    assert (status, out.splitlines()[-1]) == (0, "Stack tiny: DELETE_COMPLETE")

    status, out, _ = run("events", "--stack-name", "tiny")
    assert status == 0
    statuses = [line.split()[1] for line in out.splitlines() if "AWS::CloudFormation::Stack" in line]
    assert statuses == [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
    ]


def test_a_built_package_is_run_instead(run: Run, template: Callable[[str], str], tmp_path: Path) -> None:
    """With --code, events are handled by the code in that folder."""
    source = (PROVIDER.parent / "function" / "tiny_provider.py").read_text(encoding="utf-8")
    built = tmp_path / "built"
    built.mkdir()
    (built / "tiny_provider.py").write_text(source.replace("id-of-", "built-"), encoding="utf-8")

    status, out, _ = run("deploy", template(TEMPLATE), "--stack-name", "tiny", "--code", "built")
    assert status == 0
    assert re.search(r"^Id +built-First$", out, re.MULTILINE)


def test_a_stack_that_fails_exits_with_1(run: Run, template: Callable[[str], str]) -> None:
    """A rolled back creation shows the whole Reason in its events, without the signature, and exits with 1."""
    status, out, _ = run("deploy", template(FAILING), "--stack-name", "tiny")

    assert status == 1
    assert "TooBad: it did not work at https://localhost:" in out
    assert "X-Amz-Signature=*** , try something else." in out
    assert out.splitlines()[-1].startswith("Stack tiny: ROLLBACK_COMPLETE")
    assert re.search(r"X-Amz-Signature=[0-9a-f]", out) is None


def test_without_rollback(run: Run, template: Callable[[str], str]) -> None:
    """With --disable-rollback a failure keeps what succeeded, and deploying again so retries the rest."""
    path, name = template(FAILING), ("--stack-name", "tiny")
    status, out, _ = run("deploy", path, *name, "--disable-rollback")
    assert (status, out.splitlines()[-1].partition("  ")[0]) == (1, "Stack tiny: CREATE_FAILED")
    assert "DELETE" not in out

    status, _, err = run("deploy", path, *name)
    assert status == 2
    assert "deploy again with --disable-rollback, or delete the stack" in err

    status, out, _ = run("deploy", template(TEMPLATE), *name, "--disable-rollback")
    assert (status, out.splitlines()[-1]) == (0, "Stack tiny: UPDATE_COMPLETE")
    assert re.search(r"DELETE_COMPLETE +Bad ", out)


def test_parameters_of_systems_manager_are_kept(run: Run, template: Callable[[str], str]) -> None:
    """What --ssm names is there for dynamic references and SSM parameter types, in later commands too."""
    path = template(
        TEMPLATE.replace("Default: one", "Default: '{{resolve:ssm:/room/name}}'")
        .replace("Parameters:", "Parameters:\n  Floor: {Type: AWS::SSM::Parameter::Value<String>, Default: /floor}")
        .replace("Outputs:", "Outputs:\n  Floor: {Value: !Ref Floor}")
    )
    status, _, err = run("deploy", path, "--stack-name", "tiny", "--ssm", "/floor")
    assert (status, "--ssm takes Key=Value, not '/floor'" in err) == (2, True)
    status, out, _ = run("deploy", path, "--stack-name", "tiny", "--ssm", "/room/name=board", "/floor=3")
    assert status == 0
    assert re.search(r"^Value +board$", out, re.MULTILINE)
    assert re.search(r"^Floor +3$", out, re.MULTILINE)
    status, out, _ = run("deploy", path, "--stack-name", "other")
    assert status == 0
    assert re.search(r"^Value +board$", out, re.MULTILINE)


def test_a_rollback_is_continued(run: Run, template: Callable[[str], str]) -> None:
    """A stack whose rollback failed says how to go on, and continue-rollback does, in another process's state."""
    name = ("--stack-name", "tiny")
    assert run("deploy", template(TEMPLATE), *name)[0] == 0
    status, out, _ = run("deploy", template(STUCK), *name)
    assert (status, out.splitlines()[-1].partition("  ")[0]) == (1, "Stack tiny: UPDATE_ROLLBACK_FAILED")

    status, _, err = run("deploy", template(TEMPLATE), *name)
    assert status == 2
    assert "continue-rollback --stack-name tiny" in err

    status, _, err = run("continue-rollback", *name, "--resources-to-skip", "Second")
    assert status == 2
    assert "Resources [Second] can not be skipped" in err

    status, out, _ = run("continue-rollback", *name)
    assert (status, out.splitlines()[-1].partition("  ")[0]) == (1, "Stack tiny: UPDATE_ROLLBACK_FAILED")

    status, out, _ = run("continue-rollback", *name, "--resources-to-skip", "First")
    assert (status, out.splitlines()[-1]) == (0, "Stack tiny: UPDATE_ROLLBACK_COMPLETE")


def test_json_is_one_document_and_nothing_else(run: Run, template: Callable[[str], str]) -> None:
    """With --output json, standard output is one document with status, outputs and events."""
    status, out, _ = run("deploy", template(TEMPLATE), "--stack-name", "tiny", "--output", "json")
    document = json.loads(out)

    assert status == 0
    assert (document["stackName"], document["status"], document["changed"]) == ("tiny", "CREATE_COMPLETE", True)
    assert document["outputs"] == {"Value": "one", "Id": "id-of-First"}
    assert document["events"][-1]["ResourceStatus"] == "CREATE_COMPLETE"
    assert document["events"][-1]["LogicalResourceId"] == "tiny"

    _, out, _ = run("events", "--stack-name", "tiny", "--output", "json")
    assert json.loads(out)["events"] == document["events"]

    status, out, _ = run("deploy", template(FAILING), "--stack-name", "failing", "--output", "json")
    assert (status, json.loads(out)["status"]) == (1, "ROLLBACK_COMPLETE")
    assert re.search(r"X-Amz-Signature=[0-9a-f]", out) is None


def test_rooms_of_a_fresh_account(run: Run) -> None:
    """Before anything was deployed there is no room, in words and in JSON, and looking makes no folder."""
    assert run("rooms") == (0, "No organization has a room or equipment.\n", "")
    status, out, _ = run("rooms", "--output", "json")

    assert (status, json.loads(out)) == (0, {"rooms": []})
    assert not Path(".sandbox").exists()


USAGE = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "unknown command": (["explode"], "invalid choice: 'explode'"),
    "no stack name": (["delete"], "the following arguments are required: --stack-name"),
    "no template": (
        ["deploy", "nowhere.yaml", "--stack-name", "a"],
        "there is no template nowhere.yaml. Check the path.",
    ),
    "parameter": (["deploy", "TEMPLATE", "--stack-name", "a", "--parameters", "x"], "takes Key=Value, not 'x'."),
    "unknown parameter": (
        ["deploy", "TEMPLATE", "--stack-name", "a", "--parameters", "Nothing=1"],
        "Parameters: [Nothing] do not exist in the template",
    ),
    "stack name": (["deploy", "TEMPLATE", "--stack-name", "1 a"], "Value '1 a' at 'stackName' failed"),
    "code": (["deploy", "TEMPLATE", "--stack-name", "a", "--code", "nowhere"], "--code nowhere is no folder."),
    "unknown stack": (["events", "--stack-name", "nothing"], "there is no stack nothing in .sandbox."),
    "port": (["serve", "--workmail-port", "x"], "'x' is no port; give a number from 0 to 65535"),
}


@pytest.mark.parametrize("name", USAGE)
def test_a_usage_error_exits_with_2(run: Run, template: Callable[[str], str], name: str) -> None:
    """What cannot be carried out is named in a line on standard error, without a traceback."""
    arguments, message = USAGE[name]
    path = template(TEMPLATE)

    status, out, err = run(*(path if argument == "TEMPLATE" else argument for argument in arguments))

    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "[]",
        "Resources: {}",
        "Resources: {Bucket: {Type: AWS::S3::Bucket}}",
        "Resources: {A: !Ref B}",
        "\x00",
    ],
    ids=["empty", "broken", "list", "nothing", "foreign", "no map", "binary"],
)
def test_a_bad_template_is_one_message(run: Run, template: Callable[[str], str], text: str) -> None:
    """A template that CloudFormation would refuse is refused in words, and no stack is left behind."""
    path = template(text)
    status, out, err = run("deploy", path, "--stack-name", "tiny")

    assert (status, out) == (2, "")
    assert err.startswith("workmail-rooms sandbox: ")
    assert "Traceback" not in err
    assert run("events", "--stack-name", "tiny")[0] == 2


def test_a_damaged_state_is_one_message(run: Run, template: Callable[[str], str]) -> None:
    """A state file that cannot be read, or holds something else, is named; it is not overwritten."""
    path = template(TEMPLATE)
    Path(".sandbox").mkdir()
    for content in ("{", '{"version": 1, "stacks": 5, "services": {}}', '{"version": 99}'):
        Path(".sandbox/state.json").write_text(content, encoding="utf-8")
        for arguments in (["deploy", path, "--stack-name", "a"], ["rooms"], ["events", "--stack-name", "a"]):
            status, _, err = run(*arguments)
            assert status == 1
            assert "Traceback" not in err
        assert Path(".sandbox/state.json").read_text(encoding="utf-8") == content


def test_another_state_folder(run: Run, template: Callable[[str], str]) -> None:
    """Two state folders know nothing of each other's stacks."""
    run("deploy", template(TEMPLATE), "--stack-name", "tiny", "--state-dir", "elsewhere")

    assert run("events", "--stack-name", "tiny", "--state-dir", "elsewhere")[0] == 0
    assert run("events", "--stack-name", "tiny")[0] == 2
    assert not Path(".sandbox").exists()


def start(tmp_path: Path, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """Start a command as a process of its own."""
    code = (
        "import pathlib, sys\n"
        "from workmail_rooms.sandbox.cli import main\n"
        f"sys.exit(main(sys.argv[1:], provider_template=pathlib.Path({str(PROVIDER)!r})))\n"
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_line(process: "subprocess.Popen[str]", part: str) -> str:
    """Read the process's output up to a line with *part* in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if part in line:
            return line
    pytest.fail(f"{part!r} did not come")


@pytest.mark.long
def test_ctrl_c_keeps_what_is_there(run: Run, template: Callable[[str], str], tmp_path: Path) -> None:
    """A deploy that is interrupted, impatiently, ends before its work and says what to do; its stack can be deleted."""
    with start(tmp_path, "deploy", template(SLOW), "--stack-name", "tiny") as process:
        wait_for_line(process, "Slow")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "CREATE_COMPLETE" not in out
    assert "interrupted; what was done so far is kept in .sandbox." in err
    assert "workmail-rooms sandbox delete --stack-name tiny" in err
    assert "Traceback" not in err
    status, out, _ = run("delete", "--stack-name", "tiny")
    assert status == 0
    assert re.search(r"DELETE_COMPLETE +Slow ", out)


@pytest.mark.long
def test_a_second_command_is_told_to_wait(run: Run, template: Callable[[str], str], tmp_path: Path) -> None:
    """While a stack is deployed, another deploy is refused with the first one's name; reading is possible."""
    path = template(SLOW)
    with start(tmp_path, "deploy", path, "--stack-name", "tiny") as process:
        wait_for_line(process, "Slow")
        status, _, err = run("deploy", path, "--stack-name", "other")
        reading = run("rooms")[0]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert status == 1
    assert f"is in use by `workmail-rooms sandbox deploy {path} --stack-name tiny` (process {process.pid})" in err
    assert reading == 0


@pytest.mark.long
def test_a_reader_that_has_enough_stops_nothing(run: Run, template: Callable[[str], str], tmp_path: Path) -> None:
    """``deploy ... | head -1`` carries the deployment to its end, without a traceback."""
    with start(tmp_path, "deploy", template(TEMPLATE), "--stack-name", "tiny") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()

    # On a busy machine it may say how far it is, but nothing else.
    assert re.sub(r" *\d of \d resources done after \d+ s\n", "", err) == ""
    _, out, _ = run("events", "--stack-name", "tiny", "--output", "json")
    assert json.loads(out)["status"] == "CREATE_COMPLETE"


def test_the_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """``workmail-rooms sandbox --help`` names every command."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    assert end.value.code == 0
    assert set(re.findall(r"^    ([\w-]+)(?: |$)", capsys.readouterr().out, re.MULTILINE)) == {
        "deploy",
        "continue-rollback",
        "delete",
        "events",
        "rooms",
        "serve",
        "exec",
    }


CALLING = """
import json, os, sys, urllib.request
request = {"OrganizationId": "m-d281d0a2fd824be5b6cd3d3ce909fd27", "Name": "boardroom", "Type": "ROOM"}
headers = {"X-Amz-Target": "WorkMailService.CreateResource", "Content-Type": "application/x-amz-json-1.1"}
urllib.request.urlopen(
    urllib.request.Request(os.environ["AWS_ENDPOINT_URL_WORKMAIL"], json.dumps(request).encode(), headers)
)
print(sorted(name for name in os.environ if name.startswith("AWS_")))
sys.exit(7)
"""


def test_exec_runs_a_command_against_the_sandbox(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command calls is answered and kept; it sees nothing of the user's account, and its status is told."""
    monkeypatch.setenv("AWS_PROFILE", "production")

    status, out, err = run("exec", "--", sys.executable, "-c", CALLING)

    assert (status, err) == (7, "")
    assert "AWS_PROFILE" not in out
    assert "'AWS_ENDPOINT_URL'" in out
    assert [room["Name"] for room in json.loads(run("rooms", "--output", "json")[1])["rooms"]] == ["boardroom"]


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "exec takes a command"), (["no-such-program"], "no-such-program cannot be run: No such file or directory.")],
)
def test_exec_needs_a_command_that_can_be_run(run: Run, words: list[str], message: str) -> None:
    """Without a command, or with one that is not there, exec says so."""
    status, _, err = run("exec", *words)
    assert status == 2
    assert message in err
