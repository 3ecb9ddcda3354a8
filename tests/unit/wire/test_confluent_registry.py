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
from streams.records import Feedback, Goal
from streams.wire.confluent import UNKNOWN_KEPT_SECONDS, ConfluentRegistry
from streams.wire.registry import NotCached
from streams.wire.schemas import schema_json, schema_text

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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(stub: Stub, clock: Clock) -> Iterator[ConfluentRegistry]:
    made = ConfluentRegistry(stub.url, timeout_seconds=5.0, clock=clock)
    yield made
    made.close()


SEVEN = "GET /api/schemas/ids/7"
GOAL = {"schema": schema_text(Goal)}
NO_SCHEMA = {"error_code": 40403, "message": "Schema 7 not found"}


def test_a_schema_is_asked_for_once(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers[SEVEN] = (200, GOAL)
    assert registry.pending({7}) == {7}
    with pytest.raises(NotCached):
        registry.schema_of(7)
    assert stub.asked == []
    for _ in range(3):
        assert registry.fetch(7) == schema_json(Goal)
        assert registry.schema_of(7) == schema_json(Goal)
        assert registry.pending({7}) == set()
    assert stub.asked == [SEVEN]


def test_an_unknown_id_is_known_to_be_unknown_for_a_while(
    stub: Stub, registry: ConfluentRegistry, clock: Clock
) -> None:
    stub.answers[SEVEN] = (404, NO_SCHEMA)
    for _ in range(3):
        with pytest.raises(UnknownName, match="schema_id"):
            registry.fetch(7)
        with pytest.raises(UnknownName):
            registry.schema_of(7)
    assert registry.pending({7}) == set()
    assert stub.asked == [SEVEN]

    clock.now += UNKNOWN_KEPT_SECONDS
    assert registry.pending({7}) == {7}
    with pytest.raises(UnknownName):  # still the last answer, until it is asked again
        registry.schema_of(7)
    stub.answers[SEVEN] = (200, GOAL)
    assert registry.fetch(7) == registry.schema_of(7) == schema_json(Goal)


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
    stub.answers[SEVEN] = answer
    with pytest.raises(Unavailable, match=r"registry\.url.*" + stub.url):
        registry.fetch(7)
    assert registry.pending({7}) == {7}
    with pytest.raises(NotCached):
        registry.schema_of(7)
    assert len(stub.asked) == 1
    stub.answers[SEVEN] = (200, GOAL)
    assert registry.fetch(7) == schema_json(Goal)


def test_refused_credentials_are_named(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers[SEVEN] = (401, {"error_code": 401, "message": "who"})
    with pytest.raises(Unavailable, match=r"registry\.username"):
        registry.fetch(7)


def test_a_registry_that_hangs_is_given_up(stub: Stub) -> None:
    stub.silent = True
    registry = ConfluentRegistry(stub.url, timeout_seconds=0.2)
    with pytest.raises(Unavailable, match="Timeout"):
        registry.fetch(7)
    with pytest.raises(Unavailable):
        registry.lookup("goals-value", schema_json(Goal))
    with pytest.raises(Unavailable):
        registry.register("goals-value", schema_json(Goal))
    assert len(stub.asked) == 3
    registry.close()


def test_a_registry_that_is_away_is_named(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.stop()
    with pytest.raises(Unavailable, match=stub.url):
        registry.fetch(7)


@pytest.mark.parametrize(
    "answer",
    [
        {"schema": "{}", "schemaType": "JSON"},
        {"schema": '{"type": "recor"}'},
        {"schema": "not json"},
        {"schema": '"a.B"', "references": [{"name": "a.B", "subject": "s", "version": 1}]},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(
    stub: Stub, registry: ConfluentRegistry, answer: Any
) -> None:
    stub.answers[SEVEN] = (200, answer)
    for ask in (registry.fetch, registry.schema_of):
        with pytest.raises(InvalidRecord, match="schema_id"):
            ask(7)
    assert registry.pending({7}) == set()


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
    assert registry.schema_of(7) == schema_json(Goal)
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
    stub.answers[SEVEN] = (401, {"error_code": 401, "message": "who"})
    with pytest.raises(Unavailable) as caught:
        registry.fetch(7)
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


def test_an_unknown_id_holds_no_batch_in_memory(stub: Stub, registry: ConfluentRegistry) -> None:
    stub.answers[SEVEN] = (404, NO_SCHEMA)
    with pytest.raises(UnknownName) as first:
        registry.fetch(7)
    errors: list[UnknownName] = [first.value]
    for _ in range(2):
        with pytest.raises(UnknownName) as caught:
            registry.schema_of(7)
        errors.append(caught.value)
    assert len({id(error) for error in errors}) == 3
    assert len({str(error) for error in errors}) == 1


def test_random_ids_do_not_fill_the_memory(
    stub: Stub, registry: ConfluentRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.wire.confluent._UNKNOWN_LIMIT", 3)
    for schema_id in range(1, 6):
        stub.answers[f"GET /api/schemas/ids/{schema_id}"] = (404, NO_SCHEMA)
        with pytest.raises(UnknownName):
            registry.fetch(schema_id)
    assert registry.pending(range(1, 6)) == {1, 2}


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
    stub.answers[SEVEN] = (200, GOAL)
    trusting = ConfluentRegistry(stub.url, cafile=str(cert))
    wary = ConfluentRegistry(stub.url)
    try:
        assert trusting.fetch(7) == schema_json(Goal)
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            wary.fetch(7)
    finally:
        trusting.close()
        wary.close()
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
