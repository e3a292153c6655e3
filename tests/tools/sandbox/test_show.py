"""What is printed is whole, aligned and harmless, on terminals of any width and in pipes."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from workmail_rooms.sandbox import show
from workmail_rooms.sandbox.cloudformation import StackEvent
from workmail_rooms.sandbox.rooms import Room

REASON = (
    "NameAvailabilityException: The user, group, or resource name isn't unique in Amazon WorkMail. "
    "Somebody already has the name boardroom. Choose another Name, or set ExistingResource: ADOPT. "
    "(request id 1f2e3d, log stream 2026/11/22/[$LATEST]0)"
)


def event(status: str = "CREATE_FAILED", reason: str = REASON, name: str = "BoardRoom") -> StackEvent:
    """Make an event."""
    return StackEvent(
        event_id="e",
        timestamp=datetime(2026, 11, 22, 10, 10, 10, tzinfo=UTC),
        stack_id="arn:aws:cloudformation:us-east-1:123456789012:stack/rooms/1",
        stack_name="rooms",
        logical_resource_id=name,
        physical_resource_id="r-0123456789abcdef0123456789abcdef",
        resource_type="Custom::WorkMailResource",
        resource_status=status,
        resource_status_reason=reason,
    )


def terminal(width: int, *, colour: bool = False) -> Console:
    """Make a console like a terminal of this width."""
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
    )


def pipe(monkeypatch: pytest.MonkeyPatch) -> Console:
    """Make the console that a command has in a pipe."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    return show.make_console()


def text(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100, 132, 200, 400])
def test_a_reason_is_wrapped_and_never_cut(width: int) -> None:
    """On a terminal of any width, every word of the reason is there, and no line is longer than the terminal."""
    console = terminal(width)
    show.EventPrinter(console)(event())

    lines = text(console).splitlines()
    assert "".join(REASON.split()) in "".join(text(console).split())
    if width >= 80:
        assert all(len(line) <= width for line in lines)


def test_in_a_pipe_an_event_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal each event is one line without colour, whatever line breaks its reason has."""
    console = pipe(monkeypatch)
    show.EventPrinter(console)(event(reason=REASON.replace(". ", ".\n  ")))

    assert text(console).count("\n") == 1
    assert "\x1b" not in text(console)
    assert text(console).endswith(f"  r-0123456789abcdef0123456789abcdef  {REASON}\n")


def test_columns_are_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that were announced to the printer stand under each other."""
    events = [event("CREATE_COMPLETE", "", "A"), event("UPDATE_ROLLBACK_IN_PROGRESS", "", "AVeryLongLogicalId" * 3)]
    console = pipe(monkeypatch)
    printer = show.EventPrinter(console)
    printer.fit(events)
    for one in events:
        printer(one)

    first, second = text(console).splitlines()
    assert first.index("Custom::") == second.index("Custom::")
    assert first.index(" A ") + 1 == second.index("AVeryLong")


def test_a_terminal_has_colours_and_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is red on a terminal; NO_COLOR takes the colours away."""
    coloured = terminal(200, colour=True)
    show.EventPrinter(coloured)(event())
    assert "\x1b[1;31m" in text(coloured)

    monkeypatch.setenv("NO_COLOR", "1")
    plain = terminal(200, colour=True)
    show.EventPrinter(plain)(event())
    assert "31m" not in text(plain)


@pytest.mark.parametrize(
    ("status", "style"),
    [
        ("CREATE_FAILED", "bold red"),
        ("ROLLBACK_COMPLETE", "yellow"),
        ("UPDATE_COMPLETE", "green"),
        ("DELETE_SKIPPED", "green"),
        ("DELETE_IN_PROGRESS", "cyan"),
    ],
)
def test_statuses_have_colours(status: str, style: str) -> None:
    """Bad is red, undone is yellow, done is green, under way is cyan."""
    assert show.status_style(status) == style


@pytest.mark.parametrize(
    "text_with_signature",
    [
        "PUT https://bucket/key?X-Amz-Date=20261122T101010Z&X-Amz-Signature=deadbeef&x=1 failed",
        "https://bucket/key?AWSAccessKeyId=A&Expires=1&Signature=deadbeef",
        "('/key?x-amz-signature=deadbeef')",
    ],
)
def test_a_signature_is_never_shown(text_with_signature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a function gave away its ResponseURL, the signature is masked in text and JSON (contract 38)."""
    console = pipe(monkeypatch)
    leaking = event(reason=text_with_signature)
    show.EventPrinter(console)(leaking)

    assert "deadbeef" not in text(console)
    assert "ignature=***" in text(console)
    assert "deadbeef" not in str(show.event_document(leaking))


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A reason cannot move the cursor or set the window's title."""
    assert show.clean("a\x1b]0;title\x07b\r\nc") == "a\ufffd]0;title\ufffdb\ufffd\nc"


ROWS = [["boardroom", "12 seats, video, first floor " * 4], ["den", "-"]]


@pytest.mark.parametrize("width", [60, 100, 400])
def test_a_table_is_never_cut(width: int) -> None:
    """Where a table is too wide for the terminal, its rows become blocks, with every word in them."""
    console = terminal(width)
    show.table(console, "Rooms", ["Name", "Description"], ROWS)

    shown = "".join(text(console).split())
    assert all("".join(cell.split()) in shown for row in ROWS for cell in row)
    assert all(len(line) <= width for line in text(console).splitlines())


def test_in_a_pipe_a_table_is_one_line_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal a row is a line, aligned, without box characters."""
    console = pipe(monkeypatch)
    show.table(console, "Rooms", ["Name", "Description"], ROWS)

    title, header, first, second = text(console).splitlines()
    assert title == "Rooms"
    assert header == "Name       Description"
    assert first == f"boardroom  {ROWS[0][1].strip()}"
    assert second == "den        -"


def test_progress_of_nested_stacks() -> None:
    """Resources of the same logical id in several nested stacks are counted one by one."""
    now = [0.0]
    console = terminal(200)
    progress = show.Progress(console, lambda: now[0])
    progress(event("CREATE_IN_PROGRESS", ""))
    now[0] = 6.0
    progress(replace(event("CREATE_COMPLETE", ""), stack_id="another"))
    assert text(console).strip() == "1 of 2 resources done after 6 s"


def test_progress_is_said_every_few_seconds() -> None:
    """A long operation says how many of the resources that it has begun are done."""
    now = [0.0]
    console = terminal(200)
    progress = show.Progress(console, lambda: now[0])
    for number in range(4):
        progress(event("CREATE_IN_PROGRESS", "", f"Room{number}"))
    now[0] = 6.0
    progress(event("CREATE_COMPLETE", "", "Room0"))
    progress(event("CREATE_COMPLETE", "", "Room1"))
    now[0] = 12.0
    progress(event("CREATE_COMPLETE", "", "Room2"))

    assert [line.strip() for line in text(console).splitlines()] == [
        "1 of 4 resources done after 6 s",
        "3 of 4 resources done after 12 s",
    ]


def test_a_room_with_a_hundred_aliases_stays_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table shows three aliases and says how many more there are; the JSON has all of them."""
    aliases = tuple(f"alias{number}@example.com" for number in range(100))
    room = Room(
        OrganizationId="m-1",
        ResourceId="r-1",
        Name="boardroom",
        Type="ROOM",
        State="ENABLED",
        Email="boardroom@example.com",
        Aliases=aliases,
        Delegates=("alice",),
        BookingOptions=dict.fromkeys(
            ("AutoAcceptRequests", "AutoDeclineRecurringRequests", "AutoDeclineConflictingRequests"), True
        ),
        HiddenFromGlobalAddressList=False,
        Description="",
    )
    console = pipe(monkeypatch)
    show.table(console, "Rooms", [f"C{number}" for number, _ in enumerate(room.cells())], [room.cells()])

    assert f"{', '.join(aliases[:3])} and 97 more  alice" in text(console)
    assert max(map(len, text(console).splitlines())) < 260
    assert room.export()["Aliases"] == aliases
