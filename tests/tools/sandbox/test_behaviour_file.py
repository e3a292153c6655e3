"""A file of settings is read as a whole, or refused with what is wrong."""

import json
from pathlib import Path

import pytest

from workmail_rooms.sandbox.behaviour_file import BehaviourFileError, load
from workmail_rooms.sandbox.cli import main
from workmail_rooms.sandbox.runtime import load_backends
from workmail_rooms.sandbox.state import StateFolder
from workmail_rooms.sandbox.workmail import Behaviour, RateLimit

PROVIDER = Path(__file__).with_name("provider") / "template.yaml"


def test_switches_that_are_absent_have_their_defaults(tmp_path: Path) -> None:
    """A file sets the switches that it names, and no other."""
    file = tmp_path / "behaviour.json"
    file.write_text('{"redelete": "EntityStateException", "rate_limit": {"per_second": 5, "burst": 10}}')
    assert load(file) == Behaviour(redelete="EntityStateException", rate_limit=RateLimit(per_second=5, burst=10))


def test_all_switches_can_be_in_it(tmp_path: Path) -> None:
    """What `Behaviour.export` gives is a file."""
    behaviour = Behaviour(name_release=3, page_size=7, list_aliases_primary="no")
    file = tmp_path / "behaviour.json"
    file.write_text(json.dumps(behaviour.export()))
    assert load(file) == behaviour


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is no JSON"),
        ("[]", "has no JSON object"),
        ('{"nonsense": 1}', "Behaviour has no switch nonsense"),
        ('{"redelete": "nonsense"}', "Behaviour.redelete is 'nonsense'; use one of 'success'"),
        ('{"page_size": "many"}', "a value has another type than its switch"),
        ('{"faults": 1}', "a value has another type than its switch"),
        ('{"rate_limit": {"nonsense": 1}}', "a value has another type than its switch"),
    ],
)
def test_what_is_no_setting_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    """The message names the file and what is wrong in it."""
    file = tmp_path / "behaviour.json"
    file.write_text(content)
    with pytest.raises(BehaviourFileError) as refused:
        load(file)
    assert str(file) in str(refused.value)
    assert problem in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The message says so."""
    with pytest.raises(BehaviourFileError, match="cannot be read: No such file or directory"):
        load(tmp_path / "behaviour.json")


def test_the_sandbox_behaves_as_the_file_says_from_then_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--behaviour FILE`` sets how WorkMail behaves; later commands without it leave it so."""
    state = tmp_path / ".sandbox"
    file = tmp_path / "behaviour.json"
    template = tmp_path / "template.yaml"
    template.write_text("Resources: {Nothing: {Type: AWS::CloudFormation::WaitConditionHandle}}")
    line = ["deploy", str(template), "--stack-name", "nothing", "--state-dir", str(state)]

    # GIVEN a file that is wrong
    file.write_text('{"redelete": "nonsense"}')
    # WHEN it is given
    # THEN nothing is begun
    assert main([*line, "--behaviour", str(file)], provider_template=PROVIDER) == 2
    assert "Behaviour.redelete is 'nonsense'" in capsys.readouterr().err
    assert not state.exists()

    # GIVEN it is right
    file.write_text('{"redelete": "EntityStateException", "page_size": 5}')
    for options in (["--behaviour", str(file)], []):
        main([*line, *options], provider_template=PROVIDER)
        assert load_backends(StateFolder(state)).workmail.behaviour == load(file)
