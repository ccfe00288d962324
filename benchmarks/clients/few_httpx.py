"""The loop on httpx with four concurrent requests, where it is fastest.

Its pool gets slower with more (measured): 375 writes per second at 4, 295 at 8, 160 at 16, 75 at
64.
"""

from __future__ import annotations

from functools import partial

from benchmarks.clients import main
from benchmarks.clients.bare_httpx import send_all

if __name__ == "__main__":
    main(partial(send_all, at_once=4))
