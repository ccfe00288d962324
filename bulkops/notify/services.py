"""Other services, through Apprise, which the extra ``bulkops[notify]`` installs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

from bulkops.errors import JobError
from bulkops.notify.attempt import DELIVERED, Attempt
from bulkops.notify.environment import Unavailable
from bulkops.notify.message import Message

if TYPE_CHECKING:
    from apprise import Apprise


class Service:
    """One service of Apprise.

    Attributes:
        name: see ``Receiver``.
    """

    def __init__(self, name: str, apprise: Apprise) -> None:
        self.name = name
        self._apprise = apprise

    async def attempt(self, message: Message) -> Attempt:
        """See ``Receiver``."""
        delivered = await _in_daemon_thread(lambda: bool(self._apprise.notify(body=message.text)))
        return DELIVERED if delivered else Attempt("Apprise could not deliver it", again=True)


def services_of(variable: str, urls: str, place: str) -> list[Service]:
    """Return the services of Apprise URLs, each of which is delivered to by itself.

    Args:
        variable: the environment variable that holds the URLs.
        place: where a job file names it, for error messages.

    Raises:
        Unavailable: Apprise is not installed.
        JobError: one of them is not a URL that it knows.
    """
    try:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise Unavailable(
            f"{place}: Apprise is not installed. Install it with `pip install 'bulkops[notify]'`",
            "Apprise is not installed",
            "Install bulkops[notify]",
        ) from None
    # What it logs contains parts of the URLs, which are secrets.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    # In another mode it would start threads that outlive the command.
    asset = AppriseAsset(async_mode=False)
    every = Apprise(asset=asset)
    if not every.add(urls) or not len(every):
        raise JobError(
            f"{place}: it does not hold Apprise URLs such as mailto://… (one or more, separated by "
            "spaces or commas; `apprise --details` lists the services)"
        )
    services = []
    for number, service in enumerate(every, 1):
        one = Apprise(asset=asset)
        one.add(service)
        name = f"{variable}, URL {number}" if len(every) > 1 else variable
        services.append(Service(name, one))
    return services


async def _in_daemon_thread(call: Callable[[], bool]) -> bool:
    """Return the result of a blocking call, False if it raises.

    A pool's thread would keep the process from ending while a service hangs.
    """
    loop = asyncio.get_running_loop()
    result = loop.create_future()

    def conclude(value: bool) -> None:  # noqa: FBT001 - a callback
        if not result.done():
            result.set_result(value)

    def run() -> None:
        try:
            value = call()
        except Exception:  # noqa: BLE001 - of any plugin
            value = False
        try:
            loop.call_soon_threadsafe(conclude, value)
        except RuntimeError:
            # The job has ended without waiting.
            return

    Thread(target=run, name="apprise", daemon=True).start()
    return bool(await result)
