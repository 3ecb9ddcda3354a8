"""Who lets the engine do what: modes, start and stop, the kill switch, an analysis at once."""

from __future__ import annotations

import msgspec

from streams.errors import GoalstreamError
from streams.records import Role
from streams.web.commands import REQUESTED, Commands, Requested, Said, mode_arguments
from streams.web.group.rows import Rows, ScopeRequest
from streams.web.group.source import ViewSource
from streams.web.group.summaries import Control, control_of
from streams.web.group.sweep import Sweep
from streams.web.http.access import Caller
from streams.web.http.answers import Answer
from streams.web.http.errors import Refused
from streams.web.http.requests import Message, Name, now_ms
from streams.web.http.routing import AUTONOMOUS, FORECASTING, at

_SERIES = "metric_state"


class AnalysisRequest(ScopeRequest, frozen=True, kw_only=True):
    """Whom to analyse now; without an entity all."""


class ModeRequest(ScopeRequest, frozen=True, kw_only=True):
    """What the engine may do by itself from now on, for one entity or for all."""

    autonomous: bool | None = None
    """Whether goals are set without a person; false is manual mode."""
    mode: str = ""
    """observe, recommend, approve, act; or default, which takes back what was set before."""
    goal_type: str = ""
    """The mode is meant for goals of this type alone; * for all that are not named."""
    loop: str = ""
    """The mode is meant for this loop alone; * for all that are not named."""


class KillRequest(Message, frozen=True, kw_only=True):
    """Why nothing is to be done any more."""

    reason: Name


class ModeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is permitted, of the whole system and of one entity."""

    system: Control
    entity: object = None
    """Row of the table autonomy; null without an entity, or when nothing is known of it."""


class KillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """State of the kill switch."""

    halted: str
    """Why no action of a plan starts on the worker that answers; empty when they do."""
    everywhere: bool
    """Whether all workers were told, which needs the broker."""
    message: str
    timestamp: int


class ControlPanel:
    """The routes of operators. Whatever is for all entities goes to every partition once."""

    def __init__(self, source: ViewSource, rows: Rows, sweep: Sweep, commands: Commands) -> None:
        self._source = source
        self._rows = rows
        self._sweep = sweep
        self._commands = commands

    @at("GET", f"{AUTONOMOUS}/mode")
    async def mode(self, query: ScopeRequest, local: bool) -> ModeAnswer:
        """What is permitted."""
        entity = None
        if query.entity_id is not None:
            entity = await self._rows.one("autonomy", query.entity_id, local=local)
        return ModeAnswer(system=await self._control(local), entity=entity)

    @at("POST", f"{AUTONOMOUS}/mode", *REQUESTED, role=Role.ADMIN)
    async def set_mode(self, body: ModeRequest, caller: Caller) -> Requested:
        """Permit more or less."""
        given = {"mode": body.mode, "goal_type": body.goal_type, "loop": body.loop}
        arguments = mode_arguments(given, body.autonomous)
        message = "the mode is handed to the engine; GET /api/autonomous/mode shows what is applied"
        if body.entity_id is None:
            return await self._commands.to_all(
                "mode.set", message, caller=caller, arguments=arguments
            )
        return await self._commands.to_entity(
            body.entity_id, "mode.set", message, caller=caller, arguments=arguments
        )

    @at("POST", f"{AUTONOMOUS}/control/start", *REQUESTED, role=Role.ADMIN)
    async def start(self, body: Said, local: bool, caller: Caller) -> Requested:
        """Start the agent."""
        return await self._run(caller, local, running=True)

    @at("POST", f"{AUTONOMOUS}/control/stop", *REQUESTED, role=Role.OPERATOR)
    async def stop(self, body: Said, local: bool, caller: Caller) -> Requested:
        """Stop the agent."""
        return await self._run(caller, local, running=False)

    @at("POST", f"{AUTONOMOUS}/analysis/trigger", *REQUESTED, role=Role.OPERATOR)
    @at("POST", f"{FORECASTING}/goals/analyze", *REQUESTED, role=Role.OPERATOR)
    async def analyse(self, body: AnalysisRequest, local: bool, caller: Caller) -> Requested:
        """Ask for an analysis now. Whether it succeeded is told by what comes of it."""
        entities = [body.entity_id] if body.entity_id else await self._measured(local)
        message = (
            f"an analysis is asked for, entities: {len(entities)}; GET /api/autonomous/status "
            "shows the last one"
        )
        return await self._commands.to_entities(entities, "analysis.run", message, caller=caller)

    @at("POST", f"{AUTONOMOUS}/control/kill", 202, 200, role=Role.OPERATOR)
    async def kill(self, body: KillRequest, caller: Caller) -> Answer[KillAnswer]:
        """Stop this worker first, which needs no broker, then tell the others."""
        self._source.halt(f"{body.reason} ({caller.name})")
        return await self._tell_all("agent.kill", body.reason, caller)

    @at("POST", f"{AUTONOMOUS}/control/release", 202, 200, role=Role.ADMIN)
    async def release(self, body: Said, caller: Caller) -> Answer[KillAnswer]:
        """Take the stop back."""
        self._source.release()
        return await self._tell_all("agent.release", body.reason, caller)

    async def _tell_all(self, command: str, reason: str, caller: Caller) -> Answer[KillAnswer]:
        everywhere, message = True, "on this worker now, on the others once they read it"
        try:
            at_once = caller._replace(patience=0)
            await self._commands.to_all(command, "", caller=at_once, arguments={"reason": reason})
        except GoalstreamError as error:
            everywhere = False
            message = f"only on this worker, ask the others one by one: {error.message}"
        body = KillAnswer(
            halted=self._source.halted(),
            everywhere=everywhere,
            message=message,
            timestamp=now_ms(),
        )
        return Answer(body, 202 if everywhere else 200)

    async def _run(self, caller: Caller, local: bool, *, running: bool) -> Requested:
        control = await self._control(local)
        word = "runs" if running else "is stopped"
        unchanged = control.settled and control.running is running
        return await self._commands.to_all(
            "agent.start" if running else "agent.stop",
            f"the agent {word} already" if unchanged else f"the agent {word} once this is applied",
            caller=caller,
            unchanged=unchanged,
        )

    async def _measured(self, local: bool) -> list[str]:
        """Entities that have metrics; Refused with 409 when there are none."""
        swept = (await self._sweep.read([_SERIES], local=local))[_SERIES]
        named = {self._source.entity_of(_SERIES, key) for key in swept.keys}
        entities = sorted(entity for entity in named if entity is not None)
        if not entities:
            raise Refused(
                409,
                "nothing was measured that could be analysed",
                field="entity_id",
                remedy="POST /api/autonomous/metrics first",
            )
        return entities

    async def _control(self, local: bool) -> Control:
        found = await self._sweep.read(["control"], local=local)
        return control_of(found["control"], self._source.autonomy(), self._source.partition_count())
