"""The policies in force: every .cedar file of this room and its schema, read, checked and named by one digest.

Loaded at start, as a whole or not at all: a policy that cannot be trusted to mean what it says refuses the bundle.
Plain Cedar would skip it, and a guard that is skipped lets everything through.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Self

import cedarpy
from cedarpy import pst

from policies.annotations import Ground, Guard, Terms, read_ground, read_guard
from policies.lints import policy_problems, schema_problems
from policies.slices import Slices
from schemas import COMPARTMENTS, Label
from schemas.strict import json_encode

SCHEMA = "tellwise.cedarschema"
TELLABLE = tuple(label for label in COMPARTMENTS if label is not Label.CONTACT)
"""The compartments that a policy can open. `contact` is none of them: it goes with every letter and makes none."""


class BundleRefused(ValueError):
    """The policies cannot be loaded, so nothing can be told. The text names each policy and what is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("policies refused: " + "; ".join(problems))
        self.problems = tuple(problems)


class UnknownGround(ValueError):
    """The bundle has no ground of this name. A guard is none: because of a guard nobody is told anything."""

    def __init__(self, policy_id: str) -> None:
        super().__init__(f"no ground `{policy_id}` in these policies")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Policies that were checked together. Made by `load` or `from_texts`, which are what checks them."""

    digest: str
    """`sha256:` and 64 hex digits, over the names and bytes of the schema and of every policy file."""
    grounds: Mapping[str, Ground]
    guards: Mapping[str, Guard]
    openable: frozenset[Label]
    """The compartments for which the schema has an action; any other is withheld."""
    schema: cedarpy.Schema = field(repr=False)
    slices: Slices = field(repr=False)
    """All policies under their own ids, cut by kind and desk type."""

    @staticmethod
    def load() -> "Bundle":
        """Read the policies of this package. Texts that this process has checked before are not checked again.

        Raises:
            BundleRefused: a file cannot be read, or a policy breaks a rule; every problem is named.
        """
        package = files("policies")
        try:
            schema = _text(package.joinpath(SCHEMA))
            texts = {name: _text(file) for name, file in _below(package) if name.endswith(".cedar")}
        except (OSError, UnicodeDecodeError):
            raise BundleRefused(["a file is missing, or is no UTF-8"]) from None
        return _checked(schema, tuple(sorted(texts.items())))

    @classmethod
    def from_texts(cls, schema: str, texts: Mapping[str, str]) -> Self:
        """Check policies that are given as texts.

        Args:
            schema: In Cedar's own syntax.
            texts: Policies by file name; `grounds/…` holds what permits and `guards/…` what forbids.

        Raises:
            BundleRefused: a policy breaks a rule, or there is no ground or no guard; every problem is named.
        """
        try:
            vocabulary = cedarpy.Schema.from_str(schema)
        except ValueError as error:
            raise BundleRefused([f"`{SCHEMA}`: {_one_line(error)}"]) from None
        problems = [f"`{SCHEMA}`: {problem}" for problem in schema_problems(str(vocabulary))]
        policies: dict[str, pst.Template] = {}
        for name in sorted(texts):
            found = _parsed(name, texts[name])
            problems += [f"`{name}`: {problem}" for problem in _problems(name, texts[name], found, vocabulary)]
            for policy in found:
                if policy.id in policies:
                    problems.append(f"`{name}`: `{policy.id}` is the name of two policies")
                policies[policy.id] = policy
        permits = [policy for _, policy in sorted(policies.items()) if policy.effect == "permit"]
        forbids = [policy for _, policy in sorted(policies.items()) if policy.effect == "forbid"]
        problems += ["there is no ground"] * (not permits) + ["there is no guard"] * (not forbids)
        if problems:
            raise BundleRefused(problems)
        return cls(
            digest=_digest({SCHEMA: schema, **texts}),
            grounds={policy.id: read_ground(policy.annotations) for policy in permits},
            guards={policy.id: read_guard(policy.annotations) for policy in forbids},
            openable=frozenset(label for label in TELLABLE if _has_action(label, vocabulary)),
            schema=vocabulary,
            slices=Slices(policies),
        )

    @property
    def policy_ids(self) -> tuple[str, ...]:
        """Every ground and guard, sorted."""
        return tuple(sorted((*self.grounds, *self.guards)))

    def terms(self, policy_ids: Iterable[str]) -> Terms:
        """The terms on which a desk is told.

        Args:
            policy_ids: The grounds of all that is open for it; at least one.

        Raises:
            UnknownGround: one of them is no ground of this bundle.
            ValueError: there is none, so nothing is open and there are no terms.
        """
        grounds = []
        for policy_id in policy_ids:
            if policy_id not in self.grounds:
                raise UnknownGround(policy_id)
            grounds.append(self.grounds[policy_id])
        if not grounds:
            raise ValueError("no terms where nothing is open")
        return Terms.of(grounds)


@lru_cache(maxsize=1)
def _checked(schema: str, texts: tuple[tuple[str, str], ...]) -> Bundle:
    return Bundle.from_texts(schema, dict(texts))


def _parsed(name: str, text: str) -> list[pst.Template]:
    """The policies of one file, each under its own `@id`; where there is none, under Cedar's number for it."""
    try:
        nodes = cedarpy.PolicySet.from_str(text).to_pst()
    except ValueError as error:
        raise BundleRefused([f"`{name}`: {_one_line(error)}"]) from None
    if nodes.templates:
        raise BundleRefused([f"`{name}`: a template, which would permit by links that no bundle covers"])
    numbered = sorted(nodes.static_policies.items(), key=lambda item: (len(item[0]), item[0]))
    return [replace(policy, id=policy.annotations.get("id") or number) for number, policy in numbered]


def _problems(name: str, text: str, policies: Sequence[pst.Template], vocabulary: cedarpy.Schema) -> Iterator[str]:
    validation = cedarpy.validate_policies(text, vocabulary)
    names = validation.id_annotations_by_policy_id
    for error in validation.errors:
        said = _one_line(error.error).removeprefix(f"for policy `{error.policy_id}`").lstrip(",: ")
        yield f"`{names.get(error.policy_id) or error.policy_id}` {said}"
    if not validation.validation_passed and not validation.errors:
        yield "does not fit the schema"
    folder = name.rpartition("/")[0]
    for policy in policies:
        for problem in policy_problems(folder, policy):
            yield f"`{policy.id}` {problem}"


def _has_action(label: Label, vocabulary: cedarpy.Schema) -> bool:
    # cedarpy cannot list a schema's actions, so its validator is asked: it refuses a policy about an unknown one.
    probe = f'permit (principal, action == Tellwise::Action::"open_{label}", resource);'
    return cedarpy.validate_policies(probe, vocabulary).validation_passed


def _digest(texts: Mapping[str, str]) -> str:
    parts = {name: sha256(text.encode("utf-8")).hexdigest() for name, text in texts.items()}
    return "sha256:" + sha256(json_encode({"type": "tellwise.policies/1", "files": parts})).hexdigest()


def _below(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _text(file: Traversable) -> str:
    # Not read_text: it turns line ends into one kind, and the digest is over each byte.
    return file.read_bytes().decode("utf-8")


def _one_line(error: object) -> str:
    # Cedar's own words are passed on here and nowhere else: no entity exists yet, so they quote only policies.
    return " ".join(str(error).split())
