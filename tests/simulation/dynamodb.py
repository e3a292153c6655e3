"""One DynamoDB table in memory, which evaluates the expressions of its requests for real.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Final

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

Item = dict[str, Any]
#: The names and the values that stand for something in an expression.
Names = Mapping[str, str]
Values = Mapping[str, Any]
#: Looks something up in an item; None when the item has no such attribute.
Operand = Callable[[Item, Names, Values], Any]
Condition = Callable[[Item, Names, Values], bool]
Change = Callable[[Item, Item, Names, Values], None]

#: The largest number of actions in a transaction.
MAX_ACTIONS: Final = 100


class DynamoDBError(Exception):
    """What the service refuses.

    Attributes
    ----------
    code, message:
        The service's own.
    reasons:
        Of a cancelled transaction: a code for each action.
    """

    def __init__(self, code: str, message: str, reasons: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.reasons = list(reasons)


#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
_RESERVED: Final = frozenset(ReservedKeywords.get_reserved_keywords())
_TOKEN: Final = re.compile(r"\s*(?:(<>|<=|>=|[=<>(),.\[\]+\-])|([#:]?[A-Za-z_0-9]+))")


@dataclass
class _Parser:
    """Reads one expression, by recursive descent."""

    text: str
    tokens: list[str] = field(init=False)
    at: int = 0

    def __post_init__(self) -> None:
        self.tokens, position = [], 0
        text = self.text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.error()
            self.tokens.append(match[1] or match[2])
            position = match.end()

    def error(self) -> DynamoDBError:
        return DynamoDBError(
            "ValidationException", f"Invalid expression: Syntax error; near: {self.peek()} in {self.text}"
        )

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise self.error()
        self.at += 1
        return token

    def word(self) -> str:
        return self.peek().upper()

    def accept(self, *words: str) -> bool:
        if self.word() in words:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.error()

    def end(self) -> None:
        if self.peek():
            raise self.error()

    # ---------------------------------------------------------------- conditions

    def condition(self) -> Condition:
        left = self._and()
        while self.accept("OR"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Condition:
        left = self._not()
        while self.accept("AND"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Condition:
        if self.accept("NOT"):
            inner = self._not()
            return lambda item, names, values: not inner(item, names, values)
        return self._comparison()

    def _comparison(self) -> Condition:
        if self.accept("("):
            inner = self.condition()
            self.expect(")")
            return inner
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
        if following == "(" and self.peek() in _FUNCTIONS:
            return self._function()
        left = self.operand()
        if self.accept("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            return _between(left, low, self.operand())
        if self.accept("IN"):
            self.expect("(")
            options = [self.operand()]
            while self.accept(","):
                options.append(self.operand())
            self.expect(")")
            return _one_of(left, options)
        operator = self.take()
        if operator not in _COMPARISONS:
            raise self.error()
        return _compared(operator, left, self.operand())

    def _function(self) -> Condition:
        name = self.take()
        self.expect("(")
        arguments = [self.operand()]
        while self.accept(","):
            arguments.append(self.operand())
        self.expect(")")
        return _FUNCTIONS[name](*arguments)

    # ------------------------------------------------------------------ operands

    def parts(self) -> list[str]:
        parts = [self.take()]
        while self.accept("."):
            parts.append(self.take())
        for part in parts:
            if part.upper() in _RESERVED:
                raise DynamoDBError(
                    "ValidationException",
                    f"Invalid expression: Attribute name is a reserved keyword; reserved keyword: {part}",
                )
        return parts

    def path(self) -> Callable[[Names], list[str]]:
        parts = self.parts()
        return lambda names: [names.get(part, part) for part in parts]

    def operand(self) -> Operand:
        if self.peek().startswith(":"):
            name = self.take()
            return lambda _item, _names, values: values[name]
        if self.peek() == "size" and self.tokens[self.at + 1 : self.at + 2] == ["("]:
            self.at += 2
            inner = self.operand()
            self.expect(")")
            return lambda item, names, values: _size(inner(item, names, values))
        first, *further = parts = self.parts()
        if further:
            return lambda item, names, _values: _found(item, [names.get(part, part) for part in parts])
        return lambda item, names, _values: item.get(names.get(first, first))

    # ------------------------------------------------------------------- updates

    def update(self) -> list[Change]:
        changes: list[Change] = []
        while self.peek():
            section = self.take().upper()
            clause = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add, "DELETE": self._subtract}.get(section)
            if clause is None:
                raise self.error()
            changes.append(clause())
            while self.accept(","):
                changes.append(clause())
        return changes

    def _set(self) -> Change:
        path = self.path()
        self.expect("=")
        value = self._sum()
        return lambda old, new, names, values: _put(new, path(names), value(old, names, values))

    def _sum(self) -> Operand:
        left = self._value()
        while self.peek() in {"+", "-"}:
            sign = -1 if self.take() == "-" else 1
            left = _added(left, self._value(), sign)
        return left

    def _value(self) -> Operand:
        if self.peek() == "if_not_exists":
            self.at += 1
            self.expect("(")
            there = self.operand()
            self.expect(",")
            otherwise = self._sum()
            self.expect(")")
            return lambda item, names, values: (
                found if (found := there(item, names, values)) is not None else otherwise(item, names, values)
            )
        return self.operand()

    def _remove(self) -> Change:
        path = self.path()
        return lambda _old, new, names, _values: _put(new, path(names), None)

    def _add(self) -> Change:
        path, value = self.path(), self.operand()

        def change(old: Item, new: Item, names: Names, values: Values) -> None:
            before, extra = _found(old, path(names)), value(old, names, values)
            kind, amount = next(iter(extra.items()))
            if kind == "N":
                total = _number(before or {"N": "0"}) + _number(extra)
                _put(new, path(names), {"N": _digits(total)})
            else:
                _put(new, path(names), {kind: sorted({*((before or {}).get(kind, ())), *amount})})

        return change

    def _subtract(self) -> Change:
        path, value = self.path(), self.operand()

        def change(old: Item, new: Item, names: Names, values: Values) -> None:
            kind, amount = next(iter(value(old, names, values).items()))
            left = sorted({*((_found(old, path(names)) or {}).get(kind, ()))} - {*amount})
            _put(new, path(names), {kind: left} if left else None)

        return change


def _either(left: Condition, right: Condition) -> Condition:
    return lambda item, names, values: left(item, names, values) or right(item, names, values)


def _both(left: Condition, right: Condition) -> Condition:
    return lambda item, names, values: left(item, names, values) and right(item, names, values)


def _found(item: Item, path: Sequence[str]) -> Any:
    value: Any = item.get(path[0])
    for part in path[1:]:
        value = value.get("M", {}).get(part) if value is not None else None
    return value


def _put(item: Item, path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        if part not in item or "M" not in item[part]:
            raise DynamoDBError(
                "ValidationException", "The document path provided in the update expression is invalid for update"
            )
        item[part] = {"M": dict(item[part]["M"])}
        item = item[part]["M"]
    if value is None:
        item.pop(path[-1], None)
    else:
        item[path[-1]] = value


def _number(value: Mapping[str, Any]) -> Decimal:
    return Decimal(value["N"])


def _digits(number: Decimal) -> str:
    return str(int(number)) if number == number.to_integral_value() else str(number.normalize())


def _plain(value: Any) -> Any:
    """Return a value in the form in which values of the same type are ordered."""
    kind, content = next(iter(value.items()))
    return Decimal(content) if kind == "N" else content


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    return bool(left == right) or ("N" in left and "N" in right and _number(left) == _number(right))


def _ordered(left: Any, right: Any) -> bool:
    return (
        left is not None and right is not None and left.keys() == right.keys() and next(iter(left)) in {"S", "N", "B"}
    )


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": _same,
    # An attribute that is missing differs from every value: AWS says so of <> nowhere, but the service does so.
    "<>": lambda left, right: not _same(left, right),
    "<": lambda left, right: _ordered(left, right) and _plain(left) < _plain(right),
    "<=": lambda left, right: _ordered(left, right) and _plain(left) <= _plain(right),
    ">": lambda left, right: _ordered(left, right) and _plain(left) > _plain(right),
    ">=": lambda left, right: _ordered(left, right) and _plain(left) >= _plain(right),
}


def _compared(operator: str, left: Operand, right: Operand) -> Condition:
    compare = _COMPARISONS[operator]
    return lambda item, names, values: compare(left(item, names, values), right(item, names, values))


def _between(value: Operand, low: Operand, high: Operand) -> Condition:
    at_least, at_most = _compared(">=", value, low), _compared("<=", value, high)
    return _both(at_least, at_most)


def _one_of(value: Operand, options: Sequence[Operand]) -> Condition:
    return lambda item, names, values: any(
        _same(value(item, names, values), option(item, names, values)) for option in options
    )


def _added(left: Operand, right: Operand, sign: int) -> Operand:
    def value(item: Item, names: Names, values: Values) -> Any:
        one, other = left(item, names, values), right(item, names, values)
        if one is None or other is None:
            raise DynamoDBError(
                "ValidationException", "The provided expression refers to an attribute that does not exist in the item"
            )
        return {"N": _digits(_number(one) + sign * _number(other))}

    return value


def _size(value: Any) -> Any:
    """Return the size of an attribute as a number; None when it has none, which compares with nothing."""
    if value is None or not {"S", "B", "SS", "NS", "L", "M"} & value.keys():
        return None
    (content,) = value.values()
    return {"N": str(len(content))}


def _contains(path: Operand, operand: Operand) -> Condition:
    def holds(item: Item, names: Names, values: Values) -> bool:
        whole, part = path(item, names, values), operand(item, names, values)
        if whole is None:
            return False
        kind, content = next(iter(whole.items()))
        if kind == "L":
            return any(_same(element, part) for element in content)
        # A set of strings holds strings, and so does a string.
        return kind in {"S", "SS", "NS"} and part.keys() == {kind[0]} and part[kind[0]] in content

    return holds


def _begins_with(path: Operand, prefix: Operand) -> Condition:
    def holds(item: Item, names: Names, values: Values) -> bool:
        whole = path(item, names, values)
        return whole is not None and "S" in whole and whole["S"].startswith(prefix(item, names, values)["S"])

    return holds


_FUNCTIONS: Final[Mapping[str, Callable[..., Condition]]] = {
    "attribute_exists": lambda path: lambda item, names, values: path(item, names, values) is not None,
    "attribute_not_exists": lambda path: lambda item, names, values: path(item, names, values) is None,
    "attribute_type": lambda path, kind: (
        lambda item, names, values: kind(item, names, values)["S"] in (path(item, names, values) or {})
    ),
    "begins_with": _begins_with,
    "contains": _contains,
}


@cache
def condition(text: str) -> Condition:
    """Return what a condition, key condition or filter expression says.

    Raises
    ------
    DynamoDBError
        It is none.
    """
    parser = _Parser(text)
    parsed = parser.condition()
    parser.end()
    return parsed


@cache
def update(text: str) -> tuple[Change, ...]:
    """Return what an update expression changes.

    Raises
    ------
    DynamoDBError
        It is none.
    """
    parser = _Parser(text)
    changes = tuple(parser.update())
    parser.end()
    return changes


@cache
def _mentioned(*texts: str | None) -> frozenset[str]:
    return frozenset(token for text in texts if text is not None for token in _Parser(text).tokens if token[0] in "#:")


_EXPRESSIONS: Final = (
    "ConditionExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "UpdateExpression",
    "ProjectionExpression",
)
_CONDITION_FAILED: Final = "The conditional request failed"


class Table:
    """One table.

    Parameters
    ----------
    name:
        Requests to any other are refused.
    hash_key, range_key:
        The key's attributes, strings both.
    """

    def __init__(self, name: str, hash_key: str, range_key: str) -> None:
        self.name = name
        self.items: dict[tuple[str, str], Item] = {}
        self._keys = (hash_key, range_key)

    def serve(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a request.

        Raises
        ------
        DynamoDBError
            The service refuses it.
        """
        return self._OPERATIONS[operation](self, request)

    def _check(self, request: Mapping[str, Any]) -> None:
        if request.get("TableName") != self.name:
            raise DynamoDBError("ResourceNotFoundException", "Requested resource not found")
        used = _mentioned(*map(request.get, _EXPRESSIONS))
        given = {*request.get("ExpressionAttributeNames", ()), *request.get("ExpressionAttributeValues", ())}
        if used != given:
            raise DynamoDBError(
                "ValidationException",
                f"names or values that an expression uses and that are given differ: {sorted(used ^ given)}",
            )

    def _key(self, attributes: Mapping[str, Any]) -> tuple[str, str]:
        try:
            owner, entry = attributes[self._keys[0]]["S"], attributes[self._keys[1]]["S"]
        except KeyError:
            raise DynamoDBError("ValidationException", "One of the required keys was not given a value") from None
        if not owner or not entry:
            raise DynamoDBError("ValidationException", "The AttributeValue for a key attribute cannot be empty")
        return owner, entry

    def _holds(self, request: Mapping[str, Any], item: Item | None) -> bool:
        if "ConditionExpression" not in request:
            return True
        names = request.get("ExpressionAttributeNames", {})
        return condition(request["ConditionExpression"])(
            item or {}, names, request.get("ExpressionAttributeValues", {})
        )

    def _updated(self, request: Mapping[str, Any], item: Item | None) -> Item:
        old = item or dict(request["Key"])
        new = dict(old)
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        for change in update(request.get("UpdateExpression", "")):
            change(old, new, names, values)
        if self._key(new) != self._key(request["Key"]):
            raise DynamoDBError("ValidationException", "Cannot update attribute: it is part of the key")
        return new

    def _write(self, request: Mapping[str, Any], new: Callable[[Item | None], Item | None]) -> dict[str, Any]:
        self._check(request)
        key = self._key(request.get("Item") or request["Key"])
        old = self.items.get(key)
        if not self._holds(request, old):
            raise DynamoDBError("ConditionalCheckFailedException", _CONDITION_FAILED)
        written = new(old)
        self._store(key, written)
        shown = {"ALL_OLD": old, "ALL_NEW": written}.get(request.get("ReturnValues", "NONE"))
        return {"Attributes": dict(shown)} if shown else {}

    def _store(self, key: tuple[str, str], item: Item | None) -> None:
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item

    def _put_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._write(request, lambda _old: dict(request["Item"]))

    def _update_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._write(request, lambda old: self._updated(request, old))

    def _delete_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._write(request, lambda _old: None)

    def _get_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check(request)
        item = self.items.get(self._key(request["Key"]))
        return {"Item": dict(item)} if item is not None else {}

    def _select(self, request: Mapping[str, Any], expression: str | None) -> dict[str, Any]:
        self._check(request)
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        # Every key condition has the partition's key, and so only what is equal to one of the values can meet it.
        given = {value.get("S") for value in values.values()}
        chosen = [(key, item) for key, item in self.items.items() if expression is None or key[0] in given]
        for text in (expression, request.get("FilterExpression")):
            if text is not None:
                wanted = condition(text)
                chosen = [(key, item) for key, item in chosen if wanted(item, names, values)]
        return {"Items": [dict(item) for _, item in sorted(chosen)], "Count": len(chosen)}

    def _query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._select(request, request["KeyConditionExpression"])

    def _scan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._select(request, None)

    def _transact_write(self, request: Mapping[str, Any]) -> dict[str, Any]:
        actions = [next(iter(action.items())) for action in request["TransactItems"]]
        keys = []
        for _, part in actions:
            self._check(part)
            keys.append(self._key(part.get("Item") or part["Key"]))
        if len(set(keys)) < len(keys) or not 0 < len(keys) <= MAX_ACTIONS:
            raise DynamoDBError(
                "ValidationException", "Transaction request cannot include multiple operations on one item"
            )
        olds = [self.items.get(key) for key in keys]
        reasons = [
            {"Code": "None"}
            if self._holds(part, old)
            else {"Code": "ConditionalCheckFailed", "Message": _CONDITION_FAILED}
            | ({"Item": dict(old)} if old and part.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {})
            for (_, part), old in zip(actions, olds, strict=True)
        ]
        if any(reason["Code"] != "None" for reason in reasons):
            raise cancelled_transaction(reasons)
        news: list[tuple[tuple[str, str], Item | None]] = []
        for (kind, part), key, old in zip(actions, keys, olds, strict=True):
            match kind:
                case "Put":
                    news.append((key, dict(part["Item"])))
                case "Update":
                    news.append((key, self._updated(part, old)))
                case "Delete":
                    news.append((key, None))
                case "ConditionCheck":
                    pass
                case _:
                    raise DynamoDBError("ValidationException", f"TransactItems has an action {kind}")
        for key, item in news:
            self._store(key, item)
        return {}

    def _transact_get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"Responses": [self._get_item(part["Get"]) for part in request["TransactItems"]]}

    _OPERATIONS: Final[Mapping[str, Callable[["Table", Mapping[str, Any]], dict[str, Any]]]] = {
        "GetItem": _get_item,
        "PutItem": _put_item,
        "UpdateItem": _update_item,
        "DeleteItem": _delete_item,
        "Query": _query,
        "Scan": _scan,
        "TransactWriteItems": _transact_write,
        "TransactGetItems": _transact_get,
    }


def cancelled_transaction(reasons: Sequence[Mapping[str, Any]]) -> DynamoDBError:
    """Return the error of a transaction that was not carried out, worded as DynamoDB words it."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    return DynamoDBError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        reasons,
    )
