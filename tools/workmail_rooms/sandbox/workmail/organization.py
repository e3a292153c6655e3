"""What an organization holds, and how it is found: entities by id, name and address, without scanning."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

State = Literal["ENABLED", "DISABLED", "DELETED"]
Kind = Literal["USER", "GROUP", "RESOURCE"]

# The values of a new resource are those of the AWS CLI's describe-resource example; no other source has any.
NEW_BOOKING_OPTIONS = {
    "AutoAcceptRequests": True,
    "AutoDeclineRecurringRequests": False,
    "AutoDeclineConflictingRequests": True,
}


@dataclass(kw_only=True)
class Entity:
    """A user, group or resource; deleted ones stay as ghosts.

    Attributes
    ----------
    id : str
        ``r-`` and 32 hex digits, a UUID (users), or ``S-1-1-11-...`` (groups).
    name : str
        The name as given.
    sequence : int
        The position in lists.
    state : {"ENABLED", "DISABLED", "DELETED"}
        The true state.
    hidden : bool
        Whether it is hidden from the global address list.
    email : str or None
        The primary e-mail; None while never registered.
    aliases : list[str]
        The aliases as given, without the primary e-mail.
    enabled_date, disabled_date : float or None
        Seconds since 1970.
    unseen_reads : int
        So many reads do not see the entity yet.
    shown_states : list[str]
        What the next reads show instead of `state`.
    refused_deletes : int
        So many deletes are refused yet.
    """

    kind: ClassVar[Kind]

    id: str
    name: str
    sequence: int
    state: State = "DISABLED"
    hidden: bool = False
    email: str | None = None
    aliases: list[str] = field(default_factory=list)
    enabled_date: float | None = None
    disabled_date: float | None = None
    unseen_reads: int = 0
    shown_states: list[State] = field(default_factory=list)
    refused_deletes: int = 0

    @property
    def addresses(self) -> list[str]:
        """The primary e-mail, if any, and the aliases."""
        return ([self.email] if self.email else []) + self.aliases

    @property
    def shown_state(self) -> State:
        """The state that the next read shows."""
        return self.shown_states[0] if self.shown_states else self.state

    def read(self) -> bool:
        """Count a read; tell whether it sees the entity."""
        if self.unseen_reads:
            self.unseen_reads -= 1
            return False
        return True

    def read_state(self) -> State:
        """Count a read of the state and return what it shows."""
        return self.shown_states.pop(0) if self.shown_states else self.state

    def export(self) -> dict[str, Any]:
        """Return the attributes as JSON-serialisable data."""
        # The lists and dictionaries hold nothing that can change; `asdict` would copy each of their values, too.
        return {name: value.copy() if isinstance(value, list | dict) else value for name, value in vars(self).items()}


@dataclass(kw_only=True)
class Member(Entity):
    """What can be a delegate: a user or a group."""


@dataclass(kw_only=True)
class User(Member):
    """A user."""

    kind: ClassVar[Kind] = "USER"

    display_name: str
    role: str = "USER"
    first_name: str | None = None
    last_name: str | None = None


@dataclass(kw_only=True)
class Group(Member):
    """A group."""

    kind: ClassVar[Kind] = "GROUP"


@dataclass(kw_only=True)
class Resource(Entity):
    """A room or a piece of equipment.

    Attributes
    ----------
    type : str
        ``ROOM`` or ``EQUIPMENT``.
    description : str or None
        None when unset.
    booking : dict[str, bool]
        The three BookingOptions.
    delegates : list[str]
        Ids of users and groups, sorted.
    """

    kind: ClassVar[Kind] = "RESOURCE"

    type: str
    description: str | None = None
    booking: dict[str, bool] = field(default_factory=lambda: dict(NEW_BOOKING_OPTIONS))
    delegates: list[str] = field(default_factory=list)


ENTITY_CLASSES: Mapping[str, type[Entity]] = {cls.kind: cls for cls in (User, Group, Resource)}


@dataclass
class MailDomain:
    """A mail domain of an organization.

    Attributes
    ----------
    name : str
        The domain in lower case.
    verified : bool
        Whether addresses in it can be used.
    test : bool
        Whether it is the ``awsapps.com`` domain that came with the organization.
    """

    name: str
    verified: bool
    test: bool = False


@dataclass(kw_only=True)
class ExportJob:
    """A mailbox export job. What it shows follows from the time.

    Attributes
    ----------
    id : str
        A UUID.
    sequence : int
        The position in lists.
    start : float
        Seconds since 1970.
    seconds : float
        How long it runs if nobody cancels it.
    fails : bool
        Whether it ends FAILED.
    cancelled : float or None
        When it was cancelled, in seconds since 1970.
    """

    id: str
    sequence: int
    entity_id: str
    description: str | None
    role_arn: str
    kms_key_arn: str
    bucket: str
    prefix: str
    start: float
    seconds: float
    fails: bool
    cancelled: float | None = None

    @property
    def end(self) -> float:
        """When it ends or ended, in seconds since 1970."""
        return self.start + self.seconds if self.cancelled is None else self.cancelled

    @property
    def path(self) -> str:
        """Where its file is in the bucket. The real form is not documented."""
        return f"{self.prefix.rstrip('/')}/{self.id}.zip"

    def state(self, now: float) -> Literal["RUNNING", "COMPLETED", "FAILED", "CANCELLED"]:
        """Return the state at the time *now*."""
        if self.cancelled is not None:
            return "CANCELLED"
        if now < self.end:
            return "RUNNING"
        return "FAILED" if self.fails else "COMPLETED"

    def progress(self, now: float) -> int:
        """Return the progress at the time *now*, in percent."""
        if self.state(now) == "COMPLETED":
            return 100
        return int(min(99, 100 * (min(now, self.end) - self.start) / self.seconds)) if self.seconds else 0

    def error(self, now: float) -> str | None:
        """Return why it failed, if it has at the time *now*."""
        return "The mailbox could not be exported." if self.state(now) == "FAILED" else None


@dataclass(kw_only=True)
class Organization:
    """An organization and everything in it.

    `state`, `error_message`, `interoperability` and `directory` may be set at any time.

    Attributes
    ----------
    id : str
        ``m-`` and 32 hex digits.
    alias : str
        The alias as given.
    state : str
        ``Active``, ``Synchronizing``, ``Requested``, ``Creating``, ``Impaired``, ``Deleting``, ``Deleted``: only the
        first two let operations through ("Active or Synchronizing" in older API references).
    directory_id : str
        The directory behind it.
    directory : {"ok", "read_only", "unsupported", "unavailable", "authentication_failed"}
        What the directory does. ``read_only`` refuses writes and ``unsupported`` also those reads that model
        UnsupportedOperationException; the others answer DirectoryUnavailableException and
        DirectoryServiceAuthenticationFailedException where these are modelled.
    interoperability : bool
        Whether resources can neither be created nor enabled ("while in interoperability mode", administrator guide).
    default_domain : str
        The name of the default mail domain.
    domains : dict[str, MailDomain]
        The mail domains by name.
    completed_date : float
        When it became usable, in seconds since 1970.
    error_message : str or None
        What DescribeOrganization shows as ErrorMessage.
    domain_unready : int
        So many uses of the ``awsapps.com`` domain are refused yet.
    held_names : dict[str, int]
        Names of deleted entities, and how often their use is refused yet.
    entities : dict[str, Entity]
        All entities by id, ghosts included.
    next_sequence : int
        The next entity's position in lists.
    export_jobs : dict[str, ExportJob]
        All mailbox export jobs by id.
    """

    id: str
    alias: str
    directory_id: str
    default_domain: str
    completed_date: float
    state: str = "Active"
    directory: Literal["ok", "read_only", "unsupported", "unavailable", "authentication_failed"] = "ok"
    interoperability: bool = False
    domains: dict[str, MailDomain] = field(default_factory=dict)
    error_message: str | None = None
    domain_unready: int = 0
    held_names: dict[str, int] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    next_sequence: int = 1
    export_jobs: dict[str, ExportJob] = field(default_factory=dict)
    # Everything below is an index of the above.
    _key: Callable[[str], str] = field(default=str.casefold, repr=False)
    _listed: dict[Kind, list[Entity]] = field(default_factory=dict, repr=False)
    _by_name: dict[str, Entity] = field(default_factory=dict, repr=False)
    _ghost_by_name: dict[str, Entity] = field(default_factory=dict, repr=False)
    _by_address: dict[str, Entity] = field(default_factory=dict, repr=False)
    _delegated: dict[str, set[str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.index(self._key)

    def index(self, key: Callable[[str], str]) -> None:
        """Build the indexes anew, comparing names by *key*."""
        self._key = key
        self._listed = {"USER": [], "GROUP": [], "RESOURCE": []}
        for index in (self._by_name, self._ghost_by_name, self._by_address, self._delegated):
            index.clear()
        for entity in self.entities.values():
            self._index(entity)

    def _index(self, entity: Entity) -> None:
        self._listed[entity.kind].append(entity)
        if entity.state == "DELETED":
            self._ghost_by_name[self._key(entity.name)] = entity
            return
        self._by_name[self._key(entity.name)] = entity
        for address in entity.addresses:
            self._by_address[address.casefold()] = entity
        if isinstance(entity, Resource):
            for delegate in entity.delegates:
                self._delegated.setdefault(delegate, set()).add(entity.id)

    def add(self, entity: Entity) -> None:
        """Add the new *entity*, which has the sequence `next_sequence`."""
        self.entities[entity.id] = entity
        self.next_sequence += 1
        self._index(entity)

    def listed(self, kind: Kind) -> list[Entity]:
        """Return the entities of a *kind* in the order of lists, ghosts included."""
        return self._listed[kind]

    def by_name(self, name: str) -> Entity | None:
        """Return the live entity called *name*, else the last deleted one."""
        return self.named(name) or self._ghost_by_name.get(self._key(name))

    def named(self, name: str) -> Entity | None:
        """Return the live entity called *name*."""
        return self._by_name.get(self._key(name))

    def by_address(self, address: str) -> Entity | None:
        """Return the entity with the primary e-mail or alias *address*."""
        return self._by_address.get(address.casefold())

    def rename(self, entity: Entity, name: str) -> None:
        """Give *entity* the *name*."""
        self._free_name(entity)
        entity.name = name
        self._by_name[self._key(name)] = entity

    def _free_name(self, entity: Entity) -> None:
        key = self._key(entity.name)
        # Two names may differ in case only, if Behaviour.name_case was once "sensitive": then one is not indexed.
        if self._by_name.get(key) is entity:
            del self._by_name[key]

    def set_addresses(self, entity: Entity, email: str | None, aliases: list[str]) -> None:
        """Give *entity* the primary *email* and the *aliases*, and take its others from it."""
        for address in entity.addresses:
            del self._by_address[address.casefold()]
        entity.email, entity.aliases = email, aliases
        for address in entity.addresses:
            self._by_address[address.casefold()] = entity

    def set_delegates(self, resource: Resource, delegates: list[str]) -> None:
        """Give *resource* exactly the *delegates*."""
        for delegate in resource.delegates:
            self._delegated[delegate].discard(resource.id)
        resource.delegates = sorted(delegates)
        for delegate in delegates:
            self._delegated.setdefault(delegate, set()).add(resource.id)

    def delete(self, entity: Entity) -> None:
        """Make *entity* a ghost: its name and addresses are free, and it is nobody's delegate."""
        self.set_addresses(entity, None, [])
        if isinstance(entity, Resource):
            self.set_delegates(entity, [])
        for resource_id in self._delegated.pop(entity.id, ()):
            resource = self.entities[resource_id]
            if isinstance(resource, Resource):
                resource.delegates.remove(entity.id)
        self._free_name(entity)
        self._ghost_by_name[self._key(entity.name)] = entity
        entity.state = "DELETED"
        entity.shown_states = []

    def export(self) -> dict[str, Any]:
        """Return the organization as JSON-serialisable data."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}
        return plain | {
            "domains": [asdict(domain) for domain in self.domains.values()],
            "held_names": dict(self.held_names),
            "entities": [{"kind": entity.kind} | entity.export() for entity in self.entities.values()],
            "export_jobs": [asdict(job) for job in self.export_jobs.values()],
        }

    @classmethod
    def restore(cls, data: Mapping[str, Any], key: Callable[[str], str]) -> Self:
        """Return the organization that `export` gave, comparing names by *key*."""
        entities = [_restore_entity(entity) for entity in data["entities"]]
        return cls(
            **{
                name: value
                for name, value in data.items()
                if name not in {"domains", "entities", "held_names", "export_jobs"}
            },
            domains={domain["name"]: MailDomain(**domain) for domain in data["domains"]},
            held_names=dict(data["held_names"]),
            entities={entity.id: entity for entity in entities},
            # A state that an earlier version wrote has none.
            export_jobs={job["id"]: ExportJob(**job) for job in data.get("export_jobs", ())},
            _key=key,
        )


def _restore_entity(data: Mapping[str, Any]) -> Entity:
    # A copy of each list: the data stays the caller's.
    attributes: dict[str, Any] = {
        name: list(value) if isinstance(value, list) else value for name, value in data.items()
    }
    if "booking" in attributes:
        attributes["booking"] = dict(data["booking"])
    return ENTITY_CLASSES[attributes.pop("kind")](**attributes)
