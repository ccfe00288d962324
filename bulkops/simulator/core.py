"""The API's behavior without I/O: takes a request and the time, and returns an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.simulator.access import user_at
from bulkops.simulator.effects import Effect, Stats, counts_by_workspace
from bulkops.simulator.faults import (
    LATE_SECONDS,
    NOTHING,
    Delivery,
    Faults,
    Manner,
    gateway_refusal,
)
from bulkops.simulator.history import History
from bulkops.simulator.limits import RateLimit, RateLimits, Window
from bulkops.simulator.messages import discovery
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.problems import Problem, not_found
from bulkops.simulator.profiles import PROFILES
from bulkops.simulator.routes import run_tasks
from bulkops.simulator.routes.table import Route, match
from bulkops.simulator.setup import Setup
from bulkops.simulator.state import User
from bulkops.simulator.world import World

DuplicateAttach: TypeAlias = Literal["reject", "accept"]

API: Final = "/api/v2"
_DEFAULT_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ANONYMOUS: Final = User.read_only("anonymous")
_JSON_API: Final = f"{MEDIA_TYPE}; charset=utf-8"
_ENCODER: Final = msgspec.json.Encoder()


class Simulator(Setup):
    """One simulated server.

    It is deterministic: its behavior depends only on its arguments, the requests and their times.

    Args:
        seed: determines ids and request ids.
        profile: the server version, a key of ``profiles.PROFILES``.
        rate: the limit per user in requests per second; 0 for no limit and no headers for it.
        window: how the rate is counted.
        other_client: requests per second that another client of each user sends.
        retry_after: whether a 429, and a gateway's 503, has a ``Retry-After``.
        gateway_rate: requests per second, for all users together, that a gateway in front lets
            through; it answers 503 to the rest, and announces the limit in no header. 0 for no
            gateway.
        tokens: token → its user. None accepts every token as a user of its own, which sees every
            organization and has all permissions.
        duplicate_attach: whether attaching a run task again is a 422 or a second attachment.
        lag: seconds by which lists of workspace tasks lag behind the changes of requests.
        epoch: the wall-clock time at monotonic time 0.

    Attributes:
        profile: the server version; like the next two, it can be changed at any time.
        tokens: see the argument.
        duplicate_attach: see the argument.
        effects: the changes that took effect, in order.
        stats: counts of requests and answers.

    Raises:
        KeyError: there is no such profile.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        profile: str = "hcp",
        rate: int = 30,
        window: Window = "fixed",
        other_client: int = 0,
        retry_after: bool = False,
        gateway_rate: int = 0,
        tokens: Mapping[str, User] | None = None,
        duplicate_attach: DuplicateAttach = "reject",
        lag: float = 0.0,
        epoch: datetime = _DEFAULT_EPOCH,
    ) -> None:
        super().__init__(World(seed=seed, epoch=epoch))
        self.profile = PROFILES[profile]
        self.tokens = tokens
        self.duplicate_attach = duplicate_attach
        self.effects: list[Effect] = []
        self.stats = Stats()
        self._seed = seed
        self._retry_after = retry_after
        self._gateway = RateLimit(gateway_rate, "sliding", 0) if gateway_rate else None
        self._users: dict[str, User] = {}
        self._limits = RateLimits(rate, window, other_client)
        self._history = History(lag)
        # In order of arrival, because all are late by the same time.
        self._late: deque[tuple[float, Request, int | None]] = deque()

    def handle(self, request: Request, now: float, *, url_status: int | None = None) -> Response:
        """Answer one request.

        Args:
            request: a request with an ``authorization`` header, and a ``host`` for absolute
                links.
            now: monotonic seconds, never less than in the previous call.
            url_status: the status that the URL of ``url_to_verify`` answered, 0 for no answer;
                None if it was not called.
        """
        # Late requests are handled only now, which no client can distinguish.
        while self._late and self._late[0][0] <= now:
            due, late, status = self._late.popleft()
            self._handle(late, due, status)
        return self._handle(request, now, url_status)

    def _handle(self, request: Request, now: float, url_status: int | None) -> Response:
        if not request.path.startswith(f"{API}/"):
            return self._outside(request)
        self.stats.requests += 1
        if self._gateway is not None and not self._gateway.take(now).allowed:
            self.stats.by_status[503] += 1
            return gateway_refusal(retry_after=self._retry_after)
        headers = self._headers()
        try:
            status, document = self._answer(request, now, headers, url_status)
        except Problem as problem:
            status, document = problem.status, problem.document()
        self.stats.by_status[status] += 1
        if document is None:
            return Response(status, headers)
        headers["content-type"] = _JSON_API
        return Response(status, headers, _ENCODER.encode(document))

    def deliver(
        self,
        request: Request,
        now: float,
        faults: Faults | None = None,
        *,
        url_status: int | None = None,
    ) -> Delivery:
        """Answer one request that a fault may strike (see ``handle``).

        When this returns, the request has had its effect or not. The caller, a socket or a test's
        transport in virtual time, only has to apply the delivery's manner.
        """
        fault = faults.draw(request, now) if faults else None
        if fault is None:
            return Delivery(Manner.WHOLE, self.handle(request, now, url_status=url_status))
        self.stats.faults[fault.kind] += 1
        answer = NOTHING
        if fault.late:
            self._late.append((now + LATE_SECONDS, request, url_status))
        elif fault.effect:
            answer = self.handle(request, now, url_status=url_status)
        else:
            self.stats.requests += 1
        return Delivery(fault.manner, fault.answer or answer)

    def url_to_verify(self, request: Request) -> str | None:
        """Return the URL that the platform calls before it accepts this request, None if none."""
        handler = {"POST": run_tasks.create, "PATCH": run_tasks.update}.get(request.method)
        found = match(request.method, request.path.removeprefix(API)) if handler else None
        if found is None or found[0].handler is not handler:
            return None
        return run_tasks.url_of(request.body)

    def _answer(
        self, request: Request, now: float, headers: dict[str, str], url_status: int | None
    ) -> tuple[int, object]:
        found = match(request.method, request.path[len(API) :].rstrip("/"))
        self.stats.by_route[found[0].name if found else "unknown"] += 1
        # As on the real server, /ping needs no token.
        pings = found is not None and found[0].path == "/ping"
        user = self._user(request) or (_ANONYMOUS if pings else None)
        self._limit(user or _ANONYMOUS, now, headers)
        if user is None:
            raise Problem(401, "Invalid or missing token")
        _check_media_type(request)
        if found is None:
            raise not_found("Page")
        return self._carry_out(found, request, user, now, url_status)

    def _carry_out(
        self,
        found: tuple[Route, tuple[str, ...]],
        request: Request,
        user: User,
        now: float,
        url_status: int | None,
    ) -> tuple[int, object]:
        route, args = found
        effects = len(self.effects)
        document = route.handler(
            Call(
                request=request,
                args=args,
                user=user_at(self.world, user, route.path, args),
                now=now,
                world=self.world,
                profile=self.profile,
                effects=self.effects,
                history=self._history,
                accept_duplicates=self.duplicate_attach == "accept",
                url_status=url_status,
            )
        )
        if len(self.effects) > effects:
            if self.stats.first_write is None:
                self.stats.first_write = now
            self.stats.last_write = now
        return (204 if document is None else route.status), document

    def _user(self, request: Request) -> User | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if self.tokens is not None:
            return self.tokens.get(token)
        if token not in self._users:
            # Numbered in order of appearance, to keep tokens out of effects and statistics.
            self._users[token] = User(name=f"user-{len(self._users) + 1}")
        return self._users[token]

    def _limit(self, user: User, now: float, headers: dict[str, str]) -> None:
        """Count the request, add the limit to ``headers``, and raise a 429 if it is exceeded."""
        if not self._limits.take(user.name, now, headers):
            self.stats.too_many += 1
            if self._retry_after:
                headers["retry-after"] = "1"
            raise Problem(429, "You have exceeded the API's rate limit.")

    def _headers(self) -> dict[str, str]:
        """Return the headers of every API answer."""
        number = f"{self.stats.requests:012x}"
        headers = {
            "tfp-api-version": "2.6",
            "tfp-appname": self.profile.app_name,
            "x-request-id": f"{self._seed & 0xFFFFFFFF:08x}-0000-4000-8000-{number}",
        }
        if self.profile.tfe_version is not None:
            headers["x-tfe-version"] = self.profile.tfe_version
        return headers

    def _outside(self, request: Request) -> Response:
        """Answer a request outside the API: discovery and the control endpoints."""
        match request.path:
            case "/.well-known/terraform.json":
                document: object = discovery.services(self.profile)
            case discovery.GPG_KEYS:
                document = discovery.NO_GPG_KEYS
            case "/_simulator/effects":
                document = {
                    "effects": self.effects,
                    "by-workspace": counts_by_workspace(self.effects),
                }
            case "/_simulator/stats":
                document = self.stats
            case _:
                return Response(404, {"content-type": "text/plain"}, b"Not found\n")
        return Response(200, {"content-type": "application/json"}, _ENCODER.encode(document))


def _check_media_type(request: Request) -> None:
    """Raise a 415 if the media type is wrong, or missing on a method other than GET."""
    media_type = request.headers.get("content-type")
    if media_type is None and request.method == "GET":
        return
    if media_type is None or media_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Problem(415, f"The request's Content-Type must be {MEDIA_TYPE}")
