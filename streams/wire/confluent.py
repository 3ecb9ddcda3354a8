"""A registry that speaks the Confluent Schema Registry API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NoReturn, TypeVar, cast
from urllib.parse import urlsplit

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.errors import ConfigError, InvalidRecord, Unavailable, UnknownName
from streams.wire.schema_limits import MAX_SCHEMA_BYTES, require_bounded
from streams.wire.schemas import Json, parse, published_text
from streams.wire.subjects import SubjectSchemas, Version

T = TypeVar("T")

LOOKUPS_PER_MINUTE = 30.0
"""How often the versions of one subject are asked for, at most."""
_BACKWARD_LEVELS = frozenset({"BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"})
_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA, _NO_LEVEL = 40401, 40402, 40403, 40408
_FIELD_PATH = re.compile(r"/fields/(\d+)")


class ConfluentRegistry:
    """Schemas and ids of a registry server, remembered both ways.

    ``timeout_seconds`` bounds each connect and each read. No call is tried twice here: the
    caller owns the pause between tries. Safe to use from several threads.
    """

    def __init__(  # noqa: PLR0913 - all but the first by keyword
        self,
        url: str,
        *,
        timeout_seconds: float = 3.0,
        username: str = "",
        password: str = "",
        cafile: str = "",
        certfile: str = "",
        keyfile: str = "",
        lookups_per_minute: float = LOOKUPS_PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = _checked_url(url)
        config: dict[str, object] = {"url": url, "timeout": timeout_seconds, "max.retries": 0}
        if username:
            config["basic.auth.user.info"] = f"{username}:{password}"
        files = {
            "ssl.ca.location": cafile,
            "ssl.certificate.location": certfile,
            "ssl.key.location": keyfile,
        }
        self._client = _client(config, {name: path for name, path in files.items() if path})
        self._open = partial(
            SubjectSchemas,
            versions=self._versions,
            version=self._version,
            lookups_per_minute=lookups_per_minute,
            clock=clock,
            sleep=sleep,
        )
        self._subjects: dict[str, SubjectSchemas] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def close(self) -> None:
        """Close the connections; the registry cannot be asked any more."""
        self._client.close()

    def under(self, subject: str) -> SubjectSchemas:
        return self._subjects.setdefault(subject, self._open(subject))

    def lookup(self, subject: str, schema: Json) -> int:
        text = published_text(schema)
        known = self._ids.get((subject, text))
        if known is not None:
            return known
        try:
            found = self._call(
                lambda: self._client.lookup_schema(
                    subject, Schema(text, "AVRO"), normalize_schemas=True
                )
            )
        except SchemaRegistryError as error:
            if error.error_code not in (_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA):
                self._unavailable(error)
            raise UnknownName(
                "schema is not registered",
                field="subject",
                value=subject,
                remedy="run 'goalstream topics apply'",
            ) from error
        return self._remember(subject, text, schema, cast(int, found.schema_id))

    def register(self, subject: str, schema: Json) -> int:
        text = published_text(schema)
        try:
            self._require_backward(subject)
            schema_id = self._call(
                lambda: self._client.register_schema(
                    subject, Schema(text, "AVRO"), normalize_schemas=True
                )
            )
        except SchemaRegistryError as error:
            if error.http_status_code not in (409, 422):
                self._unavailable(error)
            raise InvalidRecord(
                f"registry refuses the schema of {subject}: {error.error_message}",
                field=_field_named(str(error.error_message), schema),
                value=subject,
                remedy="keep the field's type; give a new field a default",
            ) from error
        return self._remember(subject, text, schema, schema_id)

    def _require_backward(self, subject: str) -> None:
        """Set the subject's level unless it is already as strict as BACKWARD."""
        try:
            level = self._call(lambda: self._client.get_compatibility(subject))
        except SchemaRegistryError as error:
            if error.error_code not in (_NO_SUBJECT, _NO_LEVEL):
                raise
            level = "NONE"
        if level not in _BACKWARD_LEVELS:
            self._call(lambda: self._client.set_compatibility(subject, level="BACKWARD"))

    def _remember(self, subject: str, text: str, schema: Json, schema_id: int) -> int:
        self._ids[subject, text] = schema_id
        self.under(subject).remember(schema_id, schema)
        return schema_id

    def _versions(self, subject: str) -> Iterable[int]:
        """Also those that were deleted: records that they wrote are still there."""
        try:
            return self._call(lambda: self._client.get_versions(subject, deleted=True))
        except SchemaRegistryError as error:
            if error.error_code not in (_NO_SUBJECT, _NO_VERSION):
                self._unavailable(error)
            return ()

    def _version(self, subject: str, number: int) -> Version:
        try:
            found = self._call(lambda: self._client.get_version(subject, number, deleted=True))
        except SchemaRegistryError as error:
            self._unavailable(error)
        schema_id = cast(int, found.schema_id)
        try:
            return Version(schema_id, _usable(schema_id, found.schema))
        except InvalidRecord as error:
            return Version(schema_id, None, error.with_traceback(None))

    def _call(self, request: Callable[[], T]) -> T:
        """Lets SchemaRegistryError through: what a refusal means depends on the question."""
        try:
            return request()
        except SchemaRegistryError:
            raise
        except Exception as error:  # whatever HTTP, TLS or JSON raises: there was no answer
            self._unavailable(error)

    def _unavailable(self, error: Exception) -> NoReturn:
        status = getattr(error, "http_status_code", None)
        raise Unavailable(
            f"schema registry gives no usable answer: {type(error).__name__}: {error}",
            field="registry.url",
            value=self._url,
            remedy="check registry.username and its password file"
            if status in (401, 403)
            else "check that the registry runs and that the address and its path are right",
        ) from error


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        secret = parts.username is not None or parts.password is not None
    except ValueError:
        good, secret = False, "@" in url
    if secret:
        raise ConfigError(
            "registry address carries credentials",
            field="registry.url",
            value="(not shown)",
            remedy="use registry.username and registry.password_file",
        )
    if not good:
        raise ConfigError(
            "not a registry address",
            field="registry.url",
            value=url,
            remedy="use http://host:port/path, https://… or embedded",
        )
    return url


def _client(config: dict[str, object], files: dict[str, str]) -> SchemaRegistryClient:
    try:
        return SchemaRegistryClient(config | files)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"TLS files of the registry cannot be used: {error}",
            field="registry",
            value=files,
            remedy="name readable PEM files; a key needs its certificate",
        ) from error


def _usable(schema_id: int, found: Schema) -> Json:
    """The schema as JSON; raises InvalidRecord when it is not a self-contained Avro schema."""
    try:
        if found.schema_type != "AVRO" or found.references:
            raise ValueError(f"{found.schema_type} schema, references {found.references}")
        text = found.schema_str or ""
        if len(text) > MAX_SCHEMA_BYTES:
            raise ValueError(f"it has {len(text)} characters; {MAX_SCHEMA_BYTES} is the limit")
        schema = json.loads(text)
        require_bounded(schema)
        parse(schema)
    except Exception as error:  # fastavro raises many kinds for a schema that is none
        raise InvalidRecord(
            f"schema cannot be used: {error or type(error).__name__}",
            field="schema_id",
            value=schema_id,
            remedy="register a self-contained Avro schema",
        ) from None
    return schema


def _field_named(message: str, schema: Json) -> str:
    """Path of the field that a registry points at by position; "" when it names none."""
    names: list[str] = []
    here: Json = schema
    for position in _FIELD_PATH.findall(message):
        fields = _record_in(here).get("fields", [])
        if int(position) >= len(fields):
            break
        here = fields[int(position)]
        names.append(here["name"])
    return ".".join(names)


def _record_in(type_: Json) -> dict[str, Json]:
    """The record inside a field, an array, a map or a nullable type; empty when there is none."""
    if isinstance(type_, list):
        for branch in cast("list[Json]", type_):
            record = _record_in(branch)
            if record:
                return record
    if not isinstance(type_, dict):
        return {}
    parts = cast("dict[str, Json]", type_)
    if "fields" in parts:
        return parts
    return _record_in(parts.get("items") or parts.get("values") or parts.get("type"))
