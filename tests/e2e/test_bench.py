"""The benchmark measures what it says."""

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.cold import Benchmark, our_spec, show
from benchmarks.contenders import Contender, PythonContender
from tests.e2e.documents import ROOT
from workmail_rooms.sandbox.runtime import Sandbox
from workmail_rooms.sandbox.state import StateFolder


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Make a sandbox."""
    with Sandbox(StateFolder(tmp_path / "state"), workers=0) as sandbox:
        yield sandbox


@pytest.fixture
def contenders(sandbox: Sandbox) -> dict[str, Contender]:
    """Return our function and the floor, from their sources."""
    spec = our_spec(sandbox)
    floor = replace(spec, code=ROOT / "benchmarks" / "floor", handler="app.handler")
    return {
        "ours": PythonContender("this project", spec, sys.executable),
        "floor": PythonContender("the floor", floor, sys.executable),
    }


def form(value: Any) -> Any:
    """Return the names in *value*, whatever stands there."""
    match value:
        case dict():
            return {key: form(inner) for key, inner in value.items()}
        case list():
            return [form(inner) for inner in value]
        case _:
            return type(value)


@pytest.mark.long
def test_the_floor_makes_the_calls_of_our_plain_create(
    sandbox: Sandbox, contenders: dict[str, Contender], tmp_path: Path
) -> None:
    """The floor makes, in the same order and with the same parameters, the calls that a plain Create of ours makes."""
    Benchmark(sandbox, contenders, tmp_path / "logs").measure_cold(1)
    calls = [(call.service, call.operation, form(call.parameters)) for call in sandbox.services.calls]
    half = len(calls) // 2
    assert half > 0
    assert calls[:half] == calls[half:]


@pytest.mark.long
def test_the_table_compares_everyone_with_ours(
    sandbox: Sandbox, contenders: dict[str, Contender], tmp_path: Path
) -> None:
    """Each contender has a row with its time, the ratio and its memory; the overhead of a warm event follows."""
    times = Benchmark(sandbox, contenders, tmp_path / "logs").measure(2, 3)
    assert [len(times[name].cold) for name in contenders] == [2, 2]
    assert [len(times[name].warm) for name in contenders] == [3, 3]
    assert all(seconds > 0 for name in contenders for seconds in (*times[name].cold, *times[name].warm))
    output = io.StringIO()
    show(Console(file=output, width=120), {name: contender.name for name, contender in contenders.items()}, times)
    lines = output.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines[2:4]] == ["this project", "the floor"]
    assert lines[2].split()[3] == "1.00"
    assert lines[-1].startswith("A warm event takes ")
