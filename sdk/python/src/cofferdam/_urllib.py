"""HTTP outside of a component."""

from __future__ import annotations

import urllib.error
import urllib.request


class Failed(Exception):
    """There is no response."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    # As in a component, where a redirect is an answer like others.
    def redirect_request(self, *_: object) -> None:
        return None


def send(
    method: str, scheme: str, authority: str, target: str, headers: dict[str, str], body: bytes | None, timeout: float | None
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Sends a request and reads the whole response."""
    request = urllib.request.Request(f"{scheme}://{authority}{target}", data=body, headers=headers, method=method)
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout or 60) as response:
            return response.status, list(response.headers.items()), response.read()
    except urllib.error.HTTPError as error:
        return error.code, list(error.headers.items()), error.read()
    except OSError as error:
        raise Failed(str(getattr(error, "reason", error))) from None
