from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import UnknownName
from streams.wire import resources


def test_schemas_and_topics_are_found_in_a_checkout() -> None:
    assert resources.schema_path("Goal").read_text().startswith("{")


def test_a_wheel_carries_them_inside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "streams" / "_data", tmp_path
    for place in (inside, outside):
        (place / "schemas").mkdir(parents=True)
        (place / "topics.yaml").write_text("")
        (place / "schemas" / "Goal.avsc").write_text("")
    monkeypatch.setattr(resources, "_PLACES", (inside, outside))
    assert resources.schema_path("Goal") == inside / "schemas" / "Goal.avsc"
    assert resources.topics_path() == inside / "topics.yaml"
    (inside / "topics.yaml").unlink()
    assert resources.topics_path() == outside / "topics.yaml"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UnknownName, match=r"schemas/Nothing\.avsc"):
        resources.schema_path("Nothing")
