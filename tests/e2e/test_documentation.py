"""The documents are true: what they show is run or linted, what they list is compared with the code."""

import ast
import fnmatch
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
import yaml
from cfnlint.decode import decode, decode_str  # type: ignore[import-untyped] # cfn-lint ships no types
from crhelper import CfnResource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e import commands
from tests.e2e.documents import ROOT, Block, Document, code, document, documents
from tests.e2e.transcripts import Session, exchanges
from tests.harness.inprocess import run
from tests.harness.policy import allowed_actions, provider_resources
from tests.tools.lint.linting import lint_text
from workmail_resource import last_resort
from workmail_resource.aws.advice import ADVICE, INSTEAD
from workmail_resource.aws.clients import TIMEOUTS
from workmail_resource.ownership.rules import LEASE, LEASE_RESERVE, ROLLBACK_WINDOW
from workmail_resource.protocol.clock import SystemClock
from workmail_resource.protocol.custom_resource import ANSWER_RESERVE, CustomResource
from workmail_resource.protocol.errors import ProviderError
from workmail_resource.telemetry import Telemetry
from workmail_resource.workmail.converge import PATIENCE, VISIBLE_WITHIN
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.properties import BOOKING_KEYS, BookingOptions, parse
from workmail_resource.workmail.table import CLOUDFORMATION
from workmail_resource.workmail.table import PROPERTIES as TABLE
from workmail_rooms.ledger.damages import Kind

REFERENCE = document("docs/custom-workmailresource.md")
OPERATIONS = document("docs/operations.md")
MONITORING = document("docs/monitoring.md")
TROUBLESHOOTING = document("docs/troubleshooting.md")
LEDGER = document("docs/ledger.md")
FUNCTION = ROOT / "function/workmail_resource"
TOOLS = ROOT / "tools/workmail_rooms"

ARCHITECTURE = document("docs/architecture.md")
CONTRIBUTING = document("CONTRIBUTING.md")
SECURITY = document("SECURITY.md")
CHANGELOG = document("CHANGELOG.md")

TYPE = "Custom::WorkMailResource"
MINIMAL = {"OrganizationId": "m-d281d0a2fd824be5b6cd3d3ce909fd27", "Name": "boardroom", "Type": "ROOM"}

BLOCKS = [block for found in documents() for block in found.blocks()]
#: Fields that CloudWatch Logs has of a line by itself, and of Lambda's own lines.
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
DISCOVERED = {"@duration", "@initDuration", "@logStream", "@maxMemoryUsed", "@memorySize", "@timestamp", "@type"}
STORIES = [found for found in documents() if any(block.language == "console" for block in found.blocks())]


# ------------------------------------------------------------------------------------------------------ code blocks


def check_template(block: Block) -> None:
    """Lint a template, or resources, with our rules too; and read the properties as the function does."""
    content, problems = decode_str(block.text)
    assert problems == []
    template = content if "Resources" in content else {"Resources": content}
    assert lint_text(json.dumps(template)) == []
    for resource in template["Resources"].values():
        properties = as_cloudformation_sends(resource["Properties"])
        properties.pop("ServiceToken")
        parse(properties)


def check_syntax(block: Block) -> None:
    """Compare the names and their nesting with what the function takes; both forms say the same."""
    text = block.text
    if block.language.startswith("json"):
        text = re.sub(r"\b(String|Boolean|Integer)\b", r'"\1"', text).replace(", ...", "")
    types = {"text": "String", "choice": "String", "boolean": "Boolean", "number": "Integer", "texts": ["String"]}
    assert decode_str(text)[0] == {
        "Type": TYPE,
        "Properties": {
            one.name: {key.name: types[key.kind] for key in one.options} or types[one.kind]
            for one in (*CLOUDFORMATION, *TABLE)
        },
    }


def check_policy(block: Block) -> None:
    """Check a policy: its form, and that each action is an operation of its service.

    WorkMail has an action for each operation
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkmail.html).
    """
    policy = json.loads(block.text)
    assert policy.keys() == {"Version", "Statement"}
    for statement in policy["Statement"]:
        assert statement.keys() - {"Sid", "Principal", "Condition"} == {"Effect", "Action", "Resource"}
        for action in statement["Action"]:
            service, operation = action.split(":")
            known = botocore.session.get_session().get_service_model(service).operation_names
            assert fnmatch.filter(known, operation)


def check_commands(block: Block) -> None:
    """Check each line by itself: the program, its command, its options, the files and parameters it names."""
    assert [problem for line in block.text.splitlines() for problem in commands.problems(line)] == []


def check_transcript(block: Block) -> None:
    """Make sure that the story of the document, which is another test, runs it."""
    assert block.document in STORIES
    assert list(exchanges(block))


def check_query(block: Block) -> None:
    """Check the commands of a CloudWatch Logs Insights query, and that each field it uses is logged.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
    """
    known = {key for row in MONITORING.table("Logs", "Key").rows for key in code(row[0])}
    functions = {
        "bin",
        "count",
        "avg",
        "max",
        "min",
        "sum",
        "pct",
        "as",
        "by",
        "asc",
        "desc",
        "in",
        "and",
        "or",
        "like",
        "not",
    }
    for line in block.text.replace("\n|", "|").split("|"):
        command, _, rest = line.strip().partition(" ")
        assert command in {"fields", "filter", "sort", "limit", "stats"}
        known |= set(re.findall(r"\bas (\w+)", rest))
        words = set(re.findall(r"@?\b[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", rest)))
        assert words - known - functions <= DISCOVERED


def check_diagram(block: Block) -> None:
    """Check a Mermaid diagram line by line against the parts of its grammar that are used here.

    https://mermaid.js.org/syntax/stateDiagram.html and https://mermaid.js.org/syntax/sequenceDiagram.html
    """
    kind, *lines = (line.strip() for line in block.text.splitlines() if line.strip())
    grammar = {
        "stateDiagram-v2": r"direction (TB|LR)|(\w+|\[\*\]) --> (\w+|\[\*\])( ?: [^:;]+)?|state \"[^\"]+\" as \w+",
        "sequenceDiagram": r"participant \w+( as [^:;]+)?|\w+(->>|-->>)\w+: [^;]+|(loop|opt|alt|else) [^;]+|end"
        r"|Note (over|right of|left of) \w+(,\w+)?: [^;]+",
        "flowchart": r"\w+(\[\"[^\"]+\"\])?( --> \w+(\[\"[^\"]+\"\])?)?",
    }[kind.partition(" ")[0]]
    assert [line for line in lines if not re.fullmatch(grammar, line)] == []


def check_workflow(block: Block) -> None:
    """Check the shell steps of a workflow of GitHub Actions as commands, and that it is scheduled."""
    # YAML 1.1 takes the key "on" for true.
    workflow = yaml.load(block.text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts only
    assert workflow["on"]["schedule"]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [problem for step in steps if "run" in step for problem in commands.problems(step["run"])] == []
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)


CHECKS: Mapping[str, Callable[[Block], None]] = {
    "bash": check_commands,
    "console": check_transcript,
    "json": check_template,
    "json policy": check_policy,
    "json syntax": check_syntax,
    "logs-insights": check_query,
    "mermaid": check_diagram,
    "yaml": check_template,
    "yaml syntax": check_syntax,
    "yaml workflow": check_workflow,
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_code_block_is_valid(block: Block) -> None:
    """Every code block in every document holds what its language says; an unknown language is an error."""
    assert block.language in CHECKS, f"{block}: nothing here can check this language"
    CHECKS[block.language](block)


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_every_terminal_session_runs_as_shown(story: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types the commands of a document, one after the other, sees what the document shows."""
    # GIVEN the folder that the reader is in
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path, run)
    # WHEN every command is run
    wrong = [
        f"{exchange.command}: {difference}"
        for block in story.blocks()
        if block.language == "console"
        for exchange in exchanges(block)
        for difference in session.run(exchange)
    ]
    # THEN it prints what is shown
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("text", documents(), ids=str)
def test_links_within_the_project_lead_somewhere(text: Document) -> None:
    """A relative link names a file that exists, and a heading that the file has."""
    broken = []
    for link in text.links():
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = (text.path.parent / target).resolve() if target else text.path
        if not path.exists() or (anchor and anchor not in Document(path).anchors()):
            broken.append(link)
    assert broken == []


# -------------------------------------------------------------------------------------------- the property reference


def documented_properties() -> dict[str, dict[str, str]]:
    """Return the facts that the reference states of each property."""
    properties = {}
    for level, heading in REFERENCE.headings():
        if level == 4 and heading.startswith("`"):
            facts = re.findall(r"^- \*(.+?)\*: (.+)$", REFERENCE.section(heading), re.MULTILINE)
            properties[heading.strip("`")] = dict(facts)
    return properties


PROPERTIES = documented_properties()
TEXTS = {name: facts for name, facts in PROPERTIES.items() if "Pattern" in facts}
LISTS = {name for name, facts in PROPERTIES.items() if facts["Type"] == "Array of String"}
OWN = {name: facts for name, facts in PROPERTIES.items() if name not in {"ServiceToken", "ServiceTimeout"}}


def as_cloudformation_sends(value: Any) -> Any:
    """Return *value* with every scalar as a string."""
    if isinstance(value, Mapping):
        return {str(key): as_cloudformation_sends(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_cloudformation_sends(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def complaints(**properties: object) -> list[str]:
    """Return what is wrong with *properties*, the required ones being there, by the function's own reading."""
    whole = {**MINIMAL, **properties}
    if {"Aliases", "Delegates"} & whole.keys():
        whole.setdefault("Email", "the.primary@example.com")
    try:
        parse(whole)
    except InvalidPropertiesError as error:
        return list(error.problems)
    return []


def given_as(name: str, value: str) -> object:
    """Return *value* as the property is declared: lists have it as their only entry."""
    return [value] if name in LISTS else value


def test_the_reference_has_the_properties_that_the_function_takes() -> None:
    """The reference has each property of the function, and none else."""
    refused = complaints(Nonsense="x")
    assert len(refused) == 1
    taken = {
        name for name in PROPERTIES if not any(f"{name} is not a property" in text for text in complaints(**{name: ""}))
    }
    assert taken == set(PROPERTIES)
    assert set(refused[0].partition("the properties are ")[2].split(", ")) == set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_the_reference_says_which_properties_are_required(name: str) -> None:
    """Required is what the function misses, and nothing else."""
    without = {key: value for key, value in MINIMAL.items() if key != name}
    try:
        parse(without)
        missed = False
    except InvalidPropertiesError as error:
        missed = any(problem.startswith(f"{name} is required") for problem in error.problems)
    assert (OWN[name]["Required"] == "Yes") == missed


def test_the_reference_says_what_conditional_properties_depend_on() -> None:
    """Aliases and Delegates need Email, and AutoAcceptRequests false needs Delegates, as the reference says."""
    for name, facts in PROPERTIES.items():
        assert facts["Required"].startswith("Conditional") == (name in {"Email", "Delegates"})
    for dependent in ("Aliases", "Delegates"):
        with pytest.raises(InvalidPropertiesError, match=f"{dependent} needs Email"):
            parse({**MINIMAL, dependent: ["alice@example.com"]})
    with pytest.raises(InvalidPropertiesError, match="Delegates"):
        parse({**MINIMAL, "BookingOptions": {"AutoAcceptRequests": "false"}})


def test_only_the_organization_needs_replacement() -> None:
    """Every other property of ours is changed without interruption."""
    replacing = {name for name, facts in PROPERTIES.items() if facts["Update requires"] == "Replacement"}
    assert replacing == {"OrganizationId"}
    assert {facts["Update requires"] for name, facts in OWN.items() if name not in replacing} == {"No interruption"}


@pytest.mark.parametrize("name", TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(data=st.data())
def test_what_fits_the_documented_pattern_is_taken(name: str, data: st.DataObject) -> None:
    """A text of the documented pattern and length is taken; one of another form or length is refused."""
    facts = TEXTS[name]
    pattern = re.compile(facts["Pattern"].strip("`"))
    longest = longest_of(name)
    good = data.draw(st.from_regex(pattern, fullmatch=True).filter(lambda text: len(text) <= longest))
    assert complaints(**{name: given_as(name, good)}) == []
    bad = data.draw(st.text().filter(lambda text: not pattern.fullmatch(text)))
    assert complaints(**{name: given_as(name, bad)}) != []


def longest_of(name: str) -> int:
    """Return the documented maximum of characters; where none is stated, the pattern limits them."""
    return int(code(PROPERTIES[name].get("Maximum", "`1000`"))[0].partition(" ")[0])


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("Name", "", ""),
        ("Description", "", ""),
        ("Email", "", "@example.com"),
        ("Aliases", "", "@example.com"),
        ("Delegates", "", ""),
    ],
)
def test_documented_lengths_are_the_limits(name: str, start: str, end: str) -> None:
    """A text of the documented minimum or maximum length is taken, and one character more is refused."""
    longest = longest_of(name)
    filler = longest - len(start) - len(end)
    middle = "x" * filler if not end else f"x@{'x' * (filler - 2)}"
    end = end.replace("@", ".")
    fits = f"{start}{middle}{end}"
    assert len(fits) == longest
    assert complaints(**{name: given_as(name, fits)}) == []
    too_long = fits.replace("xx", "xxx", 1)
    assert any(f"at most {longest} are allowed" in text for text in complaints(**{name: given_as(name, too_long)}))
    assert PROPERTIES[name]["Minimum"] == "`1`"
    assert complaints(**{name: given_as(name, "")}) != []


def test_the_documented_number_of_aliases_is_the_limit() -> None:
    """The reference states how many aliases there may be."""
    most = int(code(PROPERTIES["Aliases"]["Maximum"])[0].partition(" | ")[2])
    aliases = [f"alias{number}@example.com" for number in range(most + 1)]
    assert complaints(Aliases=aliases[:-1]) == []
    assert complaints(Aliases=aliases) != []


@pytest.mark.parametrize("name", [name for name, facts in PROPERTIES.items() if "Allowed values" in facts])
def test_documented_values_are_the_ones_allowed(name: str) -> None:
    """Each documented value is taken, and another is refused in words that name them."""
    values = code(PROPERTIES[name]["Allowed values"])
    for value in values:
        assert complaints(**{name: value}) == []
    (refusal,) = complaints(**{name: "nonsense"})
    assert refusal.endswith(f"it must be {' or '.join(values)}")


def test_documented_booking_options_have_their_defaults() -> None:
    """The table of booking options has the keys, in their order, and what each is when it is left out."""
    rows = REFERENCE.table("BookingOptions", "Key").rows
    assert [code(row[0])[0] for row in rows] == list(BOOKING_KEYS)
    booking = BookingOptions()
    defaults = (
        booking.auto_accept_requests,
        booking.auto_decline_recurring_requests,
        booking.auto_decline_conflicting_requests,
    )
    assert [code(row[2])[0] for row in rows] == [str(default).lower() for default in defaults]


def test_the_documented_time_of_an_adoption_s_rollback_is_the_code_s() -> None:
    """The reference says for how long a Delete puts back what an adoption changed."""
    assert f"Within {ROLLBACK_WINDOW // 3600} hours of the adoption" in REFERENCE.section("Adoption")


# ------------------------------------------------------------------------------------------------------- operations


def provider_template() -> Any:
    """Return the provider's template."""
    return decode(str(ROOT / "template.yaml"))[0]


def test_documented_parameters_are_those_of_the_provider_stack() -> None:
    """The table of parameters has each parameter of the template, with its default."""
    documented = {code(row[0])[0]: row[1] for row in OPERATIONS.table("Install", "Parameter").rows}
    declared = {
        name: f"`{body['Default']}`" if body["Default"] != "" else "none"
        for name, body in provider_template()["Parameters"].items()
    }
    assert documented == declared


def test_examples_give_the_function_time_to_answer() -> None:
    """The function's timeout is the one in the reference, and every ServiceTimeout is longer."""
    timeout = provider_template()["Resources"]["ProviderFunction"]["Properties"]["Timeout"]
    assert f"own timeout of {timeout} seconds" in REFERENCE.section("`ServiceTimeout`")
    texts = [found.text for found in documents()] + [path.read_text() for path in ROOT.glob("examples/**/*.yaml")]
    shown = [int(value) for text in texts for value in re.findall(r'ServiceTimeout"?: (\d+)', text)]
    assert shown
    assert min(shown) > timeout


#: The codes of the last-resort function, which imports none of the function's errors.
LAST_RESORT = ("FunctionFailed", "EventAgeExceeded")


def advice_in_code() -> Iterator[tuple[str, str]]:
    """Yield each error code that this project words itself, with its advice."""
    yield from ADVICE.items()
    importlib.import_module("workmail_resource.app")
    yield from ((kind.code, kind.advice) for kind in ProviderError.__subclasses__() if "code" in vars(kind))


def test_the_table_of_errors_is_the_code_s() -> None:
    """Every error code stands in the table with the advice that the function gives, and no other does."""
    documented = {(name, row[1]) for row in TROUBLESHOOTING.table("Error codes", "Code").rows for name in code(row[0])}
    last_resort = {pair for pair in documented if pair[0] in LAST_RESORT}
    assert len(last_resort) == len(LAST_RESORT)
    assert documented - last_resort == set(advice_in_code())


def test_the_advice_that_depends_on_the_event_is_the_code_s() -> None:
    """Where an Update or a Delete has an advice of its own for a code, the second table has it, and no other."""
    rows = TROUBLESHOOTING.table("Error codes", "Event").rows
    assert {(row[0], name, row[2]) for row in rows for name in code(row[1])} == {
        (kind, name, advice) for kind, texts in INSTEAD.items() for name, advice in texts.items()
    }


@pytest.mark.parametrize("name", LAST_RESORT)
def test_the_advice_of_the_last_resort_is_the_code_s(name: str) -> None:
    """What the table says of a code of the last-resort function, the function says."""
    (advice,) = (row[1] for row in TROUBLESHOOTING.table("Error codes", "Code").rows if f"`{name}`" in row[0])
    said: list[dict[str, str]] = []

    def put(_url: str, body: bytes, _timeout: float) -> int:
        said.append(json.loads(body))
        return 200

    condition = {"FunctionFailed": "RetriesExhausted"}.get(name, name)
    record = {"requestContext": {"condition": condition}, "requestPayload": {"ResponseURL": "https://example.com/"}}
    context = SimpleNamespace(aws_request_id="1", log_stream_name="stream")
    last_resort.answer(record, context, clock=SystemClock(), uniform=lambda: 0.5, put=put, environment={})

    (answer,) = said
    assert answer["Reason"].startswith(f"{name}: ")
    # The reason has the request ID where the table has none.
    assert re.sub(r" of the event in", " in", answer["Reason"]).partition(" (Lambda request ID")[0].endswith(advice)


def test_documented_log_keys_are_those_of_the_code() -> None:
    """The table of log keys has each key that a line can have, and no other."""
    # GIVEN the keys of every line, and those that are added somewhere in the code
    program = (
        "from workmail_resource.telemetry import Telemetry;"
        "event = dict.fromkeys(('StackId', 'LogicalResourceId', 'RequestId', 'RequestType'), 'x');"
        "Telemetry(event, lambda_request_id='l', secrets=()).info('event')"
    )
    # In a process of its own: a logger writes to what was the standard output when it was made.
    line = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    common = set(json.loads(line))
    added = {
        keyword.arg
        for path in FUNCTION.rglob("*.py")
        if path.name != "telemetry.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and called(node.func) in {"log", "_log", "info", "error"}
        for keyword in node.keywords
        if keyword.arg
    }
    # WHEN they are compared with the table
    documented = [key for row in MONITORING.table("Logs", "Key").rows for key in code(row[0])]
    # THEN each is there, once
    assert Counter(documented) == Counter(common | added)


def called(function: ast.expr) -> str:
    """Return the name of what is called."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_documented_metrics_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Namespace, dimensions, metrics and units are the documented ones."""
    # WHEN one event succeeds and one fails
    telemetry = Telemetry({"RequestType": "Create"}, lambda_request_id="l", secrets=())
    telemetry.count(succeeded=True, milliseconds=1)
    telemetry.count(succeeded=False, milliseconds=1)
    telemetry.count_unanswered()
    emitted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = [metric for line in emitted for metric in line["_aws"]["CloudWatchMetrics"]]
    # THEN the documents say what comes
    rows = next(table.rows for table in MONITORING.tables() if table.heading == "Metrics")
    where = {row[0]: code(row[1]) for row in rows}
    assert {metric["Namespace"] for metric in metrics} == set(where["Namespace"]) == {default_namespace()}
    dimensions = {name for metric in metrics for names in metric["Dimensions"] for name in names}
    assert dimensions <= set(where["Dimensions"])
    values = {line[name] for line in emitted for name in dimensions if name in line}
    assert values <= set(where["Dimensions"])
    documented = {code(row[0])[0]: row[1] for row in MONITORING.table("Metrics", "Metric").rows}
    assert {metric["Name"]: metric["Unit"] for line in metrics for metric in line["Metrics"]} == documented


def default_namespace() -> str:
    """Return the namespace that the provider stack gives the function."""
    resources = provider_resources()
    return str(resources["ProviderFunction"]["Properties"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"])


def test_documented_alarms_are_those_of_the_template() -> None:
    """The table of alarms has each alarm of the provider stack, with its metric, function and threshold."""
    rows = MONITORING.table("Alarms", "Alarm").rows
    documented = [tuple(code(cell)[0] for cell in row[:4]) for row in rows]
    topic = "arn:aws:sns:us-east-1:123456789012:alerts"
    declared = [
        (name, alarm["MetricName"], alarm["Dimensions"][0]["Value"], str(alarm["Threshold"]))
        for name, body in provider_resources(AlarmTopicArn=topic).items()
        if body["Type"] == "AWS::CloudWatch::Alarm" and (alarm := body["Properties"])
    ]
    assert documented == declared


def test_the_damages_of_the_ledger_are_the_code_s() -> None:
    """The table of damages has each that `workmail-rooms ledger check` can name, and no other."""
    documented = [name for row in LEDGER.table("Look at it and repair it", "Damage").rows for name in code(row[0])]
    assert documented == list(Kind)


# ------------------------------------------------------------------------------------------------------ architecture


def test_the_map_has_every_module() -> None:
    """Each module of the function stands in the row of its room, once."""
    rows = ARCHITECTURE.table("The rooms", "Room").rows
    listed = [f"{row[0].strip('`')}{name}".removeprefix("Top") for row in rows for name in code(row[1])]
    modules = {path.relative_to(FUNCTION).as_posix() for path in FUNCTION.rglob("*.py") if path.name != "__init__.py"}
    assert Counter(listed) == Counter(modules)


def test_the_map_has_every_folder_of_the_tools() -> None:
    """Each folder of the tools has its row."""
    listed = [code(row[0])[0] for row in ARCHITECTURE.table("The rooms", "Folder").rows]
    assert listed == sorted(f"{path.name}/" for path in TOOLS.iterdir() if path.is_dir() and path.name != "__pycache__")


def test_the_documented_times_are_the_code_s() -> None:
    """The table of times has the numbers that the code and the template use."""
    documented = {row[0]: row[1] for row in ARCHITECTURE.table("Times", "What").rows}
    timeout = provider_template()["Resources"]["ProviderFunction"]["Properties"]["Timeout"]
    connect, read = TIMEOUTS[0]
    assert list(documented.values()) == [
        f"{connect} and {read}, less when less is left",
        f"{LEASE}",
        f"{VISIBLE_WITHIN:.0f}",
        f"{PATIENCE:.0f}",
        f"{ANSWER_RESERVE:.0f}",
        f"{timeout}",
    ]
    # A call that changes something ends before its lease does, and a dead worker holds nobody up for a minute.
    assert connect + read < LEASE_RESERVE < LEASE
    assert LEASE + VISIBLE_WITHIN < 60


def test_the_seams_of_crhelper_exist() -> None:
    """Each seam in the table is one that crhelper has and that the subclass overrides, and none is left out."""
    rows = ARCHITECTURE.table("What is changed in crhelper", "Method").rows
    listed = {name for row in rows for name in code(row[0])}
    own = {name for name in vars(CustomResource) if callable(getattr(CustomResource, name))}
    assert listed == {name for name in own if hasattr(CfnResource, name)} - {"__class__", "__doc__", "__module__"}


# --------------------------------------------------------------------------------------------------- the other pages


def test_security_lists_the_permissions_of_the_template() -> None:
    """SECURITY.md names exactly the actions that the roles allow."""
    actions = allowed_actions() | allowed_actions(role="LastResortRole")
    allowed = {action.partition(":")[2] for action in actions}
    section = SECURITY.section("What the functions may do")
    listed = {name for line in section.splitlines() if line.startswith("- ") for name in code(line)}
    assert listed - {"KmsKeyArn", "OrganizationIds", "Tracing"} == allowed


def test_contributing_lists_the_targets_of_the_makefile() -> None:
    """CONTRIBUTING.md has each command of the Makefile, and `make help` is what lists them."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE)) - {"help"}
    assert {code(row[0])[0] for row in CONTRIBUTING.table("Commands", "Command").rows} == {
        f"make {name}" for name in targets
    }


def test_the_changelog_keeps_its_form() -> None:
    """The changelog begins with what is unreleased, under headings of Keep a Changelog."""
    headings = [heading for level, heading in CHANGELOG.headings() if level == 2]
    assert headings[0] == "[Unreleased]"
    kinds = {heading for level, heading in CHANGELOG.headings() if level == 3}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_every_page_says_what_it_is_for(page: Path) -> None:
    """A page begins with what it is for and who needs it, is linked from the README, and is short, but one."""
    text = page.read_text(encoding="utf-8")
    assert re.match(r"(<!--.*-->\n\n)?# .+\n\n.*\b[Ff]or whoever\b", text)
    assert f"docs/{page.name}" in {link.partition("#")[0] for link in document("README.md").links()}
    # The reference has a section for each property.
    assert page == REFERENCE.path or text.count("\n") <= 250


def test_the_readme_is_read_in_a_minute() -> None:
    """The README has at most 150 lines, and says first that WorkMail ends, and against what the project was run."""
    text = document("README.md").text
    assert text.count("\n") <= 150
    screen = "".join(text.splitlines(keepends=True)[:20])
    assert all(
        told in screen
        for told in ("31 March 2027", "docs/leaving.md", "real AWS account", "workmail-rooms probe", "make demo")
    )


def test_no_document_has_a_placeholder() -> None:
    """Nothing in the documents waits to be written."""
    unfinished = re.compile(r"\b(TODO|TBD|FIXME|XXX)\b")
    assert [str(found) for found in documents() if unfinished.search(found.text)] == []
