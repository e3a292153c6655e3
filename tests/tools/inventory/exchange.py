"""A small stand-in for Exchange Online's cmdlets, and a runner for the part of PowerShell that the script uses.

The grammar is tree-sitter's. What the runner does not know it refuses, and so do the cmdlets.
"""

from dataclasses import dataclass, field
from typing import Any

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))

#: The parameters that are used, of those in Microsoft's references.
PARAMETERS = {
    "Get-Mailbox": {"Identity", "ErrorAction"},
    "New-Mailbox": {"Room", "Equipment", "Name", "DisplayName", "PrimarySmtpAddress"},
    "Set-Mailbox": {"Identity", "HiddenFromAddressListsEnabled", "EmailAddresses"},
    "Set-CalendarProcessing": {
        "Identity",
        "AutomateProcessing",
        "AllBookInPolicy",
        "AllRequestInPolicy",
        "AllowRecurringMeetings",
        "AllowConflicts",
        "ResourceDelegates",
    },
}


@dataclass
class Mailbox:
    """One mailbox, with what was set of it."""

    name: str
    kind: str
    made: int = 1
    aliases: set[str] = field(default_factory=set)
    settings: dict[str, Any] = field(default_factory=dict)


class Exchange:
    """Exchange Online, as far as the script needs it."""

    def __init__(self) -> None:
        self.mailboxes: dict[str, Mailbox] = {}
        self.made = 0

    def run(self, script: bytes) -> None:
        """Run a script; an error of a cmdlet ends it."""
        assert script.startswith(b"\xef\xbb\xbf")
        tree = _PARSER.parse(script.removeprefix(b"\xef\xbb\xbf"))
        assert not tree.root_node.has_error, "the script does not parse"
        self._statements(tree.root_node)

    def _statements(self, node: Node) -> None:
        for child in node.named_children:
            match child.type:
                case "statement_list" | "statement_block" | "pipeline_chain":
                    self._statements(child)
                case "comment":
                    pass
                case "if_statement":
                    condition, block = [one for one in child.named_children if one.type != "comment"]
                    if self._is_missing(condition):
                        self._statements(block)
                case "pipeline" if child.named_children[0].type == "assignment_expression":
                    assert text(child) == "$ErrorActionPreference = 'Stop'"
                case "pipeline":
                    self._statements(child)
                case "command":
                    self._command(child)
                case other:
                    raise AssertionError(f"the runner does not know {other}: {text(child)}")

    def _is_missing(self, condition: Node) -> bool:
        assert text(condition).startswith("-not (Get-Mailbox ")
        (command,) = found(condition, "command")
        return self._command(command) is None

    def _command(self, node: Node) -> Mailbox | None:
        name = text(node.named_children[0])
        arguments = parameters(node)
        assert arguments.keys() <= PARAMETERS[name], f"{name} has no {arguments.keys() - PARAMETERS[name]}"
        if name == "New-Mailbox":
            return self._new(arguments)
        mailbox = self.mailboxes.get(arguments.pop("Identity").casefold())
        if name == "Get-Mailbox":
            assert arguments == {"ErrorAction": "SilentlyContinue"}
            return mailbox
        assert mailbox is not None, f"{name}: there is no such mailbox"
        addresses = arguments.pop("EmailAddresses", {"Add": []})["Add"]
        mailbox.aliases |= {addresses} if isinstance(addresses, str) else set(addresses)
        mailbox.settings |= arguments
        return mailbox

    def _new(self, arguments: dict[str, Any]) -> Mailbox:
        address = arguments["PrimarySmtpAddress"].casefold()
        assert address not in self.mailboxes, f"{address} is there already"
        assert ("Room" in arguments) != ("Equipment" in arguments)
        assert len(arguments["Name"]) <= 64
        self.made += 1
        self.mailboxes[address] = Mailbox(arguments["Name"], "Room" if "Room" in arguments else "Equipment")
        return self.mailboxes[address]


def text(node: Node) -> str:
    """Return a node's source."""
    return (node.text or b"").decode()


def found(node: Node, kind: str) -> list[Node]:
    """Return the nodes of a kind in *node*."""
    return [node] if node.type == kind else [one for child in node.named_children for one in found(child, kind)]


def parameters(command: Node) -> dict[str, Any]:
    """Return a command's parameters; a switch is True."""
    arguments: dict[str, Any] = {}
    name = ""
    for element in found(command, "command_elements")[0].named_children:
        match element.type:
            case "command_argument_sep":
                pass
            case "command_parameter":
                name = text(element).removeprefix("-")
                arguments[name] = True
            case _:
                arguments[name] = value(element)
    return arguments


def value(node: Node) -> Any:
    """Return the value of an argument."""
    if node.type == "generic_token":
        return text(node)
    entries = found(node, "hash_entry")
    if entries:
        return {text(entry.named_children[0]): value(entry.named_children[1]) for entry in entries}
    values = [_literal(one) for kind in ("verbatim_string_characters", "variable") for one in found(node, kind)]
    return values[0] if len(values) == 1 else values


def _literal(node: Node) -> Any:
    source = text(node)
    if node.type == "variable":
        return {"$true": True, "$false": False}[source]
    inner = source[1:-1]
    assert "'" not in inner.replace("''", "")
    return inner.replace("''", "'")
