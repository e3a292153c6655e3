import re

import pytest

from workmail_resource.aws.errors import explain
from workmail_resource.settings import BadEnvironmentError, Settings

ENVIRONMENT = {"LEDGER_TABLE": "ledger", "WORKMAIL_REGION": "eu-west-1"}


def test_of_reads_the_environment() -> None:
    """The provider stack's parameters arrive as they were set; nothing is abandoned unless somebody asked for it."""
    assert Settings.of(ENVIRONMENT) == Settings(
        ledger_table="ledger", workmail_region="eu-west-1", abandon_on_delete=False, sam_local=False
    )


@pytest.mark.parametrize(("value", "abandon"), [("true", True), ("TRUE", True), ("false", False), ("False", False)])
def test_of_reads_abandon_on_delete_in_any_case(value: str, *, abandon: bool) -> None:
    """ABANDON_ON_DELETE is true or false, in any case."""
    assert Settings.of({**ENVIRONMENT, "ABANDON_ON_DELETE": value}).abandon_on_delete is abandon


@pytest.mark.parametrize(("value", "local"), [("true", True), ("", False)])
def test_of_notices_sam_local(value: str, *, local: bool) -> None:
    """The AWS SAM CLI on a developer's machine is recognized."""
    assert Settings.of({**ENVIRONMENT, "AWS_SAM_LOCAL": value}).sam_local is local


@pytest.mark.parametrize("value", ["yes", "1", "", " true"])
def test_of_refuses_any_other_abandon_on_delete(value: str) -> None:
    """A value that could be misread is refused rather than guessed: it decides about live rooms."""
    with pytest.raises(BadEnvironmentError, match=re.escape("ABANDON_ON_DELETE is neither true nor false")):
        Settings.of({**ENVIRONMENT, "ABANDON_ON_DELETE": value})


def test_of_names_everything_that_is_wrong() -> None:
    """All that is missing or wrong is named at once, and the answer says what to do (contract 36)."""
    with pytest.raises(BadEnvironmentError) as raised:
        Settings.of({"WORKMAIL_REGION": "", "ABANDON_ON_DELETE": "maybe"})
    failure = explain(raised.value)
    assert failure.code == "BadEnvironment"
    assert failure.cause == (
        "LEDGER_TABLE is not set; WORKMAIL_REGION is not set; ABANDON_ON_DELETE is neither true nor false"
    )
    assert "Deploy the provider stack again" in failure.advice
