"""One run, from the first look to the last."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .calls import Caller, ProbeError
from .experiments import LAST, STAGES, Lab
from .findings import Finding, learn
from .rooms import Leftovers, find, remove, remove_all


@dataclass(kw_only=True)
class Report:
    """What came of a run.

    Attributes
    ----------
    findings : list[Finding]
        In the order of the experiments.
    ghost : str
        What the first deleted resource showed at the end, and for how long; empty when there was none.
    problem : str
        Why the run ended early; empty when it did not.
    left : str
        What could not be removed; empty when nothing is left.
    complete : bool
        Whether everything was asked but the rate.
    interrupted : bool
        Whether the user ended it.
    """

    findings: list[Finding] = field(default_factory=list)
    ghost: str = ""
    problem: str = ""
    left: str = ""
    complete: bool = False
    interrupted: bool = False


class Probe:
    """Asks one organization.

    Parameters
    ----------
    call : Caller
        Calls WorkMail.
    clock, sleep : callable
        The time in seconds, and waiting.
    random : random.Random
        Where names come from; not to be guessed.
    """

    def __init__(
        self, call: Caller, *, clock: Callable[[], float], sleep: Callable[[float], None], random: Random
    ) -> None:
        self._call = call
        self._clock = clock
        self._sleep = sleep
        self._random = random

    def organization(self) -> Mapping[str, Any]:
        """Return the organization.

        Raises
        ------
        ProbeError
            It cannot be asked: it is not there, not active, or makes no resources.
        """
        answer = self._call("DescribeOrganization")
        if not answer.ok:
            raise ProbeError(
                f"{answer.code}: {answer.message} Check --organization-id, and that --profile and --region are its own."
            )
        if answer.output.get("State") != "Active":
            raise ProbeError(f"The organization is in state {answer.output.get('State')}; only an Active one is asked.")
        if answer.output.get("InteroperabilityEnabled"):
            raise ProbeError("The organization is in interoperability mode, in which it makes no resources.")
        return answer.output

    def check_domain(self, domain: str) -> None:
        """Make sure that addresses can be in a domain.

        Raises
        ------
        ProbeError
            The organization does not have it, or it is not verified.
        """
        answer = self._call("GetMailDomain", DomainName=domain)
        if not answer.ok:
            raise ProbeError(f"{answer.code}: {answer.message} Give a domain of the organization with --domain.")
        status = answer.output.get("OwnershipVerificationStatus")
        if status != "VERIFIED":
            raise ProbeError(f"The domain {domain} is not verified ({status}). Give another one with --domain.")

    def leftovers(self) -> Leftovers:
        """Return what earlier runs have left.

        Raises
        ------
        ProbeError
            The resources cannot be listed.
        """
        return find(self._call, self._sleep)

    def clean_up(self, left: Leftovers) -> None:
        """Remove what earlier runs have left.

        Raises
        ------
        ProbeError
            Something could not be removed.
        """
        for item in left.own:
            remove(self._call, self._clock, self._sleep, item["Id"])

    def run(
        self, *, domain: str, delegate: str, measure_rate: bool, show: Callable[[Finding], None] = lambda _: None
    ) -> Report:
        """Carry out all experiments, and remove what they have made, whatever happens.

        Parameters
        ----------
        domain : str
            A verified domain of the organization.
        delegate : str
            The id, name or address of a user or group.
        measure_rate : bool
            Whether to call until WorkMail throttles.
        show : callable
            Is told of each finding.

        Raises
        ------
        KeyboardInterrupt
            While it was removing what it has made.
        """
        report = Report()
        lab = Lab(
            call=self._call,
            clock=self._clock,
            sleep=self._sleep,
            random=self._random,
            domain=domain,
            delegate=delegate,
            measure_rate=measure_rate,
        )

        def ask(stages: Sequence[Any]) -> None:
            for finding in learn(lab, stages):
                report.findings.append(finding)
                show(finding)

        try:
            ask(STAGES)
            report.complete = True
        except ProbeError as error:
            report.problem = str(error)
        except KeyboardInterrupt:
            report.problem, report.interrupted = "interrupted", True
        finally:
            try:
                remove_all(self._call, self._clock, self._sleep, lab.rooms)
                report.ghost = self._last_look(lab)
            except ProbeError as error:
                report.left = str(error)
        if not report.problem and not report.left:
            try:
                ask([LAST])
            except ProbeError as error:
                report.problem = str(error)
            except KeyboardInterrupt:
                report.problem, report.interrupted = "interrupted", True
        return report

    def _last_look(self, lab: Lab) -> str:
        deleted = lab.seen.get("delete")
        if not deleted:
            return ""
        shown = lab.describe(lab.first)
        seconds = shown.at - deleted[-1].at
        return f"{shown.output.get('State') or shown.code} {seconds:.0f} seconds after it was first shown as deleted"
