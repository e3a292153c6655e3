"""The contract tests can fail: a handful of them, against a handler that is made with plain crhelper.

All of them can be run against it: ``pytest --plain-crhelper tests/contracts``.
"""

from collections.abc import Callable

import pytest

from tests.contracts import test_delete as delete
from tests.contracts import test_idempotency as idempotency
from tests.contracts import test_response_protocol as protocol
from tests.contracts import test_safety as safety
from tests.harness import Function, Stage, everything, room_properties
from tests.harness.handlers import sabotaged

ROWS: dict[str, Callable[[Stage, Function], None]] = {
    "1: SystemExit": protocol.test_contract_01_system_exit,
    "2: too large": lambda stage, function: protocol.test_contract_02_data_too_large(stage, function, "Create"),
    "2: not JSON": protocol.test_contract_02_data_that_is_not_json,
    "4: no id": lambda stage, _: protocol.test_contract_04_an_id_in_every_failure(stage, "Update"),
    "5: no Reason": protocol.test_contract_05_an_exception_without_arguments,
    "5: the tail of the Reason": protocol.test_contract_05_the_head_of_a_long_cause,
    "7: HTTP 503 counts as delivered": lambda stage, _: protocol.test_contract_07_connection_errors_and_5xx_are_retried(
        stage, {"status": 503}
    ),
    "8: an earlier URL": lambda stage, _: protocol.test_contract_08_never_to_an_earlier_url(stage, "StackId"),
    "10: NoEcho stays": protocol.test_contract_10_no_echo_is_reset,
    "14, 19: another id each time": lambda stage, _: idempotency.test_contract_14_a_failed_create_has_one_id(stage),
    "33: the id changes": delete.test_contract_33_whatever_the_handler_returns,
    "42: clients at import": lambda stage, _: safety.test_contract_42_an_import_does_nothing(stage),
}


@pytest.mark.long
def test_plain_crhelper_works(plain_stage: Stage) -> None:
    """As long as nothing goes wrong it does what it should, so it is not the handler that lets the tests fail."""
    room = plain_stage.deliver(plain_stage.event("Create"))
    changed = everything(Email="atrium@example.com")
    updated = plain_stage.deliver(plain_stage.event("Update", properties=changed, physical_id=room.physical_id))
    deleted = plain_stage.deliver(plain_stage.event("Delete", properties=changed, physical_id=room.physical_id))
    unharmed = plain_stage.event(
        "Create", properties=room_properties(Sabotage="nothing"), function=sabotaged(plain_stage)
    )

    assert [one.status for one in (room, updated, deleted)] == ["SUCCESS"] * 3
    assert plain_stage.deliver(unharmed).succeeded


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS)
def test_plain_crhelper_fails(plain_stage: Stage, row: str) -> None:
    """What crhelper does wrong, its tests find out."""
    with pytest.raises(AssertionError):
        ROWS[row](plain_stage, sabotaged(plain_stage))
