"""The wheel carries what the package reads at run time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_wheel_has_the_package_its_schemas_and_the_topics(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(
        [*build, "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("goalstream-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        topics = archive.read("streams/_data/topics.yaml")
        scripts = next(name for name in files if name.endswith("/entry_points.txt"))
        assert b"goalstream = streams.cli:main" in archive.read(scripts)
    assert topics == (ROOT / "topics.yaml").read_bytes()
    assert {"streams/records/metric.py", "streams/web/static/dashboard.html"} <= files
    assert {name for name in files if name.endswith(".avsc")} == {
        f"streams/_data/schemas/{path.name}" for path in (ROOT / "schemas").glob("*.avsc")
    }
    assert {Path(name).name for name in files if "_data/examples/data/" in name} == {
        path.name for path in (ROOT / "examples" / "data").iterdir()
    }
    tops = {name.partition("/")[0] for name in files}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"streams"}
