"""The Compose file and the image agree with the code: no engine is needed to see that."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.settings import Settings, load_settings
from tests.kits.pages import ROOT, blocks, read
from tools.kafka.artifacts import KAFKA_VERSION, REGISTRY_VERSION
from tools.kafka.ports import Ports

Service = dict[str, Any]
OURS = ("topics", "worker")


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return yaml.safe_load(read("docker-compose.yml"))["services"]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return read("Dockerfile")


def settings_of(service: Service, dockerfile: str) -> Settings:
    """As the program in the container sees them: the image's variables, then the service's."""
    image = dict(re.findall(r"(GOALSTREAM_\w+)=(\S+)", dockerfile))
    own = {name: value for name, value in service["environment"].items() if "GOAL" in name}
    return load_settings(Path("/dev/null"), {}, image | own)


def published(service: Service) -> list[tuple[str, int, int]]:
    """(address, port of the host, port in the container)."""
    parts = [text.split(":") for text in service.get("ports", [])]
    return [(address, int(outside), int(inside)) for address, outside, inside in parts]


def test_images_are_those_that_are_tested(services: dict[str, Service]) -> None:
    images = {name: service["image"] for name, service in services.items()}
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert images == {
        "kafka": f"apache/kafka:{KAFKA_VERSION}",
        "registry": f"apicurio/apicurio-registry:{REGISTRY_VERSION}",
        "topics": f"goalstream:{version}",
        "worker": f"goalstream:{version}",
    }


def test_every_base_image_has_a_version(dockerfile: str) -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    python = read(".python-version").strip()
    assert bases
    assert {base.partition(":")[0] for base in bases} == {"python"}
    assert all(base.partition(":")[2].startswith(f"{python}-slim") for base in bases)
    assert "latest" not in dockerfile + read("docker-compose.yml")


def test_ports_are_published_on_the_loopback_interface_alone(
    services: dict[str, Service],
) -> None:
    ports = Ports()
    found = {name: published(service) for name, service in services.items()}
    assert found == {
        "kafka": [("127.0.0.1", ports.broker, 19092)],
        "registry": [("127.0.0.1", ports.registry, 8080)],
        "topics": [],
        "worker": [],
    }
    assert not any("network_mode" in service for service in services.values())


def test_what_is_published_has_a_listener(services: dict[str, Service]) -> None:
    environment = services["kafka"]["environment"]
    listeners = dict(re.findall(r"(\w+)://[\w.]*:(\d+)", environment["KAFKA_LISTENERS"]))
    told = dict(re.findall(r"(\w+)://([\w.]+:\d+)", environment["KAFKA_ADVERTISED_LISTENERS"]))
    ((address, outside, inside),) = published(services["kafka"])
    assert told["HOST"] == f"{address}:{outside}"
    assert listeners["HOST"] == str(inside)
    assert told["INTERNAL"] == f"kafka:{listeners['INTERNAL']}"
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].endswith(f":{listeners['CONTROLLER']}")


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_load(
    name: str, services: dict[str, Service], dockerfile: str
) -> None:
    settings = settings_of(services[name], dockerfile)
    kafka = services["kafka"]["environment"]
    assert f"INTERNAL://{settings.kafka.bootstrap}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    ((_, _, inside),) = published(services["registry"])
    assert settings.registry.url.startswith(f"http://registry:{inside}/")
    assert settings.registry.url.endswith("/apis/ccompat/v7")
    assert str(settings.worker.state_dir) == "/var/lib/goalstream"
    assert settings.web.host == "127.0.0.1"


def test_the_registry_keeps_its_schemas_in_the_broker(services: dict[str, Service]) -> None:
    environment = services["registry"]["environment"]
    bootstrap = services["worker"]["environment"]["GOALSTREAM_KAFKA__BOOTSTRAP"]
    assert environment["APICURIO_STORAGE_KIND"] == "kafkasql"
    assert environment["APICURIO_KAFKASQL_BOOTSTRAP_SERVERS"] == bootstrap
    # It asks no retention for its topic, so the broker's own must be for ever.
    assert services["kafka"]["environment"]["KAFKA_LOG_RETENTION_MS"] == -1


def test_services_start_one_after_the_other(services: dict[str, Service]) -> None:
    waits = {
        name: {other: on["condition"] for other, on in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    healthy = "service_healthy"
    assert waits == {
        "kafka": {},
        "registry": {"kafka": healthy},
        "topics": {"kafka": healthy, "registry": healthy},
        "worker": {"topics": "service_completed_successfully"},
    }
    assert all("healthcheck" in services[name] for name in ("kafka", "registry", "worker"))
    assert services["topics"]["command"] == ["topics", "apply"]
    assert services["topics"]["restart"] == "no"


def test_the_worker_gets_the_time_that_a_hand_over_may_take(
    services: dict[str, Service], dockerfile: str
) -> None:
    settings = settings_of(services["worker"], dockerfile)
    grace = float(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > settings.worker.handover_seconds


def test_the_worker_asks_itself_on_the_port_of_its_views(
    services: dict[str, Service], dockerfile: str
) -> None:
    settings = settings_of(services["worker"], dockerfile)
    check = services["worker"]["healthcheck"]["test"][-1]
    compile(check, "healthcheck", "exec")
    assert f":{settings.web.port}/health/ready" in check
    assert "GOALSTREAM_WEB__HOST" in services["worker"]["environment"]


def test_state_outlives_the_container(services: dict[str, Service], dockerfile: str) -> None:
    (volume,) = services["worker"]["volumes"]
    folder = volume.partition(":")[2]
    assert f"GOALSTREAM_WORKER__STATE_DIR={folder}" in dockerfile
    assert f"VOLUME {folder}" in dockerfile
    assert services["kafka"]["volumes"] == ["kafka-data:/var/lib/kafka/data"]
    assert services["kafka"]["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    named = set(yaml.safe_load(read("docker-compose.yml"))["volumes"])
    assert named == {"kafka-data", volume.partition(":")[0]}


def test_the_image_runs_as_a_user_without_rights(dockerfile: str) -> None:
    last = dockerfile.rpartition("FROM ")[2]
    assert re.search(r"^USER goalstream$", last, re.MULTILINE)
    assert re.search(r"useradd --system .*--uid 10001 ", last)
    assert "root" not in re.findall(r"^USER (\S+)", last, re.MULTILINE)


def test_the_image_has_all_that_the_wheel_is_built_from(dockerfile: str) -> None:
    project = tomllib.loads(read("pyproject.toml"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    first = dockerfile.rpartition("\nFROM ")[0]
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", first, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    allowed = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    for path in needed:
        assert (ROOT / path).exists()
        assert any(path == each or path.startswith(f"{each}/") for each in copied), path
        assert any(path == each or path.startswith(f"{each}/") for each in allowed), path
    assert "uv sync --frozen" in first


def test_the_override_that_publishes_the_views_asks_for_a_token(
    services: dict[str, Service], dockerfile: str
) -> None:
    (block,) = blocks(ROOT / "docs" / "operations.md", "yaml")
    override = yaml.safe_load(block.text)
    worker = override["services"]["worker"]
    merged = {"environment": services["worker"]["environment"] | worker["environment"]}
    settings = settings_of(merged, dockerfile)
    (secret,) = worker["secrets"]
    assert settings.web.token_file == f"/run/secrets/{secret}"
    assert secret in override["secrets"]
    assert published(worker) == [("127.0.0.1", settings.web.port, settings.web.port)]
    assert settings.web.host in services
