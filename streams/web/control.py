"""Who lets the engine do what: modes, start and stop, the kill switch, an analysis at once."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from streams.core.safety.commands import set_mode
from streams.core.safety.modes import Controls
from streams.errors import GoalstreamError, InvalidRecord
from streams.web.answers import Refused, answer
from streams.web.commands import Commands
from streams.web.control_messages import (
    AnalysisRequest,
    Control,
    KillAnswer,
    KillRequest,
    ModeAnswer,
    ModeRequest,
    ScopeRequest,
)
from streams.web.goal_messages import Said
from streams.web.ingest import now_ms
from streams.web.requests import body_as, query, query_as
from streams.web.rows import Rows
from streams.web.source import ViewSource
from streams.web.summaries import control_of
from streams.web.sweep import Sweep

_SERIES = "metric_state"


class ControlPanel:
    """The routes of operators. Whatever is for all entities goes to every partition once."""

    def __init__(self, source: ViewSource, rows: Rows, sweep: Sweep, commands: Commands) -> None:
        self._source = source
        self._rows = rows
        self._sweep = sweep
        self._commands = commands

    async def mode(self, request: Request) -> Response:
        asked = query_as(request, ScopeRequest)
        entity = None
        if asked.entity_id is not None:
            entity = await self._rows.one(request, "autonomy", asked.entity_id)
        return answer(ModeAnswer(system=await self._control(request), entity=entity))

    async def set_mode(self, request: Request) -> Response:
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, ModeRequest)
        arguments = mode_arguments(said)
        message = "the mode is handed to the engine; GET /api/autonomous/mode shows what is applied"
        if said.entity_id is None:
            return await self._commands.to_all("mode.set", message, arguments=arguments, by=said.by)
        return await self._commands.to_entity(
            said.entity_id, "mode.set", message, arguments=arguments, by=said.by
        )

    async def start(self, request: Request) -> Response:
        return await self._run(request, running=True)

    async def stop(self, request: Request) -> Response:
        return await self._run(request, running=False)

    async def analyse(self, request: Request) -> Response:
        """Ask for an analysis now. Whether it succeeded is told by what comes of it."""
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, AnalysisRequest)
        entities = [said.entity_id] if said.entity_id else await self._measured(request)
        message = (
            f"an analysis is asked for, entities: {len(entities)}; GET /api/autonomous/status "
            "shows the last one"
        )
        return await self._commands.to_entities(entities, "analysis.run", message, by=said.by)

    async def kill(self, request: Request) -> Response:
        """Stop this worker first, which needs no broker, then tell the others."""
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, KillRequest)
        by = f" ({said.by})" if said.by else ""
        self._source.halt(f"{said.reason}{by}")
        return await self._tell_all("agent.kill", {"reason": said.reason}, said.by)

    async def release(self, request: Request) -> Response:
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, Said)
        self._source.release()
        return await self._tell_all("agent.release", {"reason": said.reason}, said.by)

    async def _tell_all(self, command: str, arguments: dict[str, str], by: str) -> Response:
        try:
            await self._commands.to_all(command, "", arguments=arguments, by=by)
        except GoalstreamError as error:
            problem = f"only on this worker, ask the others one by one: {error.message}"
            return self._kill_answer(problem, everywhere=False)
        return self._kill_answer("on this worker now, on the others once they read it")

    def _kill_answer(self, message: str, *, everywhere: bool = True) -> Response:
        body = KillAnswer(
            halted=self._source.halted(),
            everywhere=everywhere,
            message=message,
            timestamp=now_ms(),
        )
        return answer(body, 202 if everywhere else 200)

    async def _run(self, request: Request, *, running: bool) -> Response:
        self._commands.require_token()
        query(request, ())
        said = await body_as(request, Said)
        control = await self._control(request)
        word = "runs" if running else "is stopped"
        unchanged = control.settled and control.running is running
        return await self._commands.to_all(
            "agent.start" if running else "agent.stop",
            f"the agent {word} already" if unchanged else f"the agent {word} once this is applied",
            by=said.by,
            unchanged=unchanged,
        )

    async def _measured(self, request: Request) -> list[str]:
        """Entities that have metrics; Refused with 409 when there are none."""
        swept = (await self._sweep.read(request, [_SERIES]))[_SERIES]
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

    async def _control(self, request: Request) -> Control:
        found = await self._sweep.read(request, ["control"])
        return control_of(found["control"], self._source.autonomy(), self._source.partition_count())


def mode_arguments(said: ModeRequest) -> dict[str, str]:
    """The arguments of the command; Refused with 422 for those that it cannot have."""
    given = {"mode": said.mode, "goal_type": said.goal_type, "loop": said.loop}
    arguments = {name: value for name, value in given.items() if value}
    if said.autonomous is not None:
        arguments["autonomous"] = str(said.autonomous).lower()
    try:
        set_mode(Controls(), arguments, by=said.by, now=0)
    except InvalidRecord as error:
        raise Refused(
            422,
            error.message,
            field=error.field.removeprefix("arguments."),
            value=error.value,
            remedy=error.remedy,
        ) from None
    return arguments
