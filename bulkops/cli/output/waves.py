"""The lines about waves and windows: in a plan, while a job runs, and when it has stopped."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import heard_or_not, note
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout
from bulkops.journal.records import Rest, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import Held, Reached
from bulkops.plan.model import Plan
from bulkops.report.current_wave import CurrentWave
from bulkops.report.words import state_of, until_in_words
from bulkops.text import counted


def plan_lines(plan: Plan) -> list[str]:
    """Return a plan's windows, waves, pauses and gate; waves only if there are two, or a gate."""
    rollout = plan.rollout
    waves = plan.waves
    if not plan.operations:
        return []
    listed = [f"    Windows: {', '.join(rollout.windows)}"] if rollout.windows else []
    if len(waves) == 1 and rollout.gate is None:
        return listed
    listed.append(f"    Waves: {', '.join(str(wave.size) for wave in waves)} operations")
    if rollout.pause is not None and len(waves) > 1:
        listed.append(f"    Pause between waves: {rollout.pause}")
    if rollout.gate is not None:
        listed += gate_lines(plan.job)
    return listed


def gate_lines(job: Job) -> list[str]:
    """Return a job's whole gate, where it runs and which credentials it gets (see ``GateCall``).

    Nothing for a job without a gate.
    """
    gate = job.rollout.gate
    if gate is None:
        return []
    given = f", with {', '.join(job.rollout.gate_env)}" if job.rollout.gate_env else ""
    place = f"in {job.folder}" if job.folder else "in the current folder"
    return [f"    Gate after each wave: {gate}", f"        (runs {place}{given})"]


def teller(
    replay: Replay,
    rollout: Rollout,
    *,
    json: bool,
    say: Callable[[str], object] = note,
    shard: str = "",
) -> Callable[[WaveReached], None]:
    """Return a function that prints the state of a wave: by ``say``, or as JSON on stdout.

    Args:
        shard: the name of the fleet's shard; empty for a job by itself.
    """
    of = len(replay.waves_of(rollout))
    unit = "workspace" if replay.operations.per_target else "operation"

    def tell(wave: WaveReached) -> None:
        if of == 1 and rollout.gate is None:
            return
        if json:
            with heard_or_not():
                event = events.Wave.reached_by(wave, of)
                print_json(replace(event, shard=shard) if shard else event)
        elif text := _progress(wave, unit):
            say(f"{shard}{': ' * bool(shard)}Wave {wave.number} of {of}{text}")

    return tell


def tell_rest(
    rest: Rest, *, json: bool, say: Callable[[str], object] = note, shard: str = ""
) -> None:
    """Print that a job rests outside its windows, or that one has opened: as ``teller`` does."""
    if json:
        with heard_or_not():
            event = events.Rest.of(rest)
            print_json(replace(event, shard=shard) if shard else event)
        return
    before = f"{shard}: " if shard else ""
    if rest.until:
        say(f"{before}Outside the windows: no operation begins until {until_in_words(rest)}")
    else:
        say(f"{before}A window is open again: reading the current state")


def _progress(wave: WaveReached, unit: str) -> str:
    """Return what follows ``Wave 2 of 3``; empty if another line says it already.

    Args:
        unit: what counts as drifted: ``operation`` or ``workspace``.
    """
    if wave.until or wave.held in (Held.FAIL, Held.INCONCLUSIVE):
        return f" {state_of(wave)}"
    drifted = f"{counted(wave.drifted, unit)} drifted" if wave.drifted else "no drift"
    texts = {
        Reached.OPEN: f": {counted(wave.end - wave.start, 'operation')}",
        Reached.VERIFIED: "" if wave.held else f": verified, {drifted}",
        Reached.PAUSE_OVER: "",
        Reached.PASSED: "" if wave.status is None else ": its gate passed",
    }
    return texts[wave.reached]


def stop_line(wave: CurrentWave, resume: str) -> str:
    """Return why a job is paused or stopped, and the commands that resume it.

    Args:
        resume: the command that resumes the journal.
    """
    of = f"wave {wave.number} of {wave.of}"
    if wave.held == Held.MANUAL:
        return f"Paused after {of}. `{resume} --continue` continues past the pause."
    again = f"`{resume}` runs it again"
    if wave.held == Held.FAIL:
        return f"The gate of {of} failed. {again}."
    past = f"`{resume} --continue` continues past the gate"
    return f"The gate of {of} was inconclusive. {again}; {past}."
