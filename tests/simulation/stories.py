"""Stories: what a seed decides, and playing it to its end."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final

from workmail_rooms.sandbox.workmail.behaviour import counts, switches

from .awslambda import Client
from .cloudformation import Declared, Template
from .faults import CALM, KINDS_OF_FAULTS, Trouble
from .people import act
from .scheduler import Signal
from .upgrade import rewrite
from .workmail import EXAMPLE, ORGANIZATIONS, OTHER
from .world import Outage, Step, Story, World

#: Few, so that rooms get in each other's way.
NAMES: Final = ("oak", "elm", "fir", "yew")
LOGICAL_IDS: Final = ("A", "B", "C")
STACKS: Final = ("one", "two")
DESCRIPTIONS: Final = ("eight seats", "by the window", "upstairs")

#: What a story may have or not have. Each has about half of them (Groce et al., "Swarm testing", 2012): what has
#: to come together to show a defect is more often together, and what hides it is more often missing.
KINDS: Final = (
    "ADOPT",
    "Retain",
    "addresses",
    "aliases",
    "delegates",
    "descriptions",
    "equipment",
    "failing siblings",
    "hidden rooms",
    "no rollback",
    "taken names",
    "two stacks",
)

#: Seconds that no story lasts.
LONGEST: Final = 30 * 86400.0
#: The share of stories in which people delete an item of the provider's table.
DELETED_ITEMS: Final = 0.03
#: How often a stack is deleted in the end.
TRIES: Final = 3

#: What the switches of no consequence here are.
_NOT_DRAWN: Final = frozenset({"new_organization", "deleted_organization", "error_type", "empty_output", "name_case"})
_LAGS: Final = ("visible_after", "enabled_after", "disabled_after", "deletable_after", "name_release")


def address(organization_id: str, name: str) -> str:
    """Return an address in an organization."""
    return f"{name}@{ORGANIZATIONS[organization_id][0]}"


def room(author: "Author", **fixed: Any) -> dict[str, Any]:
    """Return the properties of a room."""
    dice = author.dice
    organization_id = fixed.pop("OrganizationId", EXAMPLE)
    name = fixed.pop("Name", None) or dice.choice(NAMES)
    properties: dict[str, Any] = {
        "OrganizationId": organization_id,
        "Name": name,
        "Type": "EQUIPMENT" if author.draws("equipment", 0.4) else "ROOM",
    }
    if author.draws("descriptions", 0.8):
        properties["Description"] = dice.choice(DESCRIPTIONS)
    if author.draws("hidden rooms", 0.4):
        properties["HiddenFromGlobalAddressList"] = dice.choice(("true", "false"))
    if author.draws("addresses", 0.9):
        properties["Email"] = address(organization_id, name)
        if author.draws("aliases", 0.5):
            properties["Aliases"] = [address(organization_id, f"{dice.choice(('old', 'alt'))}-{name}")]
        if author.draws("delegates", 0.5):
            _, users, groups = ORGANIZATIONS[organization_id]
            properties["Delegates"] = [dice.choice((users[0], groups[0], address(organization_id, users[0])))]
            if dice.random() < 0.5:
                properties["BookingOptions"] = {"AutoAcceptRequests": "false"}
    return properties | fixed


def declared(author: "Author", properties: Mapping[str, Any]) -> Declared:
    """Return a room of a template."""
    deletion = author.dice.choice(("Retain", "RetainExceptOnCreate")) if author.draws("Retain", 0.4) else "Delete"
    replacement = "Retain" if author.draws("Retain", 0.3) else "Delete"
    return Declared(dict(properties), deletion, replacement)


def without_rivals(template: Mapping[str, Declared]) -> dict[str, Declared]:
    """Return a template in which no two rooms adopt the same one: that mistake nobody can put right."""
    names = [_full_name(one) for one in template.values()]
    return {
        logical_id: replace(
            one, properties={key: value for key, value in one.properties.items() if key != "ExistingResource"}
        )
        if one.properties is not None and names.count(_full_name(one)) > 1
        else one
        for logical_id, one in template.items()
    }


def _full_name(one: Declared) -> tuple[str, str]:
    properties = one.properties or {}
    return properties.get("OrganizationId", ""), properties.get("Name", "")


def sibling(dice: Random) -> Declared:
    """Return a resource that is no room, and fails."""
    return Declared(takes=dice.choice((0.2, 0.6, 1.0, 2.0, 5.0, 30.0)) * (0.5 + dice.random()), fails=True)


class Author:
    """Writes a story, step by step."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = Random(f"{seed}|story")
        self.seed = seed
        self.kinds = {kind for kind in KINDS if dice.random() < 0.5}
        self.rooms = dice.choice((1, 1, 1, 2, 3))
        self.steps: list[Step] = []
        self.templates: dict[str, dict[str, Declared]] = {}
        self._number = 0

    def draws(self, kind: str, share: float) -> bool:
        """Draw whether something is to be so, with this probability in a story that has such a thing at all."""
        return kind in self.kinds and self.dice.random() < share

    def add(self, kind: str, **details: Any) -> None:
        """Add a step."""
        self._number += 1
        self.steps.append(Step(f"{self._number}", kind, **details))

    def taken(self) -> set[str]:
        """Return the names that some template declares."""
        return {
            one.properties["Name"]
            for template in self.templates.values()
            for one in template.values()
            if one.properties is not None
        }

    def free_name(self) -> str:
        """Return a name that no template declares, if there is one; sometimes any."""
        if self.draws("taken names", 0.5):
            return self.dice.choice(NAMES)
        free = [name for name in NAMES if name not in self.taken()]
        return self.dice.choice(free or NAMES)

    def deploy(self, stack: str, template: Mapping[str, Declared], *, fails: bool, **details: Any) -> None:
        """Add a deployment; one that fails leaves what is declared as it was."""
        template = without_rivals(template)
        shown = dict(template)
        if fails:
            shown["Sibling"] = sibling(self.dice)
        else:
            self.templates[stack] = dict(template)
        self.add("deploy", stack=stack, template=shown, **details)


def _begin(author: Author, stack: str) -> None:
    """Create a stack of one to three rooms."""
    dice = author.dice
    template: dict[str, Declared] = {}
    author.templates.setdefault(stack, template)
    for logical_id in LOGICAL_IDS[: dice.randint(1, author.rooms)]:
        properties = room(author, Name=author.free_name())
        if author.draws("ADOPT", 0.4):
            properties["ExistingResource"] = "ADOPT"
        template[logical_id] = declared(author, properties)
        author.templates[stack] = template
    fails = author.draws("failing siblings", 0.6)
    if fails:
        author.templates.pop(stack, None)
    rollback = not author.draws("no rollback", 0.4)
    author.deploy(stack, template, fails=fails, rollback=rollback)
    if fails and dice.random() < 0.5:
        author.deploy(stack, template, fails=False, rollback=rollback)


def _begun(author: Author, stack: str) -> Mapping[str, Declared]:
    """Return what a stack declares; if there is none, create one first, which may fail."""
    if not author.templates.get(stack):
        _begin(author, stack)
    return author.templates.get(stack, {})


def _change(author: Author, stack: str) -> None:
    """Change some of the rooms, add one, take one out."""
    dice = author.dice
    before = _begun(author, stack)
    if not before:
        return
    template = {
        logical_id: replace(one, properties=_changed(author, one.properties)) if one.properties is not None else one
        for logical_id, one in before.items()
    }
    if dice.random() < 0.2 and len(template) > 1:
        del template[dice.choice(sorted(template))]
    if dice.random() < 0.3:
        missing = [logical_id for logical_id in LOGICAL_IDS if logical_id not in template]
        if missing:
            template[dice.choice(missing)] = declared(author, room(author, Name=author.free_name()))
    fails = author.draws("failing siblings", 0.6)
    author.deploy(stack, template, fails=fails, rollback=not author.draws("no rollback", 0.3))
    if fails and dice.random() < 0.4:
        author.deploy(stack, template, fails=False, rollback=True)


def _changed(author: Author, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a room after a change, or as they are."""
    dice = author.dice
    properties = dict(before)
    organization_id, name = properties["OrganizationId"], properties["Name"]
    what = dice.random()
    if what < 0.3:
        kept = {key: value for key, value in properties.items() if key == "ExistingResource"}
        properties = room(author, Name=name, OrganizationId=organization_id) | kept
    elif what < 0.5:
        properties["Name"] = author.free_name()
        if "Email" in properties and dice.random() < 0.7:
            properties["Email"] = address(organization_id, properties["Name"])
    elif what < 0.6:
        properties.pop("ExistingResource", None)
    elif what < 0.7:
        properties = room(author, Name=name, OrganizationId=OTHER if organization_id == EXAMPLE else EXAMPLE)
    return properties


def _pass_on(author: Author, stack: str) -> None:
    """Let a name and an address pass from one room to another, in one operation."""
    dice = author.dice
    before = author.templates.get(stack) or {}
    rooms = [logical_id for logical_id, one in sorted(before.items()) if one.properties is not None]
    if len(rooms) < 2:
        template = {
            logical_id: declared(author, room(author, Name=name, OrganizationId=EXAMPLE))
            for logical_id, name in zip(("A", "B"), dice.sample(NAMES, 2), strict=True)
        }
        author.deploy(stack, template, fails=False)
        before, rooms = template, ["A", "B"]
    giver, taker = dice.sample(rooms, 2)
    template = dict(before)
    old = dict(before[giver].properties or {})
    new_name = author.free_name()
    given = {**old, "Name": new_name}
    if "Email" in old:
        given["Email"] = address(old["OrganizationId"], new_name)
    taken = {**(before[taker].properties or {}), "Name": old["Name"]}
    if taken["OrganizationId"] == old["OrganizationId"] and "Email" in old and "Email" in taken:
        taken["Email"] = old["Email"]
    template[giver] = replace(before[giver], properties=given, depends_on=())
    depends = (giver,) if dice.random() < 0.3 else ()
    template[taker] = replace(before[taker], properties=taken, depends_on=depends)
    author.deploy(stack, template, fails=author.draws("failing siblings", 0.6))


def _rename_logical_id(author: Author, stack: str) -> None:
    """Give a room another logical ID, with ADOPT."""
    dice = author.dice
    before = _begun(author, stack)
    missing = [logical_id for logical_id in LOGICAL_IDS if logical_id not in before]
    if not before or not missing:
        return
    old, new = dice.choice(sorted(before)), dice.choice(missing)
    template = {logical_id: one for logical_id, one in before.items() if logical_id != old}
    properties = {**(before[old].properties or {}), "ExistingResource": "ADOPT"}
    template[new] = replace(before[old], properties=properties, depends_on=())
    author.deploy(stack, template, fails=author.draws("failing siblings", 0.6))


def _move_to_another_stack(author: Author, stack: str) -> None:
    """Move a room to the other stack: Retain, taken out, ADOPT there; or forget the first two."""
    dice = author.dice
    before = _begun(author, stack)
    if not before:
        return
    other = next(name for name in STACKS if name != stack)
    logical_id = dice.choice(sorted(before))
    kept = {**before, logical_id: replace(before[logical_id], deletion_policy="Retain")}
    rest = {key: one for key, one in kept.items() if key != logical_id}
    if dice.random() < 0.7:
        author.deploy(stack, kept, fails=False)
        if rest and dice.random() < 0.8:
            author.deploy(stack, rest, fails=False)
        else:
            author.add("delete", stack=stack)
            author.templates.pop(stack, None)
    properties = dict(kept[logical_id].properties or {})
    if dice.random() < 0.5:
        properties = room(author, **{key: properties[key] for key in ("OrganizationId", "Name", "Type")})
    properties["ExistingResource"] = "ADOPT"
    there = dict(author.templates.get(other, {}))
    free = [key for key in LOGICAL_IDS if key not in there]
    if free:
        there[dice.choice(free)] = Declared(properties)
        author.deploy(other, there, fails=author.draws("failing siblings", 0.5))
    if dice.random() < 0.5 and stack in author.templates:
        again = {
            **author.templates[stack],
            logical_id: declared(author, room(author, Name=dice.choice((properties["Name"], author.free_name())))),
        }
        author.deploy(stack, again, fails=False)


def _people(author: Author, stack: str) -> None:
    """Let people do something in WorkMail."""
    del stack
    dice = author.dice
    action = dice.choice(
        ("make", "make", "change", "delete", "rename", "take an address", "delegate leaves", "delegate returns")
    )
    author.add("people", action=action, arguments={"name": dice.choice(NAMES), "dice": dice.random()})


def _adopt(author: Author, stack: str) -> None:
    """Let people make a room, and a stack adopt it."""
    dice = author.dice
    name = author.free_name()
    author.add("people", action="make", arguments={"name": name, "dice": dice.random()})
    template = dict(author.templates.get(stack, {}))
    free = [key for key in LOGICAL_IDS if key not in template]
    if not free:
        return
    properties = {**room(author, Name=name), "ExistingResource": "ADOPT", "Type": "ROOM"}
    template[free[0]] = Declared(properties)
    author.deploy(stack, template, fails=author.draws("failing siblings", 0.6))


def _name_is_free_again(author: Author, stack: str) -> None:
    """Deploy without rollback while people have the name, and again when they have given it up."""
    dice = author.dice
    name = author.free_name()
    author.add("people", action="make", arguments={"name": name, "dice": dice.random()})
    template = dict(author.templates.get(stack, {}))
    free = [key for key in LOGICAL_IDS if key not in template]
    if not free:
        return
    template[free[0]] = declared(author, room(author, Name=name))
    author.deploy(stack, template, fails=False, rollback=dice.random() < 0.3)
    author.add("people", action=dice.choice(("delete", "rename")), arguments={"name": name, "dice": dice.random()})
    author.deploy(stack, template, fails=False, rollback=dice.random() < 0.5)
    if dice.random() < 0.5:
        _change(author, stack)


def _replace(author: Author, stack: str) -> None:
    """Move rooms to the other organization, more often than not in vain."""
    dice = author.dice
    before = _begun(author, stack)
    if not before:
        return
    for _ in range(dice.choice((1, 2))):
        template = dict(author.templates[stack])
        for logical_id, one in template.items():
            properties = one.properties or {}
            there = OTHER if properties["OrganizationId"] == EXAMPLE else EXAMPLE
            moved = room(author, Name=properties["Name"], OrganizationId=there)
            if "ExistingResource" in properties:
                moved["ExistingResource"] = "ADOPT"
            template[logical_id] = replace(one, properties=moved)
        author.deploy(stack, template, fails=author.draws("failing siblings", 0.8))


def _mistake(author: Author, stack: str) -> None:
    """Deploy something that cannot work, and then without the mistake."""
    dice = author.dice
    template = dict(author.templates.get(stack, {}))
    if not template or dice.random() < 0.5:
        free = [key for key in LOGICAL_IDS if key not in template]
        if free:
            template[free[0]] = declared(author, room(author, Name=author.free_name()))
    logical_id = dice.choice(sorted(template))
    good = dict(template)
    properties = dict(template[logical_id].properties or {})
    properties |= dice.choice(
        (
            {"OrganizationId": f"m-{'0' * 32}", "ExistingResource": "ADOPT"},
            {"OrganizationId": f"m-{'0' * 32}"},
            {"Email": "room@nowhere.example", "Delegates": ["nobody"]},
            {"Email": f"{properties['Name']}@nowhere.example"},
            {"Type": "CUPBOARD"},
            {"Name": "alice"},
        )
    )
    template[logical_id] = replace(template[logical_id], properties=properties)
    known = dict(author.templates.get(stack, {}))
    author.deploy(stack, template, fails=False, rollback=not author.draws("no rollback", 0.3))
    author.templates[stack] = known
    if dice.random() < 0.5:
        author.deploy(stack, good, fails=False)


def _delegate_leaves(author: Author, stack: str) -> None:
    """Let a delegate leave the organization, and update the room."""
    dice = author.dice
    template = dict(author.templates.get(stack, {}))
    logical_id = dice.choice(LOGICAL_IDS)
    name = (template[logical_id].properties or {}).get("Name") if logical_id in template else author.free_name()
    template[logical_id] = Declared(
        {**room(author, Name=name), "Email": address(EXAMPLE, str(name)), "Delegates": ["alice"]}
    )
    author.deploy(stack, template, fails=False)
    author.add("people", action="delegate leaves", arguments={"name": "alice", "dice": 0.0})
    _change(author, stack)


def _restored_table(author: Author, stack: str) -> None:
    """Restore the provider's table from a backup: what came after it is lost."""
    author.add("back up table")
    _change(author, stack)
    author.add("restore table")
    _change(author, stack)


def _both_at_once(author: Author, stack: str) -> None:
    """Deploy two stacks at the same time."""
    first = len(author.steps)
    for name in STACKS:
        author.dice.choice((_change, _adopt, _replace, _pass_on))(author, name)
    for at in range(first, len(author.steps)):
        author.steps[at] = replace(author.steps[at], waits=False)
    del stack


def _delete(author: Author, stack: str) -> None:
    """Delete a stack."""
    _begun(author, stack)
    author.add("delete", stack=stack)
    author.templates.pop(stack, None)


def _wait(author: Author, stack: str) -> None:
    """Let time pass."""
    del stack
    author.add("wait", seconds=author.dice.choice((10.0, 120.0, 1000.0, 90000.0, 200000.0)))


def _outage(author: Author, stack: str) -> None:
    """Let a service fail for a while."""
    del stack
    dice = author.dice
    service, operation = dice.choice(
        (
            ("workmail", ""),
            ("dynamodb", ""),
            ("cloudformation", ""),
            ("workmail", "DeleteResource"),
            ("workmail", "UpdateResource"),
            ("dynamodb", "TransactWriteItems"),
            ("dynamodb", "PutItem"),
        )
    )
    kind = dice.choice(("error 500", "unreachable", "denied", "throttled"))
    author.add(
        "outage",
        arguments={"service": service, "operation": operation, "kind": kind},
        seconds=dice.choice((2.0, 20.0, 200.0, 2000.0)) * dice.random(),
        waits=False,
    )


_PLOTS: Final[tuple[tuple[Callable[[Author, str], None], int], ...]] = (
    (_change, 10),
    (_pass_on, 3),
    (_rename_logical_id, 3),
    (_move_to_another_stack, 4),
    (_people, 4),
    (_adopt, 4),
    (_delete, 3),
    (_wait, 2),
    (_name_is_free_again, 3),
    (_replace, 2),
    (_mistake, 3),
    (_delegate_leaves, 2),
    (_restored_table, 1),
    (_both_at_once, 2),
    (_outage, 2),
)


#: Scenes of a story, after its beginning.
_LENGTHS: Final = (1,) * 10 + (2, 2, 5)


def _behaviour(dice: Random) -> dict[str, Any]:
    """Draw how WorkMail behaves; more often than not as it is believed to."""
    behaviour: dict[str, Any] = {}
    if dice.random() < 0.5:
        return behaviour
    for name, values in switches().items():
        if name not in _NOT_DRAWN and dice.random() < 0.2:
            behaviour[name] = dice.choice(values)
    for name in counts():
        if name in _LAGS and dice.random() < 0.3:
            behaviour[name] = dice.randint(1, 3)
    return behaviour


def write(seed: int) -> Story:
    """Return the story of a seed."""
    author = Author(seed)
    dice = author.dice
    stacks = STACKS if "two stacks" in author.kinds else STACKS[:1]
    for stack in stacks:
        if dice.random() < 0.15:
            _begin(author, stack)
    plots = [plot for plot in _PLOTS if dice.random() < 0.5] or [dice.choice(_PLOTS)]
    for _ in range(dice.choice(_LENGTHS)):
        ((plot, _),) = dice.choices(plots, [weight for _, weight in plots])
        plot(author, dice.choice(stacks))
    if all(step.kind != "deploy" for step in author.steps):
        _change(author, "one")
    story = Story(
        seed=seed,
        steps=tuple(author.steps),
        behaviour=_behaviour(dice),
        trouble=_trouble(dice),
        skew=dice.choice((0.0, 0.0, -2.0, 2.0, 1.3)),
        reuse_request_ids=dice.random() < 0.3,
        replacement_cleaned_up_only=dice.random() < 0.3,
        describes_removed=dice.random() < 0.5,
        impatient=dice.random() < 0.5,
    )
    return _with_deleted_item(dice, story) if dice.random() < DELETED_ITEMS else story


def write_upgraded(seed: int) -> Story:
    """Return the story of a seed, in which what was made until some step is of version 1.0.0 (contract 44)."""
    story, dice = write(seed), Random(f"{seed}|upgrade")
    at = dice.randint(1, len(story.steps))
    return replace(story, steps=(*story.steps[:at], Step("upgrade", "upgrade"), *story.steps[at:]))


def _with_deleted_item(dice: Random, story: Story) -> Story:
    """Let people delete an item of the provider's table too, between two steps or in the middle of one."""
    at = dice.randint(1, len(story.steps))
    before, after = list(story.steps[:at]), story.steps[at:]
    if dice.random() < 0.5:
        before[-1] = replace(before[-1], waits=False)
        before.append(Step("until then", "wait", seconds=dice.choice((2.0, 4.0, 10.0)) * (0.5 + dice.random())))
    deleted = Step("by hand", "people", action="delete a ledger item", arguments={"name": "", "dice": dice.random()})
    return replace(story, steps=(*before, deleted, *after))


def _trouble(dice: Random) -> Trouble:
    """Draw what goes wrong, and how often."""
    level = dice.choice((0.0, 0.1, 0.3, 0.5))
    return Trouble(
        tries=level,
        copies=dice.choice((0.0, 0.0, 0.05, 0.2)),
        late=dice.choice((0.0, 0.0, 0.05, 0.2)),
        slow=dice.choice((0.0, 0.0, 0.1, 0.3)),
        refused_answers=level * dice.choice((0.0, 0.5)),
        kinds=tuple(kind for kind in KINDS_OF_FAULTS if dice.random() < 0.5) or KINDS_OF_FAULTS,
    )


# -------------------------------------------------------------------------------------------------- playing


def play(story: Story, *, tracing: bool = False, client: Callable[..., Any] = Client) -> World:
    """Play a story to its end, in which every stack is deleted, and return the world it was played in."""
    world = World(story, tracing=tracing, client=client)
    done = Signal()

    def script() -> None:
        _perform_all(world)
        _end(world)
        world.scheduler.happen(done)

    world.scheduler.spawn("script", script)
    world.scheduler.run(world.scheduler.now + LONGEST)
    if not done.happened:
        world.checks.found("0 the story does not end", "something waits for ever")
    return world


def _perform_all(world: World) -> None:
    scheduler = world.scheduler
    running: list[Signal] = []
    for step in world.story.steps:
        task = scheduler.spawn(f"step {step.name}", partial(perform, world, step))
        running.append(task)
        if step.waits:
            scheduler.wait(task)
        else:
            scheduler.sleep(0.5)
    for signal in running:
        scheduler.wait(signal)


def _end(world: World) -> None:
    """Delete every stack, while nothing goes wrong any more, and look at what is left."""
    cloudformation, scheduler = world.cloudformation, world.scheduler
    cloudformation.step = "end"
    world.trouble = CALM
    world.outages.clear()
    if not world.story.impatient:
        _drain(world)
        world.checks.at_rest()
    world.trace("END", "every stack is deleted, and nothing goes wrong any more")
    for name in list(cloudformation.stacks):
        for _ in range(TRIES):
            if name in cloudformation.stacks:
                scheduler.sleep(2.0)
                cloudformation.delete(name)
    _drain(world)
    world.checks.in_the_end()


def _drain(world: World) -> None:
    """Let pass whatever is still on its way."""
    for _ in range(400):
        if not world.deliveries:
            return
        world.scheduler.sleep(30.0)


def perform(world: World, step: Step) -> None:
    """Do one step; of two of the same stack the second waits for the first."""
    if step.stack:
        while step.stack in world.busy:
            world.scheduler.sleep(5.0)
        world.busy.add(step.stack)
    if world.tracing:
        world.trace(f"STEP {step.name}", describe(step))
    _perform(world, step)
    world.busy.discard(step.stack)


def _perform(world: World, step: Step) -> None:
    cloudformation = world.cloudformation
    cloudformation.step = step.name
    match step.kind:
        case "deploy":
            cloudformation.deploy(step.stack, step.template, rollback=step.rollback)
        case "delete":
            if step.stack in cloudformation.stacks:
                world.scheduler.sleep(2.0)
                cloudformation.delete(step.stack)
        case "people":
            act(world, step.action, step.arguments)
        case "wait":
            world.scheduler.sleep(step.seconds)
        case "outage":
            until = world.scheduler.now + step.seconds
            identity = f"{step.name} outage"
            world.had_outage = True
            outage = Outage(until=until, identity=identity, **step.arguments)
            world.outages.append(outage)
        case "back up table":
            world.backup = dict(world.table.items)
        case "restore table":
            _restore_table(world)
        case "upgrade":
            _upgrade(world)
        case _:
            raise ValueError(step.kind)


def _restore_table(world: World) -> None:
    # A restore takes longer than any function lives.
    while any(one.ended_at is None for one in world.tries):
        world.scheduler.sleep(1.0)
    world.table.items = dict(world.backup)
    world.checks.ledger_lost = world.checks.ledger_restored = True


def _upgrade(world: World) -> None:
    while world.deliveries:
        world.scheduler.sleep(5.0)
    world.upgraded = rewrite(world.table, world.scheduler.now)


def describe(step: Step) -> str:
    """Return a step as a person says it."""
    match step.kind:
        case "deploy":
            return f"deploy {step.stack}{'' if step.rollback else ' --disable-rollback'}: {_spoken(step.template)}"
        case "delete":
            return f"delete {step.stack}"
        case "people":
            return f"people: {step.action} {step.arguments.get('name', '')}"
        case "wait":
            return f"{step.seconds:g} seconds pass"
        case "back up table" | "restore table" | "upgrade":
            return step.kind
        case _:
            return f"{step.kind} {dict(step.arguments)} for {step.seconds:g} seconds"


def _spoken(template: Template) -> str:
    rooms = []
    for logical_id, one in template.items():
        if one.properties is None:
            rooms.append(f"{logical_id} (fails after {one.takes:.1f} s)" if one.fails else logical_id)
            continue
        shown = {key: value for key, value in one.properties.items() if key != "OrganizationId"}
        extra = "" if one.properties["OrganizationId"] == EXAMPLE else " in the other organization"
        policies = "".join(
            f" {name} {policy}"
            for name, policy in (
                ("DeletionPolicy", one.deletion_policy),
                ("UpdateReplacePolicy", one.update_replace_policy),
            )
            if policy != "Delete"
        )
        rooms.append(f"{logical_id}{extra}{policies} {shown}")
    return "; ".join(rooms)


__all__ = ["CALM", "describe", "play", "write", "write_upgraded"]
