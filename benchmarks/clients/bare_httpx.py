"""A loop on httpx: no journal, no pacing, no retries; answers are read and discarded."""

from __future__ import annotations

import httpx

from benchmarks.clients import AT_ONCE, HEADERS, Cost, main, sent
from bulkops.api.messages import Request
from bulkops.plan.model import Plan


async def send_all(address: str, plan: Plan, at_once: int = AT_ONCE) -> Cost:
    """Send the same requests as the engine."""
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(limits=limits, headers=HEADERS, trust_env=False) as session:

        async def send(request: Request) -> int:
            answer = await session.request(
                request.method, address + request.path, content=request.body
            )
            return answer.status_code

        return await sent(send, plan, at_once)


if __name__ == "__main__":
    main(send_all)
