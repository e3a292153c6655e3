"""Whoever follows docs/leaving.md, command by command, leaves with everything."""

import importlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from tests.e2e import commands
from tests.e2e.documents import ROOT, document
from tests.harness.settings import use_made_up_settings
from tests.tools.inventory.exchange import Exchange
from tests.tools.world import REGION, World, fill, world
from workmail_rooms.cli import COMMANDS
from workmail_rooms.export.checks import SERVICE
from workmail_rooms.export.cli import main as export
from workmail_rooms.inventory.cli import main as inventory
from workmail_rooms.sandbox.seed import EXAMPLE

LEAVING: Final = document("docs/leaving.md")
LINES: Final = [
    line for block in LEAVING.blocks() if block.language == "bash" for line in block.text.splitlines() if line
]
#: Stands for the key that `aws kms create-key` makes.
KEY: Final = "11111111-2222-3333-4444-555555555555"
POLICIES: Final = ROOT / "examples/export"


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """Put the reader into a folder with the examples, in an account with the documents' organization and no bucket."""
    use_made_up_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with world(organization_id=EXAMPLE) as made:
        fill(made)
        # The templates of the rooms, as an earlier run of the inventory has written them.
        assert inventory(["--organization-id", EXAMPLE, "--output-dir", "rooms"]) == 0
        (tmp_path / "examples/export").mkdir(parents=True)
        for path in POLICIES.glob("*.json"):
            (tmp_path / "examples/export" / path.name).write_text(path.read_text())
        yield made


@pytest.mark.long
def test_every_command_runs(reader: World) -> None:
    """Every command of the document ends with status 0, one after the other, and the results are there."""
    key_id = KEY
    ran = []
    for line in LINES:
        program, *words = shlex.split(line.replace(KEY, key_id))
        if program == "workmail-rooms":
            status = run_tool(reader, words)
        elif program == "aws":
            answer = run_aws(words)
            key_id = answer.get("KeyMetadata", {}).get("KeyId", key_id)
            for path in Path("examples/export").glob("*.json"):
                path.write_text(path.read_text().replace(KEY, key_id))
            status = 0
        else:
            # The environment that the test runs in.
            assert line == ". .venv/bin/activate"
            status = 0
        assert status == 0, line
        ran.append(line)
    assert ran == LINES
    # Everything is there: the data, each calendar once, and what the next systems take.
    assert len(json.loads(Path("leaving/example-rooms.json").read_text())["Resources"]) == 122
    assert Path("leaving/example-rooms.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert set(map(tuple, reader.jobs().values())) == {("COMPLETED",)}
    assert len(reader.jobs()) == 120
    assert len(Path("leaving/example-rooms-google.csv").read_text().splitlines()) == 121
    exchange = Exchange()
    exchange.run(Path("leaving/example-rooms.ps1").read_bytes())
    assert exchange.made == 120
    writes = {call.operation for call in reader.backend.calls if not call.operation.startswith(("Describe", "List"))}
    assert writes == {"StartMailboxExportJob"}


def run_tool(reader: World, words: list[str]) -> int:
    """Run a command of ours; time goes on at once."""
    name, *arguments = words
    if name == "export":
        return export(arguments, sleep=reader.sleep)
    return int(importlib.import_module(COMMANDS[name].module).main(arguments))


def run_aws(words: list[str]) -> dict[str, Any]:
    """Make the call that the AWS CLI would make."""
    service, command = words[:2]
    session: Any = boto3.Session(region_name=REGION)
    request = commands.request_of(["aws", *words])
    for name, value in request.items():
        if isinstance(value, str) and value.startswith("file://"):
            request[name] = Path(value.removeprefix("file://")).read_text()
    call = getattr(session.client("s3" if service == "s3api" else service), command.replace("-", "_"))
    return dict(call(**request))


def test_the_policies_are_those_of_aws_s_page() -> None:
    """Actions, service and conditions are those of the administrator guide's page on exporting mailbox content."""
    trust, permissions = (json.loads((POLICIES / f"{name}.json").read_text()) for name in ("trust", "permissions"))
    (statement,) = trust["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": SERVICE}, "sts:AssumeRole")
    assert {key for pairs in statement["Condition"].values() for key in pairs} == {
        "aws:SourceAccount",
        "aws:SourceArn",
    }
    assert [sorted(one["Action"]) for one in permissions["Statement"]] == [
        ["s3:AbortMultipartUpload", "s3:GetBucketPolicyStatus", "s3:PutObject"],
        ["kms:Decrypt", "kms:GenerateDataKey"],
    ]
