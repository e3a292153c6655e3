"""Making a story that fails as short as it can be while it still fails in the same way; and telling it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from .faults import CALM
from .stories import describe, play
from .world import BEGINNING, Step, Story, World

#: Tries after which a story is short enough.
PATIENCE: Final = 600

_IDS: Final = (
    (re.compile(r"arn:aws:cloudformation:[\w:-]+:stack/(\w+)/0*([0-9a-f]+)-[0-9a-f-]+"), r"\1#\2"),
    (re.compile(r"\b(0*)([0-9a-f]{1,8})-0000-4000-8000-[0-9a-f]{12}"), r"#\2"),
    (re.compile(r"\b([rm]-[0-9a-f]{4})[0-9a-f]{28}"), r"\1"),
    (re.compile(r"Custom::WorkMailResource"), "::"),
)


def violated(story: Story) -> tuple[set[str], World]:
    """Play a story, and return the checks that it violates."""
    world = play(story)
    return {violation.check for violation in world.violations}, world


def shrink(story: Story, check: str) -> Story:
    """Return the shortest story found that still violates *check*."""
    tries = 0

    def fails(candidate: Story) -> bool:
        nonlocal tries
        tries += 1
        try:
            return check in violated(candidate)[0]
        except Exception:  # noqa: BLE001 - a story that cannot be played is none
            return False

    shorter = True
    while shorter and tries < PATIENCE:
        shorter = False
        for candidates in (_without_steps, _without_trouble, _without_rooms, _without_settings, _without_properties):
            for candidate in candidates(story):
                if tries >= PATIENCE:
                    break
                if fails(candidate):
                    story, shorter = candidate, True
                    break
            if shorter:
                break
    return story


def _without_steps(story: Story) -> Iterator[Story]:
    steps = story.steps
    for size in sorted({len(steps) // 2, 2, 1}, reverse=True):
        for at in range(len(steps) - size, -1, -1):
            if size:
                yield replace(story, steps=steps[:at] + steps[at + size :])


def _without_trouble(story: Story) -> Iterator[Story]:
    if story.trouble == CALM:
        return
    yield replace(story, trouble=CALM)
    met = [identity for identity in dict.fromkeys(violated(story)[1].met) if identity not in story.dropped]
    for size in sorted({len(met), len(met) // 2, len(met) // 4, 1}, reverse=True):
        for at in range(0, len(met), max(1, size)):
            part = met[at : at + size]
            if part:
                yield replace(story, dropped=story.dropped | frozenset(part))


def _without_settings(story: Story) -> Iterator[Story]:
    if story.behaviour:
        yield replace(story, behaviour={})
        for name in story.behaviour:
            yield replace(story, behaviour={key: value for key, value in story.behaviour.items() if key != name})
    calmer = (
        replace(story, skew=0.0),
        replace(story, reuse_request_ids=False),
        replace(story, replacement_cleaned_up_only=False),
        replace(story, describes_removed=False),
        replace(story, impatient=False),
    )
    yield from (candidate for candidate in calmer if candidate != story)


def _in_steps(story: Story, change: Callable[[Step], Step]) -> Story:
    return replace(story, steps=tuple(map(change, story.steps)))


def _without_rooms(story: Story) -> Iterator[Story]:
    for step in story.steps:
        for logical_id in step.template:
            yield _in_steps(
                story,
                lambda one, step=step, logical_id=logical_id: (  # type: ignore[misc]
                    replace(one, template={key: value for key, value in one.template.items() if key != logical_id})
                    if one.name == step.name
                    else one
                ),
            )
        if not step.rollback:
            yield _in_steps(story, lambda one, step=step: replace(one, rollback=True) if one.name == step.name else one)  # type: ignore[misc]


def _without_properties(story: Story) -> Iterator[Story]:
    for key in ("Delegates", "Aliases", "HiddenFromGlobalAddressList", "Description", "BookingOptions", "Email"):

        def change(step: Step, key: str = key) -> Step:
            template = {
                logical_id: replace(
                    one, properties={name: value for name, value in one.properties.items() if name not in _with(key)}
                )
                if one.properties is not None
                else one
                for logical_id, one in step.template.items()
            }
            return replace(step, template=template)

        changed = _in_steps(story, change)
        if changed != story:
            yield changed


def _with(key: str) -> set[str]:
    """Return what has to go together with a property."""
    return {
        "Email": {"Email", "Aliases", "Delegates", "BookingOptions"},
        "Delegates": {"Delegates", "BookingOptions"},
    }.get(key, {key})


def tell(story: Story, *, briefly: bool = False) -> Iterator[str]:
    """Yield a story line by line, as a person reads it.

    Parameters
    ----------
    briefly:
        Leave out calls that only read.
    """
    world = play(story, tracing=True)
    yield f"GIVEN seed {story.seed}, WorkMail with {dict(story.behaviour) or 'its default behaviour'}, "
    yield f"      a function whose clock is {story.skew:g} s ahead" + "".join(
        f", {name.replace('_', ' ')}"
        for name in ("reuse_request_ids", "replacement_cleaned_up_only", "describes_removed", "impatient")
        if getattr(story, name)
    )
    for step in story.steps:
        yield f"WHEN  {step.name}: {_named(describe(step))}"
    yield "THEN"
    last, repeated = "", 0
    for at, who, what in world.lines:
        line = f"{who:26} {_named(what)}"
        if briefly and re.match(r"(Describe|List|Query|GetItem)", what):
            continue
        if line == last:
            repeated += 1
            continue
        if repeated:
            yield f"{'':10} ... {repeated} times more"
        last, repeated = line, 0
        yield f"{at:10.2f} {line}"
    for violation in world.violations:
        yield f"{violation.at - BEGINNING:10.2f} VIOLATED {violation.check}: {_named(violation.text)}"


def _named(text: str) -> str:
    for pattern, name in _IDS:
        text = pattern.sub(name, text)
    return text
