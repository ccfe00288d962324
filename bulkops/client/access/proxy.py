"""Through which proxy a server is reached."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL


def proxy_for(address: str) -> URL | None:
    """Return the proxy the environment names for ``address`` (HTTPS_PROXY, NO_PROXY, …)."""
    parts = urlsplit(address)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return URL(proxy if "://" in proxy else f"http://{proxy}")
