"""The log of calls."""

from workmail_rooms.sandbox.workmail import Fault

from .conftest import Service, refusal


def test_each_call_is_logged_with_what_became_of_it(service: Service) -> None:
    """The log has number, operation, parameters, outcome, key id, time and the request id that the client got."""
    created = service.client.create_resource(**service.org, Name="room", Type="ROOM")
    refusal(service.room, "room")
    service.backend.add_fault(Fault(action="throttle", operation="ListResources"))
    refusal(service.client.list_resources, **service.org)
    first, second, third = service.backend.calls

    assert [call.sequence for call in (first, second, third)] == [1, 2, 3]
    assert first.operation == "CreateResource"
    assert first.parameters == {**service.org, "Name": "room", "Type": "ROOM"}
    assert [call.outcome for call in (first, second, third)] == [
        "OK",
        "NameAvailabilityException",
        "ThrottlingException",
    ]
    assert first.access_key_id in {"AKIATESTING", "FOOBARKEY"}, "mock_aws sets its own"
    assert first.request_id == created["ResponseMetadata"]["RequestId"]
    assert first.at == service.clock.time


def test_the_log_can_be_emptied(service: Service) -> None:
    """After `clear_calls` the numbers go on; what tests prepare by `invoke` is not in the log."""
    service.room()
    service.backend.clear_calls()
    service.backend.invoke("CreateResource", service.org | {"Name": "prepared", "Type": "ROOM"})
    service.describe("prepared")

    assert [(call.sequence, call.operation) for call in service.backend.calls] == [(2, "DescribeResource")]
