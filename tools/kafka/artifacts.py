"""What the stack runs on: Java, and jars fetched once from Maven Central into a cache folder."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.errors import Unavailable

CACHE_VARIABLE = "GOALSTREAM_KAFKA_CACHE"
KAFKA_VERSION = "4.1.0"
REGISTRY_VERSION = "3.0.9"
JAVA_VERSION = 17

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
# Later versions of the plugin ask for the registry's parent POM, which was never published.
_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8"
_DOWNLOAD_SECONDS = 900
_JAVA_REMEDY = "install it, for example: apt-get install openjdk-17-jre-headless"
_MAVEN_REMEDY = "install it, for example: apt-get install maven"
_NETWORK_REMEDY = "check that Maven Central can be reached from here, then try again"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Where the jars are."""

    kafka_libs: Path
    """Folder with the broker's jars."""
    registry_jar: Path
    """Runnable jar of the registry."""


def default_cache() -> Path:
    """``GOALSTREAM_KAFKA_CACHE``, else ``.cache/kafka`` in the checkout."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else _ROOT / ".cache" / "kafka"


def java() -> str:
    """Path of a Java that can run the stack; Unavailable without one of version 17 or newer."""
    path = shutil.which("java")
    if path is None:
        raise Unavailable(
            "Java is missing", field="java", value=None, remedy=f"Java 17: {_JAVA_REMEDY}"
        )
    # Java writes its version to the standard error.
    shown = subprocess.run(
        [path, "-version"], check=False, capture_output=True, text=True, timeout=60
    ).stderr
    version = re.search(r'version "(\d+)', shown)
    if version is None or int(version[1]) < JAVA_VERSION:
        raise Unavailable(
            "Java is too old",
            field="java",
            value=shown.partition("\n")[0],
            remedy=f"Java 17 or newer is needed: {_JAVA_REMEDY}",
        )
    return path


def fetch(cache: Path | None = None) -> Artifacts:
    """The jars, downloaded unless the cache has them.

    Two processes may ask at the same time: one downloads, the other waits for it.
    Raises Unavailable when Maven is missing or cannot download.
    """
    folder = (cache or default_cache()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    libs = folder / f"kafka-{KAFKA_VERSION}"
    registry = folder / f"apicurio-registry-{REGISTRY_VERSION}"
    with _locked(folder / "lock"):
        for leftover in folder.glob("download-*"):
            shutil.rmtree(leftover)
        if not libs.is_dir():
            _into(libs, _fetch_kafka)
        if not registry.is_dir():
            _into(registry, _fetch_registry)
    return Artifacts(
        kafka_libs=libs,
        registry_jar=registry / f"apicurio-registry-app-{REGISTRY_VERSION}-runner.jar",
    )


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _into(target: Path, download: Callable[[Path], None]) -> None:
    """Fill a temporary folder, then rename it: the target is whole or absent."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="download-") as name:
        filled = Path(name) / "content"
        filled.mkdir()
        download(filled)
        filled.rename(target)


def _fetch_kafka(folder: Path) -> None:
    pom = str(_HERE / "pom.xml")
    _maven("-f", pom, f"{_DEPENDENCY_PLUGIN}:copy-dependencies", f"-DoutputDirectory={folder}")


def _fetch_registry(folder: Path) -> None:
    name = "apicurio-registry-app"
    coordinates = f"io.apicurio:{name}:{REGISTRY_VERSION}:tar.gz:all"
    _maven(f"{_DEPENDENCY_PLUGIN}:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}")
    archive = folder / f"{name}-{REGISTRY_VERSION}-all.tar.gz"
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    archive.unlink()


def _maven(*arguments: str) -> None:
    path = shutil.which("mvn")
    if path is None:
        raise Unavailable("Maven is missing", field="mvn", value=None, remedy=_MAVEN_REMEDY)
    java()
    try:
        run = subprocess.run(
            [path, "-q", "-B", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"Maven did not end within {_DOWNLOAD_SECONDS} s", field="mvn", remedy=_NETWORK_REMEDY
        ) from error
    if run.returncode:
        tail = "\n".join((run.stdout + run.stderr).splitlines()[-15:])
        raise Unavailable(
            f"Maven could not download:\n{tail}\n",
            field="mvn",
            value=arguments[-1],
            remedy=_NETWORK_REMEDY,
        )
