"""Any worker answers for any key."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.web.group.lookup import Item, Listing, merge
from tests.kits.web.group import TOKEN, Group, respond
from tests.kits.web.memory import MemorySource

B = frozenset({2, 3})


def by_key(key: str) -> tuple[str, ...]:
    return (key,)


def worker(*owned: int) -> MemorySource:
    return MemorySource(mine=frozenset(owned))


async def test_a_row_of_another_worker_is_read_through_any() -> None:
    group, there = Group(), worker(2, 3)
    there.put("suggestions", "abc", {"value": 7})
    a = group.add("a", worker(0, 1), "a", "b")
    b = group.add("b", there, "a", "b")

    through_a = await a.get("/tables/suggestions/abc")

    assert through_a.json() == {"table": "suggestions", "key": "abc", "value": {"value": 7}}
    assert (await b.get("/tables/suggestions/abc")).json() == through_a.json()


async def test_an_own_row_asks_nobody() -> None:
    group, here = Group(), worker(0, 1)
    here.put("suggestions", "abcd", 1)

    assert (await group.add("a", here, "b").get("/tables/suggestions/abcd")).status_code == 200
    assert group.network.requests == []


async def test_missing_at_the_owner_is_404() -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")
    group.add("b", worker(2, 3), "a")

    response = await a.get("/tables/suggestions/abc")

    assert response.status_code == 404
    assert response.json()["error"]["value"] == "abc"


async def test_an_owner_that_is_gone_is_503() -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")

    response = await a.get("/tables/suggestions/abc")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "web.peers" in response.json()["error"]["remedy"]


async def test_a_partition_that_moved_is_found_at_the_second_try() -> None:
    group, old, new = Group(), worker(2, 3), worker()
    new.put("suggestions", "abc", 1)
    a = group.add("a", worker(0, 1), "b", "c")
    group.add("b", old, "a")
    group.add("c", new, "a")
    assert (await a.get("/tables/suggestions/abc")).status_code == 404
    old.mine, new.mine = frozenset(), B

    assert (await a.get("/tables/suggestions/abc")).status_code == 503
    assert (await a.get("/tables/suggestions/abc")).json()["value"] == 1


async def test_a_group_of_another_size_is_no_owner() -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")
    group.network.handlers["b"] = respond(200, json={"count": 8, "owned": [2, 3]})

    assert (await a.get("/tables/suggestions/abc")).status_code == 503
    assert group.network.paths("b") == ["/partitions"]


async def test_a_forwarded_request_is_never_forwarded_again() -> None:
    """Both claim the other's partition, the worst case: it ends after one hop."""
    group, liar = Group(), worker(2)
    a = group.add("a", worker(0), "b")
    group.add("b", liar, "a")
    await a.get("/tables/suggestions/ab")
    liar.mine = frozenset()
    group.network.requests.clear()

    response = await a.get("/tables/suggestions/ab")

    assert response.status_code == 503
    assert group.network.paths("b") == ["/tables/suggestions/ab"]
    assert group.network.paths("a") == []


@pytest.mark.parametrize(
    "path", ["/tables/suggestions/abc", "/tables/goals/g1", "/tables/goals?all=true"]
)
async def test_a_hop_header_keeps_the_request_here(path: str) -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")

    await a.get(path, headers={"Goalstream-Hop": "1"})

    assert group.network.requests == []


async def test_a_row_whose_key_names_no_entity_is_searched_everywhere() -> None:
    group, there = Group(), worker(3)
    there.put("goals", "g1", {"status": "active"}, entity="abc")
    a = group.add("a", worker(0, 1), "gone", "b", "c")
    group.add("b", worker(2), "a")
    group.add("c", there, "a")

    response = await a.get("/tables/goals/g1")

    assert response.json()["value"] == {"status": "active"}


async def test_such_a_row_is_missing_only_when_all_partitions_were_looked_at() -> None:
    group, there = Group(), worker(2)
    a = group.add("a", worker(0, 1), "b")
    group.add("b", there, "a")

    some = await a.get("/tables/goals/g1")
    there.mine = B
    all_ = await a.get("/tables/goals/g1")

    assert (some.status_code, all_.status_code) == (503, 404)
    assert some.headers["retry-after"] == "1"


async def test_a_table_that_only_this_version_knows_is_not_a_missing_row() -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")
    unknown = {"error": {"message": "no such table", "field": "table", "value": "goals"}}

    async def older(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/partitions":
            return httpx.Response(200, json={"count": 4, "owned": [2, 3]})
        return httpx.Response(404, json=unknown)

    group.network.handlers["b"] = older

    assert (await a.get("/tables/suggestions/abc")).status_code == 503
    assert (await a.get("/tables/goals/g1")).status_code == 503


async def test_a_listing_is_of_this_worker_unless_all_are_asked_for() -> None:
    group, here, there = Group(), worker(0, 1), worker(2, 3)
    here.put("suggestions", "a-b-c", 5)
    there.put("suggestions", "abc", 3)
    there.put("suggestions", "zz", 2)
    a = group.add("a", here, "a", "b")
    group.add("b", there, "a", "b")

    mine = (await a.get("/tables/suggestions")).json()
    first = (await a.get("/tables/suggestions?all=true&limit=2")).json()
    rest = (
        await a.get("/tables/suggestions", params={"all": "true", "after": first["next"]})
    ).json()

    assert [item["key"] for item in mine["items"]] == ["a-b-c"]
    assert not mine["complete"]
    assert [item["key"] for item in first["items"]] == ["a-b-c", "abc"]
    assert rest["items"] == [{"key": "zz", "value": 2}]
    assert (rest["next"], rest["complete"], rest["unavailable"]) == (None, True, [])


async def test_a_listing_of_all_names_who_did_not_answer() -> None:
    group, here = Group(), worker(0, 1)
    here.put("suggestions", "a", 1)
    a = group.add("a", here, "gone", "broken")
    group.network.handlers["broken"] = respond(200, json={"items": "none"})

    listing = (await a.get("/tables/suggestions?all=true")).json()

    assert [item["key"] for item in listing["items"]] == ["a"]
    assert listing["unavailable"] == ["http://gone:5003", "http://broken:5003"]
    assert not listing["complete"]


async def test_the_token_goes_to_peers_and_the_readers_headers_do_not() -> None:
    group, there = Group(token=TOKEN), worker(2, 3)
    there.put("suggestions", "abc", 1)
    a = group.add("a", worker(0, 1), "b")
    group.add("b", there, "a")
    mine = {
        "Authorization": f"bearer  {TOKEN}",
        "Cookie": "session=1",
        "X-Forwarded-For": "10.0.0.1",
        "X-Anything": "x",
    }

    assert (await a.get("/tables/suggestions/abc", headers=mine)).status_code == 200
    assert group.network.paths("b") == ["/partitions", "/tables/suggestions/abc"]
    for request in group.network.requests:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["goalstream-hop"] == "1"
        assert not {"cookie", "x-forwarded-for", "x-anything"} & set(request.headers)


async def test_without_a_token_no_authorization_is_passed_on() -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")
    group.add("b", worker(2, 3), "a")

    await a.get("/tables/suggestions/abc", headers={"Authorization": "Bearer of-the-reader"})

    assert len(group.network.requests) == 2
    assert not [r for r in group.network.requests if "authorization" in r.headers]


async def test_a_request_cannot_name_whom_to_ask() -> None:
    group = Group()
    a = group.add("a", worker(0, 1), "b")
    group.add("b", worker(2, 3))
    evil = {"X-Forwarded-Host": "evil", "Forwarded": "host=evil", "Referer": "http://evil/"}

    for key in ("..", ".", "../../metrics", "http://evil/xyz", "//evil/x", "@evil:80", "?x#y"):
        await a.get(f"/tables/suggestions/{escaped(key)}", headers=evil)
        await a.get(f"/tables/goals/{escaped(key)}", headers=evil)

    assert {request.url.host for request in group.network.requests} == {"b"}
    rows = [path for path in group.network.paths("b") if path != "/partitions"]
    assert len(rows) >= 7
    assert [p for p in rows if not p.startswith(("/tables/suggestions/", "/tables/goals/"))] == []
    assert [path for path in rows if path.count("/") != 3 or "?" in path] == []


def escaped(key: str) -> str:
    return "".join(f"%{byte:02X}" for byte in key.encode())


keys = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)


@given(keys)
@example("..")
@example("a/../b")
@example("%2E?#/")
async def test_every_key_reaches_the_owner_unchanged(key: str) -> None:
    group, there = Group(), worker(0, 1, 2, 3)
    there.put("goals", key, "found", entity="abc")
    a = group.add("a", worker(), "b")
    group.add("b", there, "a")

    response = await a.get(f"/tables/goals/{escaped(key)}")

    assert response.json() == {"table": "goals", "key": key, "value": "found"}


@given(
    st.lists(st.dictionaries(st.text("abc", max_size=3), st.integers()), min_size=1, max_size=4),
    st.integers(1, 5),
    st.data(),
)
def test_pages_of_all_give_every_row_once_in_order(
    workers: list[dict[str, int]], limit: int, data: st.DataObject
) -> None:
    """Also when workers give shorter pages than asked for."""
    after, found = "", list[str]()
    workers = [{f"k{key}": value for key, value in rows.items()} for rows in workers]
    while True:
        pages = []
        for number, rows in enumerate(workers):
            ahead = sorted(key for key in rows if key > after)
            size = data.draw(st.integers(1, limit))
            items = [Item(key, rows[key]) for key in ahead[:size]]
            next_ = items[-1].key if len(ahead) > size else None
            pages.append(Listing("t", items, next_, [number], False))
        page = merge(pages, limit, by_key)
        assert len(page.items) <= limit
        found += [item.key for item in page.items]
        if page.next is None:
            break
        assert page.next > after
        after = page.next

    assert found == sorted({key for rows in workers for key in rows})


def test_a_row_that_two_workers_give_counts_once() -> None:
    here = Listing("t", [Item("k", "ours")], None, [0], False)
    there = Listing("t", [Item("k", "theirs"), Item("l", 1)], None, [0, 1], False)

    page = merge([here, there], 10, by_key)

    assert page.items == [Item("k", "ours"), Item("l", 1)]
    assert page.partitions == [0, 1]


async def test_questions_that_no_longer_matter_are_ended() -> None:
    group, there = Group(), worker(2, 3)
    there.put("goals", "g1", "found", entity="abc")
    a = group.add("a", worker(0, 1), "slow", "b")
    group.add("b", there, "a")
    ended = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    group.network.handlers["slow"] = slow

    async with asyncio.timeout(1):
        assert (await a.get("/tables/goals/g1")).json()["value"] == "found"
        await ended.wait()
