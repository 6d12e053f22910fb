"""HTTP inside a component, through `wasi:http`."""

from __future__ import annotations

from componentize_py_types import Err, Ok  # type: ignore[import-not-found]
from wit_world.imports import http_types, outgoing_handler, streams  # type: ignore[import-not-found]

# What `blocking-write-and-flush` takes at once.
_PIECE = 4096
_READ = 1 << 16


class Failed(Exception):
    """There is no response."""


def send(
    method: str, scheme: str, authority: str, target: str, headers: dict[str, str], body: bytes | None, timeout: float | None
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Sends a request and reads the whole response."""
    try:
        fields = http_types.Fields.from_list([(name, value.encode()) for name, value in headers.items()])
        request = http_types.OutgoingRequest(fields)
        request.set_method(_method(method))
        request.set_scheme(http_types.Scheme_Https() if scheme == "https" else http_types.Scheme_Http())
        request.set_authority(authority)
        request.set_path_with_query(target)
        outgoing = request.body()
        future = outgoing_handler.handle(request, _options(timeout))
        _write(outgoing, body or b"")
        with future.subscribe() as ready:
            ready.block()
        answer = future.get()
        # None only before it is ready; the outer result is an error only when it was taken already.
        inner = answer.value if isinstance(answer, Ok) else answer
        if not isinstance(inner, Ok):
            raise inner
        with inner.value as response:
            received = [(name, bytes(value).decode("latin-1")) for name, value in response.headers().entries()]
            return response.status(), received, _read(response.consume())
    except Err as error:
        raise Failed(_words(error.value)) from None


def _write(outgoing: object, body: bytes) -> None:
    """Writes the body. When the host does not take it, what it answers says why."""
    try:
        if body:
            with outgoing.write() as stream:  # type: ignore[attr-defined]
                for start in range(0, len(body), _PIECE):
                    stream.blocking_write_and_flush(body[start : start + _PIECE])
    except Err:
        outgoing.__exit__(None, None, None)  # type: ignore[attr-defined]
    else:
        http_types.OutgoingBody.finish(outgoing, None)


def _read(body: object) -> bytes:
    pieces = []
    with body, body.stream() as stream:  # type: ignore[attr-defined]
        while True:
            try:
                pieces.append(stream.blocking_read(_READ))
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return b"".join(pieces)
                raise Failed(f"the response broke off: {error.value.value.to_debug_string()}") from None


def _method(method: str) -> object:
    known = getattr(http_types, f"Method_{method.title()}", None)
    return known() if known is not None and method != "OTHER" else http_types.Method_Other(method)


def _options(timeout: float | None) -> object:
    if timeout is None:
        return None
    options = http_types.RequestOptions()
    nanoseconds = max(1, round(timeout * 1e9))
    options.set_connect_timeout(nanoseconds)
    options.set_first_byte_timeout(nanoseconds)
    options.set_between_bytes_timeout(nanoseconds)
    return options


def _words(error: object) -> str:
    """The name of a case in words, with what the host says about it."""
    if error is None:
        return "the request cannot be sent"
    words = type(error).__name__.split("_", 1)[-1]
    text = "".join(f" {c.lower()}" if c.isupper() and index else c.lower() for index, c in enumerate(words))
    detail = getattr(error, "value", None)
    return text if detail is None else f"{text}: {detail}"
