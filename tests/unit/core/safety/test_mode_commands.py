from __future__ import annotations

from typing import Any

import pytest

from streams.core.safety.commands import set_killed, set_mode, set_running
from streams.core.safety.config import Mode
from streams.core.safety.modes import Controls
from streams.errors import InvalidRecord
from tests.kits.core.safety import NOW


def after(controls: Controls | None = None, **arguments: str) -> Controls:
    return set_mode(controls or Controls(), arguments, by="ann", now=NOW)


def test_autonomous_is_switched_off_and_on() -> None:
    off = after(autonomous="false")
    assert off == Controls(autonomous=False, changed_by="ann", changed_at=NOW)
    assert after(off, autonomous="true").autonomous is True
    assert after(off, autonomous="default").autonomous is None


def test_a_mode_is_set_for_all_for_a_goal_type_and_for_a_loop() -> None:
    assert after(mode="act").mode is Mode.ACT
    of_type = after(mode="approve", goal_type="cost_reduction")
    assert (of_type.mode, of_type.goal_types) == (None, {"cost_reduction": Mode.APPROVE})
    assert after(mode="observe", loop="*").loops == {"*": Mode.OBSERVE}


def test_a_mode_is_taken_back() -> None:
    one = after(mode="approve", goal_type="cost_reduction")
    assert after(one, mode="default", goal_type="cost_reduction").goal_types == {}
    assert after(after(mode="act"), mode="default").mode is None


def test_both_are_set_at_once() -> None:
    both = after(autonomous="true", mode="act")
    assert (both.autonomous, both.mode) == (True, Mode.ACT)


def test_equal_controls_are_equal_whatever_the_order_of_the_commands() -> None:
    one = after(after(mode="act", loop="b"), mode="act", loop="a")
    other = after(after(mode="act", loop="a"), mode="act", loop="b")
    assert list(one.loops) == list(other.loops) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "mode"),
        ({"autonomous": "maybe"}, "autonomous"),
        ({"autonomous": "1"}, "autonomous"),
        ({"mode": "acts"}, "mode"),
        ({"mod": "act"}, "mod"),
        ({"mode": "act", "goal_type": "cost"}, "goal_type"),
        ({"autonomous": "true", "goal_type": "cost_reduction"}, "mode"),
        ({"mode": "act", "loop": ""}, "loop"),
        ({"mode": "act", "loop": "a", "goal_type": "cost_reduction"}, "loop"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(
    arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRecord) as error:
        after(**arguments)
    assert error.value.field == f"arguments.{field}"
    assert error.value.remedy


def test_loops_with_a_mode_are_bounded() -> None:
    controls = Controls(loops={f"l-{index}": Mode.ACT for index in range(200)})
    with pytest.raises(InvalidRecord, match="take back"):
        after(controls, mode="act", loop="another")
    assert after(controls, mode="observe", loop="l-7").loops["l-7"] is Mode.OBSERVE


def test_stop_and_start_say_who() -> None:
    stopped = set_running(Controls(), False, by="ann", now=NOW)
    assert (stopped.running, stopped.changed_by) == (False, "ann")
    assert set_running(stopped, False, by="bob", now=NOW + 1) is stopped
    assert set_running(stopped, True, by="bob", now=NOW + 1).running


def test_the_kill_switch_is_pulled_and_put_back() -> None:
    killed = set_killed(Controls(), "fire", by="ann", now=NOW)
    assert (killed.killed, killed.changed_at) == ("fire", NOW)
    assert set_killed(killed, "fire", by="bob", now=NOW + 1) is killed
    assert set_killed(killed, "", by="bob", now=NOW + 1).killed == ""
