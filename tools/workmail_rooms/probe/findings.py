"""What the experiments find, and what is made of it. `learn` makes the experiments' calls, nothing else here any."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from workmail_rooms.sandbox.workmail.behaviour import Behaviour

from .calls import Answer, DeniedError
from .experiments import NOT_LEARNED, Experiment, Lab, Stage, UnexpectedError
from .readings import NotLearnedError

_DEFAULTS: Final = Behaviour()
#: So many of the last answers are shown where a switch does not know the result.
_SHOWN: Final = 3
#: Ids of organizations, resources, users and groups, addresses, ARNs, account numbers and request ids.
_IDENTIFIERS: Final = re.compile(
    r"arn:[^\s\"'<>,;]+|[\w.%+\-]+@[\w\-]+(?:\.[\w\-]+)*|\b[a-z]-[0-9a-f]{10,}\b|\bS-1-[\d-]+\b|\b\d{12}\b"
    r"|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is known of one switch, or of one behaviour without switch.

    Attributes
    ----------
    name, asks : str
        As in the `Experiment`.
    assumed : Any
        What the embedded WorkMail does by itself.
    value : Any
        What was found; None when nothing was.
    problem : str
        Why nothing was found; empty otherwise.
    answers : tuple[Answer, ...]
        What was observed.
    unknown : bool
        Whether WorkMail did something that no setting of the embedded WorkMail does.
    """

    name: str
    asks: str
    assumed: Any
    value: Any = None
    problem: str = ""
    answers: tuple[Answer, ...] = ()
    unknown: bool = False

    @property
    def seconds(self) -> float:
        """How long the observation took."""
        return self.answers[-1].at - self.answers[0].at if self.answers else 0.0


def learn(lab: Lab, stages: Iterable[Stage]) -> Iterator[Finding]:
    """Carry out the experiments of the stages, and yield what each finds.

    Raises
    ------
    ProbeError
        The probe cannot go on.
    """
    failed: dict[str, str] = {}
    for stage in stages:
        problem, answers = failed.get(stage.needs, ""), tuple[Answer, ...]()
        if not problem:
            try:
                stage.enter(lab)
            except (UnexpectedError, DeniedError) as error:
                problem = str(error)
                answers = error.answers if isinstance(error, UnexpectedError) else ()
        if problem:
            failed[stage.name] = problem
            for place, experiment in enumerate(stage.experiments):
                # One request for a new switch is enough.
                shown = answers if place == 0 else ()
                yield _finding(experiment, problem=problem, answers=shown, unknown=bool(shown))
            continue
        for experiment in stage.experiments:
            yield _ask(lab, experiment)


def _ask(lab: Lab, experiment: Experiment) -> Finding:
    answers: Sequence[Answer] = ()
    try:
        answers = tuple(experiment.act(lab))
        value = experiment.read(lab)(answers)
    except (NotLearnedError, DeniedError) as error:
        unexpected = any(not answer.ok and not answer.throttled for answer in answers)
        return _finding(experiment, problem=str(error), answers=answers, unknown=unexpected)
    except UnexpectedError as error:
        return _finding(experiment, problem=str(error), answers=error.answers, unknown=True)
    if is_known(experiment, value):
        return _finding(experiment, value=value, answers=answers)
    return _finding(experiment, problem=f"no setting is {value!r}", answers=answers, unknown=True)


def _finding(experiment: Experiment, **more: Any) -> Finding:
    assumed = experiment.assumed or getattr(_DEFAULTS, experiment.name)
    return Finding(name=experiment.name, asks=experiment.asks, assumed=assumed, **more)


def is_known(experiment: Experiment, value: Any) -> bool:
    """Tell whether the embedded WorkMail can behave so."""
    if experiment.assumed:
        return bool(value == experiment.assumed)
    try:
        Behaviour(**{experiment.name: value})
    except ValueError:
        return False
    return True


def settings(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return what was found as a behaviour file holds it: the learned switches only."""
    switches = {field.name for field in fields(Behaviour)}
    learned = {finding.name: finding.value for finding in findings if finding.name in switches and not finding.problem}
    exported = Behaviour(**learned).export()
    return {name: exported[name] for name in sorted(learned)}


# ----------------------------------------------------------------------------------------------------------- reports


def table(findings: Sequence[Finding]) -> list[tuple[str, str, str, str]]:
    """Return the rows of the report: switch, what was found, what is assumed, and a remark."""
    return [(finding.name, _found(finding), _text(finding.assumed), _remark(finding)) for finding in findings]


def _found(finding: Finding) -> str:
    return "?" if finding.problem else _text(finding.value)


def _remark(finding: Finding) -> str:
    if finding.problem:
        return finding.problem
    parts = []
    if finding.value != finding.assumed:
        parts.append("differs")
    if isinstance(finding.value, int) and finding.value and finding.seconds:
        parts.append(f"{finding.seconds:.1f} seconds")
    return ", ".join(parts)


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return "none"
        case int() | float() | tuple():
            return str(value)
        case _:
            return json.dumps(asdict(value))


def not_learned() -> list[tuple[str, str]]:
    """Return the switches that are never learned, each with the reason."""
    return sorted(NOT_LEARNED.items())


def requests(findings: Iterable[Finding], secrets: Iterable[str]) -> list[str]:
    """Return a request for a new switch for each result that no switch knows.

    Parameters
    ----------
    secrets : iterable of str
        What must not be shown: names and addresses of the organization.
    """
    hidden = tuple(secrets)
    found = []
    for finding in findings:
        if finding.unknown:
            lines = [f"{finding.name}: {finding.asks}? {finding.problem}. The last answers:"]
            lines += [f"  {_line(answer)}" for answer in finding.answers[-_SHOWN:]]
            found.append(clean("\n".join(lines), hidden))
    return found


def errors(answers: Iterable[Answer], secrets: Iterable[str]) -> list[str]:
    """Return how WorkMail words its errors: each text once, in order."""
    hidden = tuple(secrets)
    texts = (
        clean(f"{answer.operation}: {answer.error_type or answer.code}: {answer.message}", hidden)
        for answer in answers
        if not answer.ok
    )
    return sorted(dict.fromkeys(texts))


def _line(answer: Answer) -> str:
    asked = json.dumps(_plain(answer.request), sort_keys=True, default=str)
    came = answer.body.strip() if not answer.ok else json.dumps(_plain(answer.output), sort_keys=True, default=str)
    return f"{answer.operation} {asked} -> {answer.code} {came}"


def _plain(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members without the items of lists: most are other people's rooms."""
    return {name: f"{len(value)} items" if isinstance(value, list) else value for name, value in members.items()}


def clean(text: str, secrets: Iterable[str]) -> str:
    """Return a text without ids, addresses, account numbers, *secrets* in any case, and control characters."""
    # First whole addresses: a domain alone is a secret, too.
    text = _IDENTIFIERS.sub("***", text)
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text, flags=re.IGNORECASE)
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
