"""Finds lines that would rather tell than refuse, and the doors around the few places that are checked with care.

It reads the syntax tree and no types, so it sees a spelling and not a meaning: `loads` under any name that the file's
own imports give it, and not a function that was handed around. What it cannot see is for the reviewer.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STRICT = Path("schemas/strict.py")
CLOCK = Path("broker/clock.py")
COMMAND_LINE = Path("broker/cli")

BROAD = {"Exception", "BaseException"}

DECODERS = {
    "json.JSONDecoder",
    "json.load",
    "json.loads",
    "pydantic_core.from_json",
    *(f"base64.{name}" for name in ("a85decode", "b16decode", "b32decode", "b32hexdecode", "b64decode", "b85decode")),
    *(f"base64.{name}" for name in ("decode", "decodebytes", "standard_b64decode", "urlsafe_b64decode")),
    *(f"binascii.{name}" for name in ("a2b_base64", "a2b_hex", "unhexlify")),
}
JSON_METHODS = {"model_validate_json", "validate_json"}  # pydantic's own reader takes the last of two equal names

CLOCKS = {
    "datetime.date.today",
    *(f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")),
    *(f"time.{name}" for name in ("ctime", "gmtime", "localtime", "time", "time_ns")),
}
YAML = {f"yaml.{name}" for name in ("full_load", "full_load_all", "load", "load_all", "unsafe_load", "unsafe_load_all")}
CHECKS = {"check_hostname", "validate", "verify", "verify_signature"}
PERMITTING = ("allow", "open", "permit")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line that the house refuses."""

    line: int
    rule: str


def findings(source: str, path: Path) -> list[Finding]:
    """Read the Python *source* that stands (or would stand) at *path*, relative to the root."""
    tree = ast.parse(source, str(path))
    names = _imported(tree)
    found = {Finding(line, "JSON is read by schemas/strict.py first") for line in _read_by_pydantic_only(tree)}
    for node in ast.walk(tree):
        found.update(Finding(node.lineno, rule) for rule in _of_node(node, names, path) if hasattr(node, "lineno"))
    return sorted(found)


def _imported(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `loads` -> `json.loads` after `from json import loads`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    names[bound] = alias.name if alias.asname else bound
            case ast.ImportFrom(module=str(module)):
                names.update((alias.asname or alias.name, f"{module}.{alias.name}") for alias in node.names)
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return names.get(name, name)
        case ast.Attribute(value=value, attr=attribute):
            return f"{_dotted(value, names)}.{attribute}"
    return ""


def _of_node(node: ast.AST, names: dict[str, str], path: Path) -> Iterator[str]:
    match node:
        case ast.ExceptHandler():
            yield from _of_handler(node)
        case ast.Call():
            yield from _of_call(node, names, path)
        case ast.BoolOp(op=ast.Or(), values=values) if any(_is_true(value) for value in values):
            yield "`or True`"
        case ast.Assert():
            yield "assert as a check: it is gone under python -O"
        case ast.Import():
            yield from _of_modules([alias.name for alias in node.names])
        case ast.ImportFrom(module=str(module)):
            yield from _of_modules([module])
            for alias in node.names:
                yield from _of_reference(f"{module}.{alias.name}", path)
        case ast.Attribute():
            yield from _of_reference(_dotted(node, names), path)


def _read_by_pydantic_only(tree: ast.Module) -> set[int]:
    """Lines where pydantic reads JSON that `json_decode` has not read just before, under that name in that function."""
    read: set[int] = set()
    read_strictly_too: set[int] = set()
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [call for call in ast.walk(scope) if isinstance(call, ast.Call) and call.args]
            by_pydantic = [call for call in calls if _last_name(call.func) in JSON_METHODS]
            strictly = [
                (call.lineno, ast.dump(call.args[0])) for call in calls if _last_name(call.func) == "json_decode"
            ]
            read.update(call.lineno for call in by_pydantic)
            if not isinstance(scope, ast.Module):
                read_strictly_too.update(
                    call.lineno
                    for call in by_pydantic
                    if any(line < call.lineno and given == ast.dump(call.args[0]) for line, given in strictly)
                )
    return read - read_strictly_too


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _of_handler(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "bare except"
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    if not any(isinstance(kind, ast.Name) and kind.id in BROAD for kind in caught) and handler.type is not None:
        return
    if all(isinstance(line, ast.Pass | ast.Continue) or _is_remark(line) for line in handler.body):
        yield "any failure is passed over"
    if any(isinstance(line, ast.Return) and _permits(line.value) for line in handler.body):
        yield "any failure is an answer that permits"


def _is_remark(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _permits(value: ast.expr | None) -> bool:
    if value is None:
        return False
    last = _last_name(value.func if isinstance(value, ast.Call) else value).lower()
    return _is_true(value) or last.startswith(PERMITTING)


def _of_call(call: ast.Call, names: dict[str, str], path: Path) -> Iterator[str]:
    called = _dotted(call.func, names)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else called
    if method in {"get", "pop", "setdefault", "getattr"} and any(_is_true(given) for given in call.args[1:]):
        yield "what is absent counts as True"
    if any(keyword.arg in CHECKS and _is_false(keyword.value) for keyword in call.keywords):
        yield "a check is switched off"
    if called == "contextlib.suppress" and any(_dotted(kind, names) in BROAD for kind in call.args):
        yield "any failure is passed over"
    if called == "print" and not path.is_relative_to(COMMAND_LINE):
        yield "only the command line prints"


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is False or node.value == "CERT_NONE")


def _of_reference(dotted: str, path: Path) -> Iterator[str]:
    if dotted in DECODERS and path != STRICT:
        yield "base64, hex and JSON are read by schemas/strict.py only"
    if dotted in CLOCKS and path != CLOCK:
        yield "only broker/clock.py reads the time"
    if dotted in YAML:
        yield "yaml.load makes objects; use safe_load"


def _of_modules(modules: list[str]) -> Iterator[str]:
    if any(module.partition(".")[0] == "random" for module in modules):
        yield "`random` can be guessed; take entropy from the one who is given it"
