"""Contract 13, the last part: the function dies on every try, and the function of last resort answers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import workmail_resource
from tests.contracts.timeless import Timeless
from tests.harness import Function, Stage, everything, room_properties
from workmail_rooms.sandbox.cloudformation import Outcome
from workmail_rooms.sandbox.services import Call

FUNCTION_FAILED: Final = "Custom::WorkMailResource/function-failed"
_PACKAGE: Final = Path(workmail_resource.__file__).parent

#: How a function can die while it is imported: a dependency is missing, or the kernel ends the process.
DEATHS: Final = {
    "import error": "import a_library_that_is_not_there\n",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
}


class Package:
    """A copy of the deployed package that can be broken and mended.

    Parameters
    ----------
    folder:
        Where the copy is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(_PACKAGE, folder / _PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
        self._module = folder / _PACKAGE.name / "app.py"
        self._whole = self._module.read_text(encoding="utf-8")

    def break_(self, death: str) -> None:
        """Let the package die at import from now on."""
        self._module.write_text(DEATHS[death], encoding="utf-8")

    def mend(self) -> None:
        """Let the package work again."""
        self._module.write_text(self._whole, encoding="utf-8")


# Of the session, as the variant that runs it: the tests of a module need not run one after the other.
@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Return the copy that the function of these tests runs."""
    return Package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def package(copied: Package) -> Iterator[Package]:
    """Return the copy, whole; and mend it afterwards."""
    yield copied
    copied.mend()


@pytest.fixture
def function(stage: Stage, package: Package) -> Function:
    """Return the function that runs the copy; it imports it anew for every try."""
    function = stage.variant("breakable", code=package.folder)
    function.service.cold = True
    return function


def reasons(outcome: Outcome, status: str) -> list[str]:
    """Return the reasons of the stack events of this status."""
    return [event.resource_status_reason for event in outcome.events if event.resource_status == status]


@pytest.mark.long
@pytest.mark.parametrize("death", DEATHS)
def test_contract_13_a_stack_does_not_hang_when_create_dies(
    stage: Stage, package: Package, function: Function, death: str
) -> None:
    """When the function dies at import on every try, the stack events show the last resort's answer, and no timeout."""
    package.break_(death)

    outcome = stage.deploy(stage.template({"Room": room_properties()}, function=function))

    assert outcome.status == "ROLLBACK_FAILED"
    (created,), (deleted,) = reasons(outcome, "CREATE_FAILED"), reasons(outcome, "DELETE_FAILED")
    for reason in (created, deleted):
        assert "FunctionFailed: the provider's function ended without an answer in each of 3 tries" in reason
    assert stage.operations(service="workmail") == []
    # WHEN the package is mended, the stack can be deleted.
    package.mend()
    assert stage.delete().ok
    assert stage.entries() == []


@pytest.mark.long
def test_contract_13_a_stack_does_not_hang_when_update_and_delete_die(
    stage: Stage, package: Package, function: Function
) -> None:
    """An Update and a Delete whose function dies on every try fail at once, under their id, and can be repeated."""
    assert stage.deploy(stage.template({"Room": room_properties()}, function=function)).ok
    before = stage.state()
    package.break_("import error")

    updated = stage.deploy(stage.template({"Room": everything()}, function=function))

    assert updated.status == "UPDATE_ROLLBACK_FAILED"
    assert all("FunctionFailed:" in reason for reason in reasons(updated, "UPDATE_FAILED"))
    assert stage.state() == before

    deleted = stage.delete()

    assert deleted.status == "DELETE_FAILED"
    assert any("FunctionFailed:" in reason for reason in reasons(deleted, "DELETE_FAILED"))
    assert stage.state() == before

    package.mend()
    assert stage.delete().ok
    assert stage.rooms() == []
    assert stage.entries() == []


def test_contract_13_the_delete_after_the_last_resort_finds_the_room(
    stage: Stage, package: Package, function: Function
) -> None:
    """A Create that dies after it made its room, and on every later try, leaves nothing: its Delete finds the room."""
    create = stage.event("Create", function=function)

    def die(_call: Call) -> None:
        package.break_("import error")
        function.service.kill(lambda _event: True)

    stage.interventions.after(die, "TransactWriteItems")
    answer = stage.deliver(create)

    assert answer.status == "FAILED"
    assert answer.physical_id.startswith(f"{FUNCTION_FAILED}/{create['RequestId']}@")
    assert len(stage.rooms()) == 1
    package.mend()
    assert stage.deliver(stage.event("Delete", physical_id=answer.physical_id, function=function)).succeeded
    assert stage.rooms() == []
    assert stage.entries() == []


@pytest.mark.parametrize("request_type", ["Update", "Delete"])
def test_contract_13_the_last_resort_keeps_the_id(
    stage: Stage, package: Package, function: Function, request_type: str
) -> None:
    """To an Update or a Delete the last resort answers with the event's id, and asks nobody."""
    package.break_("killed")
    event = stage.event(request_type, physical_id="r-0123456789abcdef0123456789abcdef", function=function)

    answer = stage.deliver(event)

    assert (answer.status, answer.physical_id) == ("FAILED", "r-0123456789abcdef0123456789abcdef")
    assert stage.operations() == []


def test_contract_13_every_try_dies_of_its_work(play: Timeless) -> None:
    """A Create that dies at the same call on each of three tries is answered, and its Delete leaves nothing."""
    create = play.event("Create", properties=everything())
    for wait in (0, 60, 120):
        play.wait(wait)
        play.dies(create, "RegisterToWorkMail" if wait == 0 else "DescribeResource")
    answer = play.last_resort(create)

    assert answer.reason.startswith("FunctionFailed:")
    assert answer.physical_id.startswith(f"{FUNCTION_FAILED}/")
    assert len(play.stage.rooms()) == 1
    delete = play.event("Delete", properties=everything(), physical_id=answer.physical_id)
    assert play.deliver(delete).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []
