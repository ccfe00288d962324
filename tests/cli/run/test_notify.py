"""``[notify]`` on the command line, with a real receiver on this machine."""

from __future__ import annotations

import hashlib
import hmac
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import anyio
import msgspec
import pytest

from bulkops import Client, Report, apply_plan, load_job, plan_job
from tests.cli.commands.conftest import bucket
from tests.cli.run.test_fleet import APPLY as FLEET_APPLY
from tests.cli.run.test_fleet import NAMES, three_organizations
from tests.cli.support import TOKEN, World
from tests.conftest import Here
from tests.journal.remote.tiny_s3 import TinyS3

__all__ = ["bucket"]

KEY = "canary-webhook-key"
PATH = "/T0/canary-webhook-path"
SECRETS = (KEY, PATH.removeprefix("/T0/"))
NOTIFY = '[notify]\nurl_env = "WEBHOOK"\nhmac_key_env = "WEBHOOK_KEY"\n'

Answer = Callable[[BaseHTTPRequestHandler], None]


def ok(handler: BaseHTTPRequestHandler) -> None:
    """Answer 200."""
    handler.send_response(200)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def refuse(handler: BaseHTTPRequestHandler) -> None:
    """Answer 404, with the secret in the body and in the status line."""
    handler.send_response(404, f"no such hook: {PATH}")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def redirect(handler: BaseHTTPRequestHandler) -> None:
    """Answer 307 to another path."""
    handler.send_response(307)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def flood(handler: BaseHTTPRequestHandler) -> None:
    """Answer 200, and then send bytes until the client leaves."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65_536)
    except OSError:
        handler.close_connection = True


def garbage(handler: BaseHTTPRequestHandler) -> None:
    """Answer with the request itself, which isn't HTTP."""
    handler.wfile.write(handler.path.encode() + b"\r\n\r\n")
    handler.close_connection = True


class Arrived(msgspec.Struct):
    """A POST as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def members(self) -> dict[str, object]:
        """Its body."""
        return msgspec.json.decode(self.body, type=dict[str, object])


class Receiver:
    """A webhook on this machine, and what it got."""

    def __init__(self) -> None:
        self.posts: list[Arrived] = []
        self.answer: Answer = ok
        self.address = ""

    @property
    def url(self) -> str:
        """The secret URL."""
        return self.address + PATH

    @property
    def events(self) -> list[object]:
        """The events of its posts."""
        return [post.members["event"] for post in self.posts]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a webhook from a thread."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.posts.append(Arrived(self.path, headers, body))
            receiver.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver(world: World) -> Iterator[Receiver]:
    """A webhook that the job's [notify] names, with a key."""
    with receiving() as receiver:
        world.job(("[pace]", f"{NOTIFY}[pace]"))
        world.environment |= {"WEBHOOK": receiver.url, "WEBHOOK_KEY": KEY}
        yield receiver
    for path in world.folder.rglob("*"):
        text = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in SECRETS if secret.encode() in text], path


def test_the_last_message_is_the_last_line_of_json(
    world: World, here: Here, receiver: Receiver
) -> None:
    """With two more members; each body is signed, and no token is in the headers."""
    done = here(*world.applying, "--json")
    assert done.code == 0
    assert receiver.events == ["started", "finished"]
    last = receiver.posts[-1].members
    assert "12 succeeded of 12 operations" in str(last.pop("text"))
    assert last.pop("event") == "finished"
    printed = done.objects[-1]
    notified = printed.pop("notifications")
    assert last.pop("notifications") == notified[:1]  # type: ignore[index]  # a list
    assert last == printed
    assert [(one["event"], one["receiver"], one["reason"]) for one in notified] == [  # type: ignore[attr-defined]  # a list
        ("started", "WEBHOOK", ""),
        ("finished", "WEBHOOK", ""),
    ]
    for post in receiver.posts:
        signed = hmac.new(KEY.encode(), post.body, hashlib.sha512).hexdigest()
        assert post.headers["x-bulkops-notification-signature"] == signed
        assert post.headers["content-type"] == "application/json"
        assert "authorization" not in post.headers
        assert post.path == PATH


@pytest.mark.parametrize("variable", ["WEBHOOK", "WEBHOOK_KEY", "BEAT"])
@pytest.mark.parametrize("command", ["apply", "saved plan"])
def test_a_missing_variable_is_found_before_anything_is_sent(
    world: World, here: Here, receiver: Receiver, command: str, variable: str
) -> None:
    """Exit 2, to the server as to the receiver."""
    world.job(("[pace]", f'{NOTIFY}heartbeat_url_env = "BEAT"\n[pace]'))
    world.environment["BEAT"] = receiver.url
    arguments = world.applying
    if command == "saved plan":
        assert here("plan", "job.toml", "--out", "scan.plan").code == 0
        arguments = ("apply", "scan.plan", "--journal", "new.jsonl")
    asked, told = world.requests, len(receiver.posts)
    done = here(*arguments, **{variable: ""})
    assert (done.code, world.requests, len(receiver.posts)) == (2, asked, told)
    assert f" = {variable}: this environment variable is not set" in done.err


BEGUN = {
    "apply again": ("apply", "job.toml", "--journal", "scan.jsonl", "--yes"),
    "resume": ("resume", "scan.jsonl", "--yes"),
    "undo": ("undo", "scan.jsonl", "--yes"),
}


@pytest.mark.filterwarnings("ignore:'imghdr'")
@pytest.mark.parametrize("command", BEGUN)
def test_what_has_begun_needs_no_variable(
    world: World, here: Here, receiver: Receiver, command: str
) -> None:
    """One warning per receiver that is missing; the others are notified, and the report says so."""
    world.job(("[pace]", f'{NOTIFY}heartbeat_url_env = "BEAT"\napprise_env = "SERVICES"\n[pace]'))
    world.environment |= {
        "BEAT": receiver.url.replace("127.0.0.1", "localhost"),
        "SERVICES": receiver.address.replace("http", "json") + "/services",
    }
    assert here(*world.applying).code == 0
    receiver.posts.clear()
    done = here(*BEGUN[command], WEBHOOK_KEY="", BEAT="")
    assert done.code == 0
    assert [line for line in done.err.splitlines() if "nothing is sent" in line] == [
        f"Warning: {missing} is not set: nothing is sent to {name}. Set it to be notified; the job "
        "continues."
        for missing, name in (("WEBHOOK_KEY", "WEBHOOK"), ("BEAT", "BEAT"))
    ]
    assert {post.path for post in receiver.posts} == {"/services"}
    lines = done.out.splitlines()
    assert "  not notified: finished to WEBHOOK: WEBHOOK_KEY is not set (nothing was sent)" in lines
    assert "  no heartbeats to BEAT: BEAT is not set" in lines


@pytest.mark.parametrize("command", BEGUN)
def test_a_malformed_variable_is_an_error_also_later(
    world: World, here: Here, receiver: Receiver, command: str
) -> None:
    """It is not a secret that is missing: nothing is sent."""
    assert here(*world.applying).code == 0
    asked, told = world.requests, len(receiver.posts)
    done = here(*BEGUN[command], WEBHOOK="not a URL")
    assert (done.code, world.requests, len(receiver.posts)) == (2, asked, told)
    assert "notify.url_env = WEBHOOK: it does not hold a URL" in done.err


def test_a_token_of_the_api_is_refused_also_later(
    world: World, here: Here, receiver: Receiver
) -> None:
    """Even if it is not set."""
    assert here(*world.applying).code == 0
    for variable in ("TFE_TOKEN", "TF_TOKEN_hooks_example"):
        world.job(("[pace]", f'[notify]\nurl_env = "WEBHOOK"\nhmac_key_env = "{variable}"\n[pace]'))
        done = here(*world.applying)
        assert done.code == 2
        assert f"notify.hmac_key_env = {variable}: this environment variable holds a token" in (
            done.err
        )
    assert receiver.events == ["started", "finished"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuse, "answered 404"),
        (redirect, "answered 307: redirects are not followed, so name the final URL"),
    ],
)
def test_what_was_not_delivered_is_reported_and_changes_no_exit_code(
    world: World, here: Here, receiver: Receiver, answer: Answer, reason: str
) -> None:
    """Each message was sent once; the report says why it is lost, now and later."""
    receiver.answer = answer
    done = here("--log-file", "debug.log", *world.applying)
    assert done.code == 0
    line = f"  not notified: finished to WEBHOOK: {reason} (1 attempt)"
    assert line in done.out.splitlines()
    assert line in here("report", "scan.jsonl").out.splitlines()
    assert f"Not notified: finished to WEBHOOK: {reason}" in (
        here("report", "scan.jsonl", "--format", "markdown").out
    )
    document = msgspec.json.decode(here("report", "scan.jsonl", "--format", "json").out)
    *_, failed = document["notifications"]
    assert (failed["event"], failed["reason"], failed["attempts"]) == ("finished", reason, 1)
    assert {post.path for post in receiver.posts} == {PATH}
    assert "notification_failed" in (world.folder / "debug.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("answer", [flood, garbage])
def test_a_hostile_receiver_learns_nothing_and_shows_nothing(
    world: World,
    here: Here,
    receiver: Receiver,
    answer: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An endless body is not read, and what it echoes is not shown."""
    monkeypatch.setattr("bulkops.notify.notices.GRACE", 0.05)
    receiver.answer = answer
    done = here("--debug", *world.applying, debug=True)
    assert done.code == 0
    assert world.all_desired()
    assert not [secret for secret in SECRETS if secret in done.out + done.err]


def test_a_gate_gets_none_of_the_variables(world: World, here: Here, receiver: Receiver) -> None:
    """Unless gate_env names them, as for any credential."""
    gate = 'waves = ["1"]\ngate = "env > seen-$BULKOPS_WAVE"\ngate_env = ["WEBHOOK_KEY"]'
    world.job(("[pace]", f"{NOTIFY}[rollout]\n{gate}\n[pace]"))
    assert here(*world.applying).code == 0
    seen = world.folder / "seen-1"
    lines = seen.read_text(encoding="utf-8").splitlines()
    seen.unlink()
    (world.folder / "seen-2").unlink()
    assert f"WEBHOOK_KEY={KEY}" in lines
    assert not [line for line in lines if line.startswith("WEBHOOK=")]
    assert receiver.events == ["started", "finished"]


def test_a_changed_notify_resumes_the_same_journal(
    world: World, here: Here, receiver: Receiver
) -> None:
    """It is no part of the digest; what the job file says now applies."""
    assert here(*world.applying).code == 0
    world.job()
    assert here(*world.applying, WEBHOOK="").code == 0
    assert receiver.events == ["started", "finished"]


def test_an_undo_is_told(world: World, here: Here, receiver: Receiver) -> None:
    """By the [notify] of the job that it undoes."""
    assert here(*world.applying).code == 0
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert receiver.events == ["started", "finished"] * 2
    assert receiver.posts[-1].members["undo_of"]


def test_an_interrupted_job_tells_what_to_run_next(world: World, receiver: Receiver) -> None:
    """A signal stops it: the message has the command that resumes it."""
    world.job(("[pace]", f"{NOTIFY}[pace]\nmax_at_once = 1"))
    done = world.kill(signal.SIGTERM, write=3, stage="after")
    assert done.code == 143
    assert receiver.events == ["started", "stopped"]
    text = str(receiver.posts[-1].members["text"])
    assert "stopped by SIGTERM" in text
    assert "Not finished. `bulkops resume scan.jsonl" in text


def test_the_library_tells_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """A Python program's job has the same [notify]."""
    for name in ("WEBHOOK", "WEBHOOK_KEY"):
        monkeypatch.setenv(name, world.environment[name])

    async def applied() -> Report:
        async with Client(world.address, TOKEN) as client:
            plan = await plan_job(client, load_job(world.folder / "job.toml"))
            return await apply_plan(client, plan, world.journal)

    report = anyio.run(applied)
    assert [one.event for one in report.notifications] == ["started", "finished"]
    assert receiver.events == ["started", "finished"]


def test_each_shard_of_a_fleet_tells_for_itself(tmp_path: Path) -> None:
    """With its name. A missing variable is found before a shard begins; later, it is a warning."""
    with three_organizations(tmp_path) as world, receiving() as receiver:
        world.job(("[pace]", f"{NOTIFY}[pace]"), ('organization = "acme"\n', ""))
        assert world.run(*FLEET_APPLY, WEBHOOK=receiver.url).code == 2
        assert world.requests == 0
        # A plan notifies nobody, and whoever reviews it has no webhook.
        assert world.run("fleet", "plan", "fleet.toml").code == 0
        done = world.run(*FLEET_APPLY, WEBHOOK=receiver.url, WEBHOOK_KEY=KEY)
        assert done.code == 0
        told = len(receiver.posts)
        for command in (FLEET_APPLY, ("fleet", "undo", "fleet.toml", "--yes")):
            begun = world.run(*command, WEBHOOK=receiver.url)
            assert begun.code == 0
            assert begun.err.count("WEBHOOK_KEY is not set") == 1
        assert len(receiver.posts) == told
    shards = {post.members["shard"]: post.members["organization"] for post in receiver.posts}
    assert shards == {name: name for name in NAMES}
    assert sorted(map(str, receiver.events)) == ["finished"] * 3 + ["started"] * 3


def test_a_journal_in_a_bucket_has_ended(
    world: World, here: Here, receiver: Receiver, bucket: TinyS3
) -> None:
    """Also for who looks only at its last objects, which are after its end."""
    world.environment["BULKOPS_JOURNALS"] = "s3://journals/team"
    assert here("apply", "job.toml", "--yes").code == 0
    last = max(key for key in bucket.objects if key.endswith(".jsonl"))
    assert b'"type":"notified"' in bucket.objects[last]
    assert b'"type":"end"' not in bucket.objects[last]
    assert here("journal", "list").lines[-1].endswith("ended: complete")
    assert receiver.events == ["started", "finished"]
