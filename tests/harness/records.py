"""What a whole run of the suite leaves behind to be checked at its end: logs, calls, and the secrets that were used."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from workmail_rooms.sandbox.services import Call

#: A Description shorter than this could stand in a log by chance; the tests use longer ones.
SHORTEST_SECRET: Final = 8

_SIGNATURE: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_TRANSACTED: Final = {"Put": "PutItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def actions(call: Call) -> Iterator[str]:
    """Yield the IAM actions that *call* needs; a transaction needs those of its parts.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    if call.operation == "TransactWriteItems":
        for item in call.parameters["TransactItems"]:
            yield from (f"dynamodb:{_TRANSACTED[kind]}" for kind in item)
    else:
        yield f"{call.service}:{call.operation}"


def event_secrets(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield what no log may hold of *event*: the URL's signature, and every Description."""
    url = event.get("ResponseURL")
    if isinstance(url, str):
        yield from parse_qs(url.partition("?")[2]).get("X-Amz-Signature", [])
    yield from _descriptions([event.get("ResourceProperties"), event.get("OldResourceProperties")])


def _descriptions(properties: Iterable[Any]) -> Iterator[str]:
    for one in properties:
        description = one.get("Description") if isinstance(one, Mapping) else None
        # What another property says too is no secret.
        others = [value for key, value in one.items() if key != "Description"] if isinstance(one, Mapping) else ()
        if isinstance(description, str) and len(description) >= SHORTEST_SECRET and description not in others:
            yield description


class Records:
    """A folder that the processes of one run of the suite share.

    Parameters
    ----------
    folder:
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def logs(self, process: str) -> Path:
        """Return where one process of the suite lets its functions log."""
        return self.folder / process / "logs"

    def write(self, process: str, *, secrets: Iterable[str], needed: Iterable[str]) -> None:
        """Add what one process has seen."""
        folder = self.folder / process
        folder.mkdir(parents=True, exist_ok=True)
        document = {"secrets": sorted(set(secrets)), "actions": sorted(set(needed))}
        (folder / "seen.json").write_text(json.dumps(document), encoding="utf-8")

    def secrets(self) -> set[str]:
        """Return every secret of the run."""
        return self._all("secrets")

    def actions(self) -> set[str]:
        """Return every IAM action that the run needed."""
        return self._all("actions")

    def log_files(self) -> list[Path]:
        """Return every log stream of the run."""
        return sorted(self.folder.glob("*/logs/**/*.log"))

    def leaks(self) -> list[str]:
        """Return a line for each log stream that holds a secret; the secret itself is cut short."""
        secrets = self.secrets()
        found = []
        for path in self.log_files():
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.name}: {secret[:6]}..." for secret in leaked(text, secrets)]
        return found

    def _all(self, key: str) -> set[str]:
        return {
            value
            for path in self.folder.glob("*/seen.json")
            for value in json.loads(path.read_text(encoding="utf-8"))[key]
        }


def leaked(text: str, secrets: Iterable[str]) -> list[str]:
    """Return which of *secrets* are in *text*, as they are or as JSON writes them."""
    # Thousands of signatures are looked for at once, by what looks like one.
    suspects = set(_SIGNATURE.findall(text))
    return [
        secret
        for secret in secrets
        if (secret in suspects if _SIGNATURE.fullmatch(secret) else secret in text or json.dumps(secret)[1:-1] in text)
    ]
