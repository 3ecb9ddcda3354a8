"""A single-node Kafka broker (KRaft) and a schema registry that keep their data in one folder."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import StateError, Unavailable
from tools.kafka.artifacts import Artifacts, fetch, java
from tools.kafka.ports import HOST, Ports
from tools.kafka.process import Server

_HERE = Path(__file__).parent
_ASK_SECONDS = 2.0
_FORMAT_SECONDS = 120
_BROKER_MEMORY = ("-Xms512m", "-Xmx1g")
# For programs whose fast start and small size matter more than their peak speed.
_SMALL_JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class KafkaStack:
    """A broker and a registry on the loopback interface, for development and tests.

    ``directory`` holds data, logs and process ids; it is created when missing. A directory used
    before keeps its data and its ports; otherwise ``ports`` says which to use, by default free
    ones. ``broker_settings`` override those of ``server.properties``. As a context manager it is
    started on entry and stopped on exit.
    """

    def __init__(
        self,
        directory: Path,
        ports: Ports | None = None,
        *,
        cache: Path | None = None,
        broker_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self.ports = self._ports(ports)
        self._cache = cache
        self._broker_settings = dict(broker_settings or {})
        self._broker = Server("broker", self.directory)
        self._registry = Server("registry", self.directory)
        # A proxy named in the environment is not for the loopback interface.
        self._http = httpx.Client(base_url=self.registry_url, trust_env=False)

    @property
    def bootstrap(self) -> str:
        """Address of the broker, host:port."""
        return f"{HOST}:{self.ports.broker}"

    @property
    def registry_url(self) -> str:
        """Root of the Confluent Schema Registry API."""
        return f"http://{HOST}:{self.ports.registry}/apis/ccompat/v7"

    @property
    def broker_pid(self) -> int | None:
        """Process id of the broker while it runs, for tests that pause or kill it."""
        return self._broker.pid

    @property
    def registry_pid(self) -> int | None:
        """Process id of the registry while it runs."""
        return self._registry.pid

    def __enter__(self) -> KafkaStack:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start what does not run yet, and return when both answer."""
        self.start_broker()
        self.start_registry()

    def stop(self) -> None:
        """Stop both; their data stays."""
        self.stop_registry()
        self.stop_broker()

    # --- broker ------------------------------------------------------------------------------

    def start_broker(self) -> None:
        """Start the broker on its earlier data, unless it runs; return when it answers."""
        if self._broker.pid is not None:
            return
        java_path, artifacts = self._prepare()
        self.ports.require_free("broker", "controller")
        properties = self._write_properties()
        command = [f"-Dlog4j2.configurationFile={_HERE / 'log4j2.yaml'}"]
        command += ["-cp", f"{artifacts.kafka_libs}/*"]
        if not (self.directory / "kafka-data" / "meta.properties").exists():
            _format([java_path, *_SMALL_JAVA, *command, "kafka.tools.StorageTool"], properties)
        self._broker.run(
            [java_path, *_BROKER_MEMORY, *command, "kafka.Kafka", str(properties)],
            ready=self.broker_ready,
        )

    def stop_broker(self, *, kill: bool = False) -> None:
        """Stop the broker, with ``kill`` at once and without warning; its data stays."""
        self._broker.stop(kill=kill)

    def broker_ready(self) -> bool:
        """Whether the broker answers and knows its controller."""
        if not self.ports.answers("broker"):
            return False
        # Refused connections are expected here and not worth a line in the log.
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            metadata = admin.list_topics(timeout=_ASK_SECONDS)
        except KafkaException:
            return False
        return bool(metadata.brokers) and metadata.controller_id >= 0

    def _write_properties(self) -> Path:
        broker, controller = f"{HOST}:{self.ports.broker}", f"{HOST}:{self.ports.controller}"
        settings = {
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self.directory / "kafka-data"),
            **self._broker_settings,
        }
        # Of two lines with the same name Kafka takes the later one.
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        properties = self.directory / "server.properties"
        base = (_HERE / "server.properties").read_text(encoding="ascii")
        properties.write_text(base + "\n" + "".join(lines), encoding="utf-8")
        return properties

    # --- registry ----------------------------------------------------------------------------

    def start_registry(self) -> None:
        """Start the registry on its earlier data, unless it runs; return when it answers.

        Its global compatibility level is set to BACKWARD.
        """
        if self._registry.pid is not None:
            return
        java_path, artifacts = self._prepare()
        self.ports.require_free("registry")
        data = self.directory / "registry-data"
        (data / "tmp").mkdir(parents=True, exist_ok=True)
        options = {
            "java.io.tmpdir": data / "tmp",
            "quarkus.http.host": HOST,
            "quarkus.http.port": self.ports.registry,
            "apicurio.storage.kind": "sql",
            "apicurio.storage.sql.kind": "h2",
            # Without a write delay of 0 a killed registry forgets schemas it has confirmed.
            "apicurio.datasource.url": f"jdbc:h2:file:{data}/registry;WRITE_DELAY=0",
            "apicurio.datasource.jdbc.initial-size": 2,
            "apicurio.datasource.jdbc.min-size": 2,
            "apicurio.datasource.jdbc.max-size": 10,
        }
        properties = [f"-D{name}={value}" for name, value in options.items()]
        self._registry.run(
            [java_path, *_SMALL_JAVA, *properties, "-jar", str(artifacts.registry_jar)],
            ready=self.registry_ready,
        )
        # Its own default is NONE, other registries have BACKWARD.
        level = {"compatibility": "BACKWARD"}
        self._http.put("/config", json=level, timeout=30.0).raise_for_status()

    def stop_registry(self, *, kill: bool = False) -> None:
        """Stop the registry, with ``kill`` at once and without warning; its data stays."""
        self._registry.stop(kill=kill)

    def registry_ready(self) -> bool:
        """Whether the registry lists its subjects."""
        try:
            reply = self._http.get("/subjects", timeout=_ASK_SECONDS)
        except httpx.TransportError:
            return False
        return reply.status_code == 200

    # --- directory ---------------------------------------------------------------------------

    def _prepare(self) -> tuple[str, Artifacts]:
        java_path, artifacts = java(), fetch(self._cache)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ports.save(self.directory)
        return java_path, artifacts

    def _ports(self, wanted: Ports | None) -> Ports:
        saved = Ports.load(self.directory)
        if saved is None:
            return wanted or Ports.free()
        if wanted not in (None, saved):
            raise StateError(
                "the stack in this directory has other ports",
                field="ports",
                value=saved,
                remedy="use these, or another directory",
            )
        return saved


def _format(tool: list[str], properties: Path) -> None:
    """Prepare an empty data folder for the broker, under a cluster id of its own."""
    # The tool takes an id that begins with a dash for an option.
    cluster_id = "g" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    run = subprocess.run(
        [*tool, "format", "-t", cluster_id, "-c", str(properties)],
        check=False,
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS,
    )
    if run.returncode:
        raise Unavailable(
            f"the broker's data folder could not be prepared:\n{run.stdout}{run.stderr}",
            field="server.properties",
            value=str(properties),
            remedy="correct the broker settings",
        )
