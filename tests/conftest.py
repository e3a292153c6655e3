"""What all tests share: the stage, and the checks and the summary at the end of a run."""

import gc
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import botocore.loaders
import botocore.session
import botocore.useragent
import moto.core.models
import pytest

from generate.contracts import contracts_of
from tests.harness import Records, Stage
from tests.harness.handlers import plain_crhelper
from tests.harness.once import Once
from tests.harness.policy import allowed_actions
from tests.simulation.distribution import spread

_RECORDS = pytest.StashKey[Path]()
_PROBLEMS = pytest.StashKey[list[tuple[int, str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options: plain crhelper in the provider's place, and what a probe has found."""
    parser.addoption(
        "--behaviour",
        action="append",
        default=[],
        metavar="FILE",
        help="tell the stories of test_probed_behaviour.py under this file of `workmail-rooms probe`, too",
    )
    parser.addoption(
        "--plain-crhelper",
        action="store_true",
        help="run the contract tests against a handler made with plain crhelper, to see which of them can fail",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that all processes of this run share, or take the one that the first process has made."""
    # Every session would read the models of its services anew, for a seventh of a second, and no session changes them.
    botocore.session.create_loader = cache(botocore.loaders.create_loader)
    # Character by character, twice a call: a fifth of the time of a call in this process.
    botocore.useragent.sanitize_user_agent_string_component = cache(
        botocore.useragent.sanitize_user_agent_string_component
    )
    # At each start moto makes 1,300 objects that would answer the library requests, which nothing here uses.
    moto.core.models.RESPONSES_METHODS.clear()
    given = getattr(config, "workerinput", {}).get("records")
    config.stash[_RECORDS] = Path(given or tempfile.mkdtemp(prefix="workmail-resource-tests-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[_RECORDS], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a process of pytest-xdist where the folder is."""
    config: pytest.Config = node.config  # type: ignore[attr-defined] # xdist.workermanage.WorkerController
    node.workerinput["records"] = str(config.stash[_RECORDS])  # type: ignore[attr-defined] # see above


@pytest.fixture(scope="session")
def once(pytestconfig: pytest.Config) -> Once:
    """Return the folders that are made once in a run, whoever needs them first."""
    return Once(pytestconfig.stash[_RECORDS])


@pytest.fixture(scope="session")
def run_stage(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Callable[[bool], Stage]]:
    """Return the stage of this process with our handler, or (True) with plain crhelper's; its workers stay warm."""
    records = Records(pytestconfig.stash[_RECORDS])
    name = getattr(pytestconfig, "workerinput", {}).get("workerid", "main")
    stages: dict[bool, Stage] = {}

    def get(plain: bool) -> Stage:  # noqa: FBT001 - only used right here
        if plain not in stages:
            folder = tmp_path_factory.mktemp("stage")
            if plain:
                stages[plain] = Stage(folder, logs=folder / "logs", adapt=plain_crhelper)
            else:
                stages[plain] = Stage(folder, logs=records.logs(name))
        return stages[plain]

    yield get
    for plain, stage in stages.items():
        stage.close()
        if not plain:
            records.write(name, secrets=stage.secrets, needed=stage.actions)


@pytest.fixture(scope="session")
def needed(pytestconfig: pytest.Config) -> Iterator[set[str]]:
    """Return the IAM actions that calls in memory need; who makes some adds to it, and contract 39 looks at the end."""
    actions: set[str] = set()
    yield actions
    name = getattr(pytestconfig, "workerinput", {}).get("workerid", "main")
    Records(pytestconfig.stash[_RECORDS]).write(f"{name}-in-memory", secrets=(), needed=actions)


@pytest.fixture
def stage(run_stage: Callable[[bool], Stage], pytestconfig: pytest.Config) -> Iterator[Stage]:
    """Return a fresh stage: empty ledger, the made-up organizations, warm workers."""
    stage = run_stage(bool(pytestconfig.getoption("plain_crhelper")))
    stage.reset()
    yield stage
    # moto's backends are the process's: what still runs here must not call them in the middle of another test.
    stage.tidy()


# ------------------------------------------------------------------------------------------------------------ the end


def pytest_collection_finish() -> None:
    """Leave what there is by now, and will be to the end, out of every later look for garbage."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, and write each test's contracts where its report takes them along."""
    items[:] = dealt(items, getattr(config, "workerinput", {}).get("workercount", 1))
    for item in items:
        docstring = str(getattr(getattr(item, "function", None), "__doc__", None) or "")
        item.user_properties += [("contract", number) for number in sorted(contracts_of(item.name, docstring))]


def dealt(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the tests so that each process begins with its share of those that are marked as long.

    pytest-xdist gives each process one part of the list, all as long as each other, and moves what is left from the end
    of one to another. What takes long would keep one process busy when the others have nothing left to do.
    """
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    order = list[pytest.Item]()
    for number in range(processes):
        part = long[number::processes]
        end = len(items) * (number + 1) // processes - len(order) - len(part)
        order += [*part, *short[:end]]
        del short[:end]
    return order


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print which contracts have passed, by number."""
    outcomes: dict[int, set[str]] = defaultdict(set)
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            for key, number in getattr(report, "user_properties", ()):
                if key == "contract" and (report.when == "call" or outcome != "passed"):
                    outcomes[int(str(number))].add(outcome)
    problems = config.stash.get(_PROBLEMS, [])
    for number, _ in problems:
        outcomes[number].add("failed")
    passed = [number for number, seen in sorted(outcomes.items()) if seen == {"passed"}]
    failed = [number for number, seen in sorted(outcomes.items()) if seen != {"passed"}]
    if outcomes:
        against = " by plain crhelper" if config.getoption("plain_crhelper") else ""
        terminalreporter.section("contracts")
        for number, problem in problems:
            terminalreporter.write_line(f"contract {number}: {problem}", red=True)
        terminalreporter.write_line(f"contracts passed{against}: {' '.join(map(str, passed)) or 'none'}")
        if failed:
            terminalreporter.write_line(f"contracts failed{against}: {' '.join(map(str, failed))}")
    _write_cut_points(terminalreporter)
    _write_unknowns(terminalreporter)
    _write_simulation(terminalreporter)


def _write_cut_points(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cut points the tests in ``tests/e2e`` have tried, and how many were survived."""
    counts: dict[str, int] = defaultdict(int)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for key, number in getattr(report, "user_properties", ()) if report.when == "call" else ():
                if key in {"cut points", "survivors"}:
                    counts[key] += int(str(number))
    if counts:
        terminalreporter.section("cut points")
        terminalreporter.write_line(f"cut points: {counts['cut points']}; survivors: {counts['survivors']}")


def _write_unknowns(terminalreporter: pytest.TerminalReporter) -> None:
    """Print under how many settings of what is not known about WorkMail the tests of ``tests/e2e`` have run."""
    settings: dict[str, set[str]] = {"unknown alone": set(), "unknowns together": set()}
    stories = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            found = [(key, str(name)) for key, name in getattr(report, "user_properties", ()) if key in settings]
            for key, name in found if report.when == "call" else ():
                settings[key].add(name)
                stories += 1
    if stories:
        terminalreporter.section("unknown behaviour")
        terminalreporter.write_line(
            f"settings with one switch: {len(settings['unknown alone'])}; "
            f"combinations of all switches (pairwise): {len(settings['unknowns together'])}; stories run: {stories}"
        )


def _write_simulation(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the stories of ``tests/simulation`` came to."""
    figures: dict[str, int] = defaultdict(int)
    waits: list[float] = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for key, text in getattr(report, "user_properties", ()) if report.when == "call" else ():
                if key == "simulation":
                    found = json.loads(str(text))
                    waits += found.pop("waits")
                    for name, number in found.items():
                        figures[name] += number
    if figures:
        terminalreporter.section("simulation")
        terminalreporter.write_line("; ".join(f"{name}: {number:,}" for name, number in figures.items()))
    if waits:
        terminalreporter.write_line(
            f"seconds of virtual time that {len(waits)} events took after a worker had died: {spread(waits)}"
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hold what all processes have seen against contracts 38 (secrets) and 39 (permissions)."""
    if hasattr(session.config, "workerinput"):
        return
    records = Records(session.config.stash[_RECORDS])
    problems = [(38, f"a secret is in the log stream {leak}") for leak in records.leaks()]
    problems += [
        (39, f"the suite needed {action}, which template.yaml does not allow")
        for action in sorted(records.actions() - allowed_actions())
    ]
    session.config.stash[_PROBLEMS] = problems
    if problems:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
