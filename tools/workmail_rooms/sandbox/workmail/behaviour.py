"""What is not publicly known about WorkMail, as switches."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from .faults import Fault, RateLimit

# The maximum of the service model's MaxResults.
LARGEST_PAGE = 100

YesNo = Literal["yes", "no"]
KeptCleared = Literal["kept", "cleared"]
SuccessOr = Literal["success", "EntityStateException", "InvalidParameterException"]


@dataclass(frozen=True, kw_only=True)
class ExportJobs:
    """How mailbox export jobs run.

    Attributes
    ----------
    seconds : float
        How long a job runs. A real one takes as long as its mailbox is large.
    failing : tuple[str, ...]
        Names of users and resources whose jobs end FAILED.
    at_once : int
        How many may run at the same time in one organization (administrator guide, mail-export: 10).
    daily : {"completed", "started"}
        What counts as the one job that a mailbox may have within 24 hours (as above): unless it fails or is cancelled,
        or any.
    """

    seconds: float = 5.0
    failing: tuple[str, ...] = ()
    at_once: int = 10
    daily: Literal["completed", "started"] = "completed"

    def __post_init__(self) -> None:
        """Refuse values that are no setting.

        Raises
        ------
        ValueError
            Time and number have to be 0 or more, and *daily* one of its two values.
        """
        if self.seconds < 0 or self.at_once < 0 or self.daily not in {"completed", "started"}:
            raise ValueError(f"Behaviour.export_jobs is {self!r}; use no negative numbers, and completed or started.")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How the service behaves where nobody outside AWS knows how it behaves.

    Code that talks to WorkMail must be right under every setting. The defaults are what the public evidence points to;
    where there is none, what the service model's ``idempotent`` trait suggests.

    Attributes
    ----------
    ghost_describe : {"DELETED", "EntityNotFoundException"}
        (1) What Describe answers for a deleted entity. Terraform and three other public codebases handle State DELETED.
    ghost_list : {"shown", "hidden"}
        (1) Whether the List operations show deleted entities. The same codebases filter such "ghosts" out.
    redelete : {"success", "EntityStateException", "EntityNotFoundException", "ResourceNotFoundException"}
        (2) A second delete. The default follows the ``idempotent`` trait. The last two are not modelled for the delete
        operations, but Terraform's provider tolerates them.
    delete_unknown_id : {"success", "EntityStateException", "InvalidParameterException"}
        (3) Deleting what never existed. The delete operations model no "not found", hence the default.
    name_release : int
        (4) After a delete, so many further uses of the name answer NameAvailabilityException. Code that creates the
        name again at once exists, hence 0.
    visible_after : int
        (5) So many reads after a create do not see the entity yet (EntityNotFoundException, absent from lists).
        Terraform retries RegisterToWorkMail for that reason; 0 keeps tests simple.
    enabled_after : int
        (5) So many reads after RegisterToWorkMail still show DISABLED, and what needs ENABLED is refused meanwhile.
    enabled_flaps : {"yes", "no"}
        (5) Whether one read after the first ENABLED shows DISABLED once more. Terraform waits for two ENABLED in a row.
    disabled_after : int
        (5) So many reads after DeregisterFromWorkMail still show ENABLED.
    deletable_after : int
        (5) So many deletes after DeregisterFromWorkMail answer EntityStateException. Terraform retries them.
    register_again_same : {"no-op", "EntityAlreadyRegisteredException"}
        (6) RegisterToWorkMail of an ENABLED entity with the e-mail it has. The documentation says "no change".
    register_again_other : {"EntityAlreadyRegisteredException", "ignored"}
        (6) The same with another e-mail. The error is modelled and this is its only plain use.
    update_on_disabled : {"ok", "EntityStateException"}
        (7) UpdateResource of a DISABLED resource. Only DELETED is known to be refused.
    booking_missing_key : {"unchanged", "false"}
        (8) What a key absent from BookingOptions becomes in UpdateResource. The members are optional, hence unchanged.
    rename_changes_email : {"no", "yes"}
        (9) Whether UpdateResource with a Name moves the primary e-mail along (the old one becomes an alias). There is
        no Email parameter, hence no; the operation models the e-mail errors, hence the switch.
    email_after_deregister : {"kept", "cleared"}
        (10) The e-mail after DeregisterFromWorkMail. The mailbox is kept for 30 days.
    aliases_after_deregister : {"kept", "cleared"}
        (10) The aliases after DeregisterFromWorkMail.
    delegates_after_deregister : {"kept", "cleared"}
        (10) The delegates after DeregisterFromWorkMail.
    last_delegate_removed : {"allowed", "InvalidParameterException", "EntityStateException"}
        (11) DisassociateDelegateFromResource of the last delegate while AutoAcceptRequests is false.
        InvalidConfigurationException is not modelled there, hence allowed.
    associate_twice : {"success", "EntityStateException", "InvalidParameterException"}
        (12) AssociateDelegateToResource of a delegate. The default follows the ``idempotent`` trait.
    disassociate_missing : {"success", "EntityNotFoundException", "InvalidParameterException"}
        (12) DisassociateDelegateFromResource of an entity that is no delegate. As above.
    delete_missing_alias : {"success", "EntityNotFoundException", "InvalidParameterException"}
        (12) DeleteAlias of an address that is no alias of the entity. As above.
    list_aliases_primary : {"yes", "no"}
        (13) Whether ListAliases includes the primary e-mail. Two public codebases depend on yes.
    faults : tuple[Fault, ...]
        (14) Failures asked for. None by default.
    rate_limit : RateLimit or None
        (14) Requests above it answer ThrottlingException. The real rates are not published; none by default.
    new_organization : {"Active", "Creating", "Deleted", "interoperability"}
        (15) What a new organization is. A real one takes minutes to become Active; tests seldom want to wait.
    deleted_organization : {"OrganizationStateException", "OrganizationNotFoundException"}
        (15) What a call in a deleted organization answers. The first was seen (terraform-provider-aws #47893).
    domain_ready_after : int
        (15) So many uses of an organization's own ``awsapps.com`` domain answer MailDomainStateException at first.
        Terraform retries that for two minutes after creating an organization.
    error_type : {"bare", "namespaced"}
        (16) ``__type`` as ``X`` or as ``com.amazonaws.workmail#X``. SDKs accept both.
    empty_output : {"braces", "nothing"}
        (16) The body of an output without members: ``{}`` or empty. The documentation says "an empty HTTP body", SDKs
        accept both.
    deregister_disabled : {"EntityStateException", "success"}
        DeregisterFromWorkMail of a DISABLED entity. The error is modelled; the one caller seen discards it.
    name_case : {"insensitive", "sensitive"}
        Whether names that differ in case are the same name. The names live in a directory, where they are.
    name_shown : {"as given", "upper case"}
        How Describe and List show a resource's name. Nothing is documented; a directory may have a case of its own.
    description_blanks : {"kept", "trimmed"}
        Whether the blanks at both ends of a resource's Description stay. Nothing is documented.
    reserved_names : tuple[str, ...]
        Names that Create refuses with ReservedNameException. No list is published: these are directory built-ins.
    export_jobs : ExportJobs
        How mailbox export jobs run.
    page_size : int
        Items on a page when a List call has no MaxResults, 1 to 100. Not documented; the largest page is 100.
    """

    ghost_describe: Literal["DELETED", "EntityNotFoundException"] = "DELETED"
    ghost_list: Literal["shown", "hidden"] = "shown"
    redelete: Literal["success", "EntityStateException", "EntityNotFoundException", "ResourceNotFoundException"] = (
        "success"
    )
    delete_unknown_id: SuccessOr = "success"
    name_release: int = 0
    visible_after: int = 0
    enabled_after: int = 0
    enabled_flaps: YesNo = "no"
    disabled_after: int = 0
    deletable_after: int = 0
    register_again_same: Literal["no-op", "EntityAlreadyRegisteredException"] = "no-op"
    register_again_other: Literal["EntityAlreadyRegisteredException", "ignored"] = "EntityAlreadyRegisteredException"
    update_on_disabled: Literal["ok", "EntityStateException"] = "ok"
    booking_missing_key: Literal["unchanged", "false"] = "unchanged"
    rename_changes_email: YesNo = "no"
    email_after_deregister: KeptCleared = "kept"
    aliases_after_deregister: KeptCleared = "kept"
    delegates_after_deregister: KeptCleared = "kept"
    last_delegate_removed: Literal["allowed", "InvalidParameterException", "EntityStateException"] = "allowed"
    associate_twice: SuccessOr = "success"
    disassociate_missing: Literal["success", "EntityNotFoundException", "InvalidParameterException"] = "success"
    delete_missing_alias: Literal["success", "EntityNotFoundException", "InvalidParameterException"] = "success"
    list_aliases_primary: YesNo = "yes"
    faults: tuple[Fault, ...] = ()
    rate_limit: RateLimit | None = None
    new_organization: Literal["Active", "Creating", "Deleted", "interoperability"] = "Active"
    deleted_organization: Literal["OrganizationStateException", "OrganizationNotFoundException"] = (
        "OrganizationStateException"
    )
    domain_ready_after: int = 0
    error_type: Literal["bare", "namespaced"] = "bare"
    empty_output: Literal["braces", "nothing"] = "braces"
    deregister_disabled: Literal["EntityStateException", "success"] = "EntityStateException"
    name_case: Literal["insensitive", "sensitive"] = "insensitive"
    name_shown: Literal["as given", "upper case"] = "as given"
    description_blanks: Literal["kept", "trimmed"] = "kept"
    reserved_names: tuple[str, ...] = ("administrator", "guest", "krbtgt")
    export_jobs: ExportJobs = ExportJobs()
    page_size: int = 100

    def __post_init__(self) -> None:
        """Refuse values that are no setting.

        Raises
        ------
        ValueError
            A switch has a value it does not know.
        """
        for name, values in switches().items():
            value = getattr(self, name)
            if value not in values:
                raise ValueError(f"Behaviour.{name} is {value!r}; use one of {', '.join(map(repr, values))}.")
        for name in counts():
            count = getattr(self, name)
            if count < 0:
                raise ValueError(f"Behaviour.{name} is {count}; use 0 or more.")
        if not 1 <= self.page_size <= LARGEST_PAGE:
            raise ValueError(f"Behaviour.page_size is {self.page_size}; use 1 to {LARGEST_PAGE}.")

    def key(self, name: str) -> str:
        """Return what *name* is compared by."""
        return name.casefold() if self.name_case == "insensitive" else name

    def shown(self, name: str) -> str:
        """Return a resource's *name* as it is shown."""
        return name.upper() if self.name_shown == "upper case" else name

    def kept(self, description: str | None) -> str | None:
        """Return what becomes of a resource's *description*; an empty one is none."""
        text = description or ""
        return (text.strip() if self.description_blanks == "trimmed" else text) or None

    def export(self) -> dict[str, Any]:
        """Return the settings as JSON-serialisable data."""
        return asdict(self) | {
            "reserved_names": list(self.reserved_names),
            "faults": [fault.export() for fault in self.faults],
            "export_jobs": asdict(self.export_jobs) | {"failing": list(self.export_jobs.failing)},
        }

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> Self:
        """Return the settings that `export` gave.

        Raises
        ------
        ValueError
            A switch is not known, or has a value it does not know.
        """
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"Behaviour has no switch {', '.join(sorted(unknown))}.")
        limit = data.get("rate_limit")
        jobs = dict(data.get("export_jobs", {}))
        restored = {
            "export_jobs": ExportJobs(**jobs | {"failing": tuple(jobs.get("failing", ()))}),
            "faults": tuple(Fault.restore(fault) for fault in data.get("faults", ())),
            "rate_limit": RateLimit(**limit) if limit else None,
            "reserved_names": tuple(data.get("reserved_names", cls.reserved_names)),
        }
        return cls(**dict(data) | restored)


@cache
def switches() -> dict[str, tuple[str, ...]]:
    """Return the switches that have named values: the values of each, the default among them."""
    hints = get_type_hints(Behaviour)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


@cache
def counts() -> tuple[str, ...]:
    """Return the switches that count calls."""
    return tuple(name for name, hint in get_type_hints(Behaviour).items() if hint is int)
