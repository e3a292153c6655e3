"""The version of the project and its changelog, as texts."""

import re
from typing import Final

_VERSION: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_STATED: Final = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)
_UNRELEASED: Final = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL)


class ReleaseError(Exception):
    """What keeps this version from being released."""


def raised(source: str, version: str) -> str:
    """Return the module that states the version, with *version* in it.

    Raises
    ------
    ReleaseError
        *version* is not of the form 1.2.3, or not higher than the version that the module states.
    """
    match = _STATED.search(source)
    if match is None:
        raise ReleaseError("The module states no __version__.")
    if _numbers(version) <= _numbers(match[1]):
        raise ReleaseError(f"{version} is not higher than {match[1]}, the version of the last release.")
    return source[: match.start(1)] + version + source[match.end(1) :]


def dated(changelog: str, version: str, date: str) -> str:
    """Return the changelog with what is unreleased under a heading of *version* and *date* (2026-11-25).

    Raises
    ------
    ReleaseError
        The changelog has nothing unreleased.
    """
    match = _UNRELEASED.search(changelog)
    if match is None or not re.search(r"^- ", match[1], re.MULTILINE):
        raise ReleaseError("CHANGELOG.md says nothing under [Unreleased]. Write there what this release changes.")
    return f"{changelog[: match.start(1)]}\n## [{version}] - {date}\n{changelog[match.start(1) :]}"


def _numbers(version: str) -> tuple[int, ...]:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ReleaseError(f"{version or 'Nothing'} is no version. Give one such as 1.2.3: make release VERSION=1.2.3")
    return tuple(map(int, match.groups()))
