"""A loop on aiohttp: no journal, no pacing, no retries; answers are read and discarded."""

from __future__ import annotations

import aiohttp

from benchmarks.clients import HEADERS, Cost, main, sent
from bulkops.api.messages import Request
from bulkops.plan.model import Plan


async def send_all(address: str, plan: Plan) -> Cost:
    """Send the same requests as the engine."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers=HEADERS
    ) as session:

        async def send(request: Request) -> int:
            async with session.request(
                request.method, address + request.path, data=request.body
            ) as answer:
                await answer.read()
                return answer.status

        return await sent(send, plan)


if __name__ == "__main__":
    main(send_all)
