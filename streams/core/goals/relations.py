"""Goals that wait for others, and goals that are parts of others. All of one entity.

A goal waits for its dependencies; a parent for its parts. Together they must have no cycle.
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.core.goals.measurement import CloseReason, close, revise
from streams.core.goals.state import Goals
from streams.records import Goal, GoalStatus

MOST_RELATED = 50
"""Dependencies of a goal, and parts of a parent."""


def blocked_by(goal: Goal, goals: Goals) -> tuple[str, ...]:
    """Its dependencies that are not achieved; a goal that is not known any more is not."""
    return tuple(id_ for id_ in goal.dependencies if not _is_achieved(goals.get(id_)))


def ready(goal: Goal, goals: Goals) -> bool:
    """Whether all its dependencies are achieved."""
    return not blocked_by(goal, goals)


def parts(goals: Goals, goal_id: str) -> list[Goal]:
    """The parts of a goal, in order of creation, but for the cancelled ones."""
    return [
        goal
        for goal in goals.all()
        if goal.parent_id == goal_id and goal.status is not GoalStatus.CANCELLED
    ]


def is_parent(goals: Goals, goal_id: str) -> bool:
    """Whether it has parts: then it is not planned for itself, and not moved by its metric."""
    return bool(goal_id) and any(
        goal.parent_id == goal_id and goal.status is not GoalStatus.CANCELLED
        for goal in goals.all()
    )


def roll_up(parent: Goal, members: list[Goal], now: int) -> Goal | None:
    """The next revision of an open parent after one of its parts changed; None without news.

    Its progress is the mean of its parts'; an achieved part counts 1. It is achieved with all of
    them, and failed when all are closed and one of them is not achieved.
    """
    if not parent.status.is_open or not members:
        return None
    achieved = [each.status is GoalStatus.ACHIEVED for each in members]
    shares = [1.0 if done else each.progress for done, each in zip(achieved, members, strict=True)]
    goal = replace(parent, progress=sum(shares) / len(shares), met_since=None)
    if all(achieved):
        return close(goal, GoalStatus.ACHIEVED, CloseReason.PARTS, now)
    if not any(each.status.is_open for each in members):
        return close(goal, GoalStatus.FAILED, CloseReason.PART_FAILED, now)
    return None if goal == parent else revise(goal, now)


def relation_fault(request: Goal, known: Goal | None, goals: Goals) -> str:
    """What is wrong with the dependencies and the parent of a request; empty when nothing is.

    ``known`` is the open goal that it changes: what that one has already is not looked for again.
    """
    before = () if known is None else known.dependencies
    for id_ in request.dependencies:
        if id_ not in before and id_ not in goals:
            return f"dependencies name {id_!r}, which is not known here; name goals of this entity"
    if len(request.dependencies) > MOST_RELATED:
        return f"{len(request.dependencies)} dependencies; use {MOST_RELATED} or fewer"
    return _parent_fault(request, known, goals) or _cycle_fault(request, goals)


def is_referred_to(goal: Goal, goals: Goals) -> bool:
    """Whether an open goal waits for it or is its parent, so that it must not be forgotten."""
    parent = goals.get(goal.parent_id)
    if parent is not None and parent.status.is_open:
        return True
    return any(goal.goal_id in each.dependencies for each in goals.open())


def _parent_fault(request: Goal, known: Goal | None, goals: Goals) -> str:
    id_ = request.parent_id
    if not id_ or (known is not None and known.parent_id == id_):
        return ""
    parent = goals.get(id_)
    if parent is None or not parent.status.is_open:
        return f"parent_id is {id_!r}; name an open goal of this entity"
    if len(parts(goals, id_)) >= MOST_RELATED:
        return f"parent_id is {id_!r}, which has {MOST_RELATED} parts; use another goal"
    return ""


def _cycle_fault(request: Goal, goals: Goals) -> str:
    known = goals.by_id() | {request.goal_id: request}
    children: dict[str, list[str]] = {}
    for goal in known.values():
        if goal.parent_id and goal.status is not GoalStatus.CANCELLED:
            children.setdefault(goal.parent_id, []).append(goal.goal_id)
    waiting = [*request.dependencies, *children.get(request.goal_id, ())]
    seen: set[str] = set()
    while waiting:
        id_ = waiting.pop()
        if id_ == request.goal_id:
            return (
                f"goal {id_!r} would wait for itself by dependencies {list(request.dependencies)} "
                f"and parent_id {request.parent_id!r}; leave out the one that leads back"
            )
        goal = known.get(id_)
        if goal is not None and id_ not in seen:
            seen.add(id_)
            waiting += [*goal.dependencies, *children.get(id_, ())]
    return ""


def _is_achieved(goal: Goal | None) -> bool:
    return goal is not None and goal.status is GoalStatus.ACHIEVED
