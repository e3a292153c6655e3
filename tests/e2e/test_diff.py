"""``workmail-rooms diff`` finds nothing on what was just deployed."""

from collections.abc import Mapping

import pytest

from tests.e2e.cdk import NODE, TEMPLATE, synthesize
from tests.e2e.documents import ROOT
from tests.harness import Stage
from tests.harness.once import Once
from workmail_rooms.diff.cli import main

EXAMPLES = ROOT / "examples"
#: With fewer rooms than the defaults.
PARAMETERS: Mapping[str, Mapping[str, str]] = {"many-rooms.yaml": {"Floors": "01", "TopFloors": "20", "Rooms": "01,02"}}
CDK = "cdk/app.py"
NAMES = [
    *sorted(path.name for path in EXAMPLES.glob("*.yaml")),
    "nested/parent.yaml",
    pytest.param(CDK, marks=pytest.mark.skipif(NODE is None, reason="the AWS CDK needs node")),
]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_different_after_a_deployment(
    stage: Stage, name: str, once: Once, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each example, fresh from its deployment, is as it is declared, and is only read."""
    # GIVEN the provider, whose export the examples import
    assert stage.function.arn == stage.provider.exports["workmail-resource-ServiceToken"]
    parameters = PARAMETERS.get(name, {})
    template = once("cdk", synthesize) / TEMPLATE if name == CDK else EXAMPLES / name
    outcome = stage.deploy(template, parameters=parameters)
    assert outcome.ok, outcome.reason
    credentials = {"AWS_ACCESS_KEY_ID": "ASIAEXAMPLESANDBOX00", "AWS_SECRET_ACCESS_KEY": "sandbox"}
    for key, value in {**stage.services.variables, **credentials, "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(key, value)
    # The stage's CloudFormation has no ListExports.
    monkeypatch.setattr("workmail_rooms.diff.cli.Stacks.export", lambda _, export: stage.provider.exports[export])
    # WHEN the template is compared with WorkMail
    mark = stage.mark()
    words = ["--parameters", *(f"{key}={value}" for key, value in parameters.items())] if parameters else []
    status = main([str(template), *words])
    out, err = capsys.readouterr()
    # THEN there is nothing to show
    assert (status, out) == (0, ""), err
    assert err.endswith(f"{len(stage.rooms()):,} same.\n")
    assert stage.calls(mark)
    assert stage.writes(mark) == []
    assert stage.delete().ok
