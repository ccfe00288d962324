"""What is said of a job's waves: in a plan, while they go on, and where the job is held."""

from __future__ import annotations

from collections.abc import Callable

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import heard_or_not, note
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout
from bulkops.journal.records import WaveReached
from bulkops.journal.states import Held, Reached
from bulkops.plan.model import Plan
from bulkops.report.current_wave import CurrentWave
from bulkops.report.words import state_of
from bulkops.text import counted


def plan_lines(plan: Plan) -> list[str]:
    """Return in which waves a plan goes and what comes between; nothing where it goes at once."""
    rollout = plan.rollout
    waves = rollout.steps(len(plan.operations))
    if not plan.operations or (len(waves) == 1 and rollout.gate is None):
        return []
    made = [f"    Waves: {', '.join(str(wave.size) for wave in waves)} operations"]
    if rollout.pause is not None and len(waves) > 1:
        made.append(f"    Between them: a pause ({rollout.pause})")
    if rollout.gate is not None:
        made += [f"    After each: {rollout.gate}", *gate_place(rollout, plan.job.folder)]
    return made


def gate_place(rollout: Rollout, folder: str) -> list[str]:
    """Return where a job's gate runs, and which credentials it gets; see ``GateCall``."""
    given = f", and gets {', '.join(rollout.gate_env)}" if rollout.gate_env else ""
    place = f"in {folder}" if folder else "in the current folder"
    return [f"        (runs {place}{given})"]


def gate_lines(job: Job) -> list[str]:
    """Return a job's gate as it is run, whole; nothing for a job without one."""
    gate = job.rollout.gate
    return [f"    After each wave: {gate}", *gate_place(job.rollout, job.folder)] if gate else []


def teller(
    rollout: Rollout, operations: int, *, json: bool, say: Callable[[str], object] = note
) -> Callable[[WaveReached], None]:
    """Return what prints how far a wave came: for people by ``say``, for machines on stdout."""
    of = len(rollout.steps(operations))

    def tell(wave: WaveReached) -> None:
        if of == 1 and rollout.gate is None:
            return
        if json:
            with heard_or_not():
                print_json(events.Wave.reached_by(wave, of))
        elif text := _progress(wave):
            say(f"Wave {wave.number} of {of}{text}")

    return tell


def _progress(wave: WaveReached) -> str:
    """Return what follows ``Wave 2 of 3``; empty where that was said already, or is at the end."""
    if wave.until or wave.held in (Held.FAIL, Held.INCONCLUSIVE):
        return f" {state_of(wave)}"
    stood = f"{wave.drifted} no longer stand" if wave.drifted else "all that was done stands"
    said = {
        Reached.OPEN: f": {counted(wave.end - wave.start, 'operation')}",
        Reached.VERIFIED: "" if wave.held else f": verified, {stood}",
        Reached.RESTED: "",
        Reached.PASSED: "" if wave.status is None else ": its gate passed",
    }
    return said[wave.reached]


def held_line(wave: CurrentWave, resume: str) -> str:
    """Return why a job is held, and the commands that go on.

    Args:
        resume: the command that goes on with the journal.
    """
    of = f"wave {wave.number} of {wave.of}"
    if wave.held == Held.MANUAL:
        return f"Paused after {of}: `{resume} --continue` goes on."
    again = f"`{resume}` runs it again"
    if wave.held == Held.FAIL:
        return f"The gate of {of} failed: {again}."
    return f"The gate of {of} was inconclusive: {again}, `{resume} --continue` goes on past it."
