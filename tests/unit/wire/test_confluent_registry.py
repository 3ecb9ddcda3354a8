"""How a registry's answers, refusals and silence are told apart; the server is a stub."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from streams.errors import ConfigError, InvalidRecord, Unavailable, UnknownName
from streams.records import RECORD_TYPES, Event, Feedback, Goal
from streams.runtime.connect import opened_registry
from streams.settings import Settings
from streams.settings.sections import RegistrySection
from streams.wire.confluent import LOOKUPS_PER_MINUTE, ConfluentRegistry
from streams.wire.decode import RecordDecoder
from streams.wire.framing import header
from streams.wire.registry import NotCached
from streams.wire.rejected import Reason
from streams.wire.schema_limits import require_bounded
from streams.wire.schemas import schema_json, schema_text
from streams.wire.subjects import UNKNOWN_KEPT_SECONDS, SubjectSchemas
from tests.kits.messages import Message

Answer = tuple[int, Any]


class Stub:
    """A registry that answers as told and notes what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        self.silent = False
        self.free = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                question = f"{self.command} {self.path.partition('?')[0]}"
                stub.asked.append(question)
                stub.authorization.append(self.headers.get("Authorization"))
                if stub.silent:
                    stub.free.wait(30)
                    return
                status, body = stub.answers.get(question, (404, "<html>no such page</html>"))
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing: a test shows what it needs."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/api"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.free.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.stop()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(stub: Stub, clock: Clock) -> Iterator[ConfluentRegistry]:
    made = ConfluentRegistry(stub.url, timeout_seconds=5.0, clock=clock, sleep=clock.sleep)
    yield made
    made.close()


VERSIONS = "GET /api/subjects/goals-value/versions"
FIRST = f"{VERSIONS}/1"
NO_SUBJECT = (404, {"error_code": 40401, "message": "Subject not found"})


def registered(schema_id: int, text: str = schema_text(Goal), **more: Any) -> Answer:
    """What a registry says of a version."""
    return 200, {"subject": "goals-value", "version": 1, "id": schema_id, "schema": text} | more


def goals(registry: ConfluentRegistry) -> SubjectSchemas:
    return registry.under("goals-value")


def test_a_schema_is_asked_for_once(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7)}
    schemas = goals(registry)
    assert schemas.pending({7}) == {7}
    with pytest.raises(NotCached):
        schemas.schema_of(7)
    assert stub.asked == []
    for _ in range(3):
        schemas.fetch({7})
        assert schemas.schema_of(7) == schema_json(Goal)
        assert schemas.pending({7}) == set()
    assert stub.asked == [VERSIONS, FIRST]


def test_only_what_is_registered_under_the_subject_is_accepted(
    stub: Stub, registry: ConfluentRegistry
) -> None:
    """The registry has the id, under somebody else's subject."""
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7)}
    stub.answers["GET /api/subjects/evil-value/versions"] = (200, [1])
    stub.answers["GET /api/subjects/evil-value/versions/1"] = registered(8)
    stub.answers["GET /api/schemas/ids/8"] = (200, {"schema": schema_text(Goal)})
    schemas = goals(registry)
    schemas.fetch({7, 8})
    assert schemas.schema_of(7) == schema_json(Goal)
    with pytest.raises(UnknownName, match="goals-value"):
        schemas.schema_of(8)
    registry.under("evil-value").fetch({8})
    assert registry.under("evil-value").schema_of(8) == schema_json(Goal)
    with pytest.raises(UnknownName, match="goals-value"):
        schemas.schema_of(8)


def test_an_unknown_id_is_known_to_be_unknown_for_a_while(
    stub: Stub, registry: ConfluentRegistry, clock: Clock
) -> None:
    stub.answers[VERSIONS] = NO_SUBJECT
    schemas = goals(registry)
    for _ in range(3):
        schemas.fetch({7})
        with pytest.raises(UnknownName, match="schema_id"):
            schemas.schema_of(7)
    assert schemas.pending({7}) == set()
    assert stub.asked == [VERSIONS]

    clock.now += UNKNOWN_KEPT_SECONDS
    assert schemas.pending({7}) == {7}
    with pytest.raises(UnknownName):  # still the last answer, until it is asked again
        schemas.schema_of(7)
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7)}
    schemas.fetch({7})
    assert schemas.schema_of(7) == schema_json(Goal)


def test_random_ids_cost_the_registry_a_bounded_number_of_requests(
    stub: Stub, registry: ConfluentRegistry, clock: Clock
) -> None:
    """A new id in each batch, for two minutes."""
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7)}
    schemas = goals(registry)
    batches = 0
    while clock.now < 120:
        batches += 1
        schemas.fetch(range(1000 * batches, 1000 * batches + 50))
    assert stub.asked.count(FIRST) == 1
    assert len(stub.asked) <= 2 * LOOKUPS_PER_MINUTE + 2
    stub.answers |= {VERSIONS: (200, [1, 2]), f"{VERSIONS}/2": registered(9, version=2)}
    schemas.fetch({9})
    assert schemas.schema_of(9) == schema_json(Goal)


def test_the_newest_versions_are_read_first_and_older_ones_when_they_are_needed(
    stub: Stub, registry: ConfluentRegistry
) -> None:
    stub.answers[VERSIONS] = (200, [1, 2, 3])
    for number in (1, 2, 3):
        stub.answers[f"{VERSIONS}/{number}"] = registered(10 + number, version=number)
    schemas = goals(registry)
    schemas.fetch({13})
    assert stub.asked == [VERSIONS, f"{VERSIONS}/3"]
    schemas.fetch({11, 13})
    assert stub.asked[2:] == [VERSIONS, f"{VERSIONS}/2", FIRST]


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error_code": 50001, "message": "store"}),
        (503, "<html>"),
        (429, {"error_code": 42901, "message": "slow down"}),
        (401, {"error_code": 401, "message": "who"}),
        (403, {"error_code": 40301, "message": "no"}),
        (404, "<html>a proxy's own page</html>"),
        (404, {"error_code": None, "message": "no such route"}),
        (200, "<html>a login page</html>"),
    ],
    ids=lambda answer: f"{answer[0]} {str(answer[1])[:20]}",
)
def test_no_usable_answer_is_no_verdict(
    stub: Stub, registry: ConfluentRegistry, answer: Answer
) -> None:
    schemas = goals(registry)
    good = {VERSIONS: (200, [1]), FIRST: registered(7)}
    for place in (VERSIONS, FIRST):
        stub.answers |= good | {place: answer}
        with pytest.raises(Unavailable, match=r"registry\.url.*" + stub.url):
            schemas.fetch({7})
        assert schemas.pending({7}) == {7}
        with pytest.raises(NotCached):
            schemas.schema_of(7)
    assert len(stub.asked) == 3
    stub.answers |= good
    schemas.fetch({7})
    assert schemas.schema_of(7) == schema_json(Goal)


def test_refused_credentials_are_named(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers[VERSIONS] = (401, {"error_code": 401, "message": "who"})
    with pytest.raises(Unavailable, match=r"registry\.username"):
        goals(registry).fetch({7})


def test_a_registry_that_hangs_is_given_up(stub: Stub) -> None:
    stub.silent = True
    registry = ConfluentRegistry(stub.url, timeout_seconds=0.2)
    with pytest.raises(Unavailable, match="Timeout"):
        goals(registry).fetch({7})
    with pytest.raises(Unavailable):
        registry.lookup("goals-value", schema_json(Goal))
    with pytest.raises(Unavailable):
        registry.register("goals-value", schema_json(Goal))
    assert len(stub.asked) == 3
    registry.close()


def test_a_registry_that_is_away_is_named(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.stop()
    with pytest.raises(Unavailable, match=stub.url):
        goals(registry).fetch({7})


EVENT = json.loads(schema_text(Event))


def event_with(type_: Any) -> str:
    """An event schema with one more field."""
    return json.dumps(EVENT | {"fields": [*EVENT["fields"], {"name": "x", "type": type_}]})


def record(name: str, *types: Any) -> Any:
    fields = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def nested(depth: int) -> Any:
    type_: Any = "long"
    for _ in range(depth):
        type_ = {"type": "array", "items": type_}
    return type_


CHAIN = record(
    "R", record("R0", "long"), *(record(f"R{n}", f"R{n - 1}", f"R{n - 1}") for n in range(1, 40))
)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (registered(7, "{}", schemaType="JSON"), "JSON schema"),
        (registered(7, '{"type": "recor"}'), "recor"),
        (registered(7, "not json"), "Expecting value"),
        (registered(7, '"a.B"', references=[{"name": "a.B", "subject": "s", "version": 1}]), "ref"),
        (registered(7, event_with(record("S", "S"))), "'x.f0' contains itself: S"),
        (registered(7, event_with(record("S", ["null", "S"]))), "contains itself: S"),
        (registered(7, event_with(record("S", {"type": "array", "items": "S"}))), "itself: S"),
        (registered(7, event_with(record("a.S", record("T", "S")))), "'x.f0.f0' contains itself"),
        (registered(7, event_with("Event")), "'x' contains itself: Event"),
        (registered(7, event_with({"type": "array", "items": "null"})), r"x\[\].* takes no bytes"),
        (registered(7, event_with({"type": "array", "items": record("Q")})), "no bytes"),
        (registered(7, event_with({"type": "fixed", "name": "F", "size": 0})), "fixed of 0 bytes"),
        (registered(7, event_with("null")), "'x' is null"),
        (registered(7, event_with(nested(20))), "more than 16 types deep"),
        (registered(7, '{"type": "array", "items": ' * 5_000), "recursion"),
        (registered(7, event_with(CHAIN)), "more than 16 types deep"),
        (registered(7, event_with(record("W", *["long"] * 2_000))), "more than 2000 types"),
        (registered(7, event_with("long") + " " * 200_000), "200000 is the limit"),
    ],
    ids=lambda case: case[:20] if isinstance(case, str) else "",
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_refused_by_name(
    stub: Stub, registry: ConfluentRegistry, answer: Answer, said: str
) -> None:
    stub.answers |= {VERSIONS: (200, [1]), FIRST: answer}
    schemas = goals(registry)
    schemas.fetch({7})
    for _ in range(2):
        with pytest.raises(InvalidRecord, match=rf"(?i){said}.*schema_id"):
            schemas.schema_of(7)
    assert schemas.pending({7}) == set()
    decoded = RecordDecoder(schemas, Event).decode([Message(header(7) + bytes(40))])
    assert [one.reason for one in decoded.rejected] == [Reason.UNDECODABLE]


def test_types_that_are_used_again_and_nullable_ones_are_none_of_those() -> None:
    tag = record("Tag", "string", ["null", "long"])
    require_bounded(record("R", tag, {"type": "map", "values": "Tag"}, ["null", "Tag"], "Tag"))
    for record_type in RECORD_TYPES:
        require_bounded(schema_json(record_type))


LOOKUP = "POST /api/subjects/goals-value"
REGISTER = "POST /api/subjects/goals-value/versions"
GET_LEVEL = "GET /api/config/goals-value"
SET_LEVEL = "PUT /api/config/goals-value"
FOUND = {"id": 7, "subject": "goals-value", "version": 1, "schema": schema_text(Goal)}
NO_LEVEL = (404, {"error_code": 40408, "message": "no level"})


def test_a_looked_up_id_is_kept_both_ways(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers[LOOKUP] = (200, FOUND)
    for _ in range(3):
        assert registry.lookup("goals-value", schema_json(Goal)) == 7
    assert goals(registry).schema_of(7) == schema_json(Goal)
    assert stub.asked == [LOOKUP]


@pytest.mark.parametrize("code", [40401, 40403])
def test_a_schema_that_is_not_registered_is_told_with_the_remedy(
    stub: Stub, registry: ConfluentRegistry, code: int
) -> None:
    stub.answers[LOOKUP] = (404, {"error_code": code, "message": "none"})
    with pytest.raises(UnknownName, match="goals-value.*goalstream topics apply"):
        registry.lookup("goals-value", schema_json(Goal))


def test_a_lookup_without_an_answer_is_no_verdict(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers[LOOKUP] = (500, {"error_code": 50001, "message": "store"})
    with pytest.raises(Unavailable):
        registry.lookup("goals-value", schema_json(Goal))


@pytest.mark.parametrize(
    ("level", "set_again"),
    [
        (NO_LEVEL, True),
        ((200, {"compatibilityLevel": "NONE"}), True),
        ((200, {"compatibilityLevel": "FORWARD"}), True),
        ((200, {"compatibilityLevel": "BACKWARD"}), False),
        ((200, {"compatibilityLevel": "FULL_TRANSITIVE"}), False),
    ],
)
def test_registering_requires_backward_compatibility_and_never_weakens_it(
    stub: Stub, registry: ConfluentRegistry, level: Answer, set_again: bool
) -> None:
    stub.answers[GET_LEVEL] = level
    stub.answers[SET_LEVEL] = (200, {"compatibility": "BACKWARD"})
    stub.answers[REGISTER] = (200, {"id": 7})
    assert registry.register("goals-value", schema_json(Goal)) == 7
    assert stub.asked == [GET_LEVEL, *([SET_LEVEL] if set_again else []), REGISTER]
    assert registry.lookup("goals-value", schema_json(Goal)) == 7


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("reader type: STRING not compatible at /fields/10/type", "target_value"),
        ("{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', location:'/fields/5'}", "goal_id"),
        ("no idea", ""),
        ("at /fields/999", ""),
    ],
)  # fmt: skip
def test_an_incompatible_schema_is_refused_with_the_field(
    stub: Stub, registry: ConfluentRegistry, message: str, field: str
) -> None:
    stub.answers[GET_LEVEL] = (200, {"compatibilityLevel": "BACKWARD"})
    stub.answers[REGISTER] = (409, {"error_code": 409, "message": message})
    with pytest.raises(InvalidRecord, match="goals-value") as caught:
        registry.register("goals-value", schema_json(Goal))
    assert caught.value.field == field
    assert message in str(caught.value)


def test_a_field_inside_a_nested_record_is_named(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers["GET /api/config/f-value"] = (200, {"compatibilityLevel": "BACKWARD"})
    where = {"error_code": 409, "message": "at /fields/8/type/items/fields/1/type"}
    stub.answers["POST /api/subjects/f-value/versions"] = (409, where)
    with pytest.raises(InvalidRecord) as caught:
        registry.register("f-value", schema_json(Feedback))
    assert caught.value.field == "observations.description"


def test_an_invalid_schema_and_a_failing_server_are_told_apart(
    stub: Stub, registry: ConfluentRegistry
) -> None:
    stub.answers[GET_LEVEL] = (200, {"compatibilityLevel": "BACKWARD"})
    stub.answers[REGISTER] = (422, {"error_code": 42201, "message": "invalid"})
    with pytest.raises(InvalidRecord):
        registry.register("goals-value", schema_json(Goal))
    stub.answers[REGISTER] = (500, {"error_code": 50001, "message": "store"})
    with pytest.raises(Unavailable):
        registry.register("goals-value", schema_json(Goal))
    stub.answers[GET_LEVEL] = (500, {"error_code": 50001, "message": "store"})
    with pytest.raises(Unavailable):
        registry.register("goals-value", schema_json(Goal))


def test_credentials_are_sent_and_never_shown(stub: Stub) -> None:
    registry = ConfluentRegistry(stub.url, username="me", password="canary")
    stub.answers[VERSIONS] = (401, {"error_code": 401, "message": "who"})
    with pytest.raises(Unavailable) as caught:
        goals(registry).fetch({7})
    assert stub.authorization == ["Basic bWU6Y2FuYXJ5"]
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(registry)
    registry.close()


@pytest.mark.parametrize(
    "url", ["localhost:8081", "ftp://host/", "http://", "", "http://[::1", "https:///path"]
)
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"registry\.url"):
        ConfluentRegistry(url)


def test_credentials_in_the_address_are_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="password_file") as caught:
        ConfluentRegistry("http://me:canary@host:8081")
    assert "canary" not in str(caught.value)


def test_a_refused_schema_holds_no_batch_in_memory(stub: Stub, registry: ConfluentRegistry) -> None:
    """An error that is raised again would keep what it passed through alive."""
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7, "not json")}
    goals(registry).fetch({7})
    errors: list[InvalidRecord] = []
    for _ in range(2):
        with pytest.raises(InvalidRecord) as caught:
            goals(registry).schema_of(7)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert str(errors[0]) == str(errors[1])


def test_random_ids_do_not_fill_the_memory(
    stub: Stub, registry: ConfluentRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.wire.subjects._UNKNOWN_LIMIT", 3)
    stub.answers[VERSIONS] = (200, [])
    for schema_id in range(1, 6):
        goals(registry).fetch({schema_id})
    assert goals(registry).pending(range(1, 6)) == {1, 2}


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = folder / "stub.pem", folder / "stub.key"
    for file, data in zip(files, (signed.public_bytes(pem), secret), strict=True):
        file.write_bytes(data)
    return files


def test_a_registry_behind_tls_must_show_a_certificate_of_the_named_authority(
    tmp_path: Path,
) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    stub = Stub(context)
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7)}
    trusting = ConfluentRegistry(stub.url, cafile=str(cert))
    wary = ConfluentRegistry(stub.url)
    try:
        goals(trusting).fetch({7})
        assert goals(trusting).schema_of(7) == schema_json(Goal)
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            goals(wary).fetch({7})
    finally:
        trusting.close()
        wary.close()
        stub.stop()


def test_a_registry_may_want_a_certificate_of_its_client(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(cert))
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    stub = Stub(context)
    stub.answers |= {VERSIONS: (200, [1]), FIRST: registered(7)}
    told = {"ssl_cafile": str(cert), "ssl_certfile": str(cert), "ssl_keyfile": str(key)}
    try:
        with opened_registry(Settings(registry=RegistrySection(url=stub.url, **told))) as shown:
            shown.under("goals-value").fetch({7})
            assert shown.under("goals-value").schema_of(7) == schema_json(Goal)
        del told["ssl_certfile"], told["ssl_keyfile"]
        plain = Settings(registry=RegistrySection(url=stub.url, **told))
        with opened_registry(plain) as unknown, pytest.raises(Unavailable):
            unknown.under("goals-value").fetch({7})
    finally:
        stub.stop()


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    for files in ({"cafile": missing}, {"certfile": missing}, {"keyfile": missing}):
        with pytest.raises(ConfigError, match=r"missing\.pem"):
            ConfluentRegistry("https://127.0.0.1:1", **files)
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"broken\.pem"):
        ConfluentRegistry("https://127.0.0.1:1", cafile=str(broken))
