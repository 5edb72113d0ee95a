"""Requests of Kafka's protocol that aiokafka has not, or has for one thing at a time.

Source: Kafka's protocol guide, at https://kafka.apache.org/protocol.html: IncrementalAlterConfigs, CreateAcls and
DeleteAcls, each in the newest version that is not "flexible".
"""

from collections.abc import Mapping, Sequence

from aiokafka.protocol.admin import AlterConfigsResponse_v0, CreateAclsRequest_v1, DeleteAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Schema, String

from broker.kafka.rights import Resource, Right

_SET = 0


class _AlteredResponse(Response):  # type: ignore[misc] # aiokafka says nothing of its types
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = AlterConfigsResponse_v0.SCHEMA


class _AlterRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _AlteredResponse
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("config_operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class SetTopics(Request[_AlterRequest]):  # type: ignore[misc]
    """Sets what is named of each topic. aiokafka's own `AlterConfigs` resets what is not named, and so could undo what
    somebody else just did."""

    API_KEY = 44

    def __init__(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """*settings* by topic."""
        self._settings = settings

    def build(self, request_struct_class: type[_AlterRequest]) -> _AlterRequest:
        """As aiokafka asks for it, once it knows the version."""
        named = [
            (Resource.TOPIC, topic, [(name, _SET, value) for name, value in settings.items()])
            for topic, settings in self._settings.items()
        ]
        return request_struct_class(named, False)


class GiveRights(Request[CreateAclsRequest_v1]):  # type: ignore[misc]
    """Gives many rights at once."""

    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, rights: Sequence[Right]) -> None:
        """They may be there already."""
        self._rights = rights

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        """As aiokafka asks for it, once it knows the version."""
        return request_struct_class([_fields(right) for right in self._rights])


class TakeRights(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]
    """Takes many rights at once, each exactly as it is."""

    API_KEY = DeleteAclsRequest_v1.API_KEY

    def __init__(self, rights: Sequence[Right]) -> None:
        """They may be gone already."""
        self._rights = rights

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        """As aiokafka asks for it, once it knows the version."""
        return request_struct_class([_fields(right) for right in self._rights])


def _fields(right: Right) -> tuple[int, str, int, str, str, int, int]:
    return (
        right.resource,
        right.name,
        right.pattern,
        right.principal,
        right.host,
        right.operation,
        right.permission,
    )
