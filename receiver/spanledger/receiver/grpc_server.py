"""OTLP over gRPC: raw bytes in, no message object built, answered once they are stored.

One event loop in a thread of its own (`grpc.aio`). A call that waits costs a coroutine and no thread, so slow clients
cannot use up a pool. With 200 clients of one span each it took 2,900 requests/s where a bare server with a thread per
call took 1,900, and with big requests both do the same (2 cores, the load generator on them, too).

The calls are registered as streaming on our side. On the wire that is the same, but nothing is read of a message until
the key is known to be good, and then for as long as a slow sender may take.
"""

import asyncio
import logging
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NoReturn, Protocol, Self, TypeAlias

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_health.v1.health import aio as health

from spanledger.receiver.bodies import decompress
from spanledger.receiver.contract import Answer, Identity, Refused, Request, Stored, Unavailable
from spanledger.receiver.counters import Counters
from spanledger.receiver.grpc_status import UNEXPECTED, MissingScope, failure
from spanledger.receiver.in_flight import InFlight, Share
from spanledger.receiver.limits import Limits
from spanledger.receiver.signals import SIGNALS, Signal
from spanledger.receiver.tls import Tls

Submit: TypeAlias = Callable[[Request], Future[Answer]]
"""`Intake.submit`, or anything like it."""
Context: TypeAlias = grpc.aio.ServicerContext[Any, bytes]
Call: TypeAlias = Callable[[Any, Context], Awaitable[bytes]]

GZIP_MAGIC: Final = b"\x1f\x8b"
"""How a compressed message is told: gRPC does not show the application its compression flag, and no protobuf message
starts so (0x1f would be a field of wire type 7, which does not exist)."""
INLINE_BYTES_MAX: Final = 4 << 10
"""Compressed messages up to here are inflated where they arrive (in 30 µs, at worst 1 ms), bigger ones in a thread."""
INFLATERS: Final = 2
"""Threads that inflate. Each may hold one whole body, so they bound what compressed messages can cost at a time."""

OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.so_reuseport", 0),  # else a second server shares a taken port instead of failing
    # grpcio inflates a bomb up to the whole limit before it refuses it: 250 ms and 69 MiB each (1.85). We do it.
    ("grpc.per_message_decompression", 0),
    ("grpc.compression_enabled_algorithms_bitset", 0b101),  # none and gzip; deflate is answered UNIMPLEMENTED
    ("grpc.max_concurrent_streams", 1000),  # of one connection; beyond, the client queues
    ("grpc.keepalive_time_ms", 60_000),  # a peer that vanished is noticed in 80 s, not after two hours
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),  # the Collector may ping every 10 s
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_connection_idle_ms", 600_000),  # exporters keep one connection for life and send once a minute
)

log = logging.getLogger(__name__)


class Identifies(Protocol):
    """`Keys`, or anything like it: says who sent these headers, or raises `Unauthenticated`."""

    def identify(self, headers: Mapping[str, str]) -> Identity:
        """Who shows the key in these headers (names in lower case)."""


class GrpcServer:
    """The OTLP/gRPC listener with the gRPC health service. `start` it, read its `port`, `stop` it."""

    def __init__(
        self,
        submit: Submit,
        keys: Identifies,
        limits: Limits,
        host: str = "127.0.0.1",
        port: int = 4317,
        tls: Tls | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.port = port
        self.counters = counters or Counters()
        self._submit = submit
        self._keys = keys
        self._limits = limits
        self._host = host
        self._tls = tls
        self._in_flight = InFlight(limits.in_flight_bytes_max)
        self._inflaters = ThreadPoolExecutor(INFLATERS, "grpc-inflate")
        self._thread: threading.Thread | None = None
        self._grace_s = 0.0

    def start(self) -> Self:
        """Listen; from here on `port` is the real one.

        Raises `OSError`, one sentence, if the address cannot be had, and `ValueError` if a TLS file cannot be used.
        """
        credentials = None if self._tls is None else _credentials(self._tls)
        check_free(self._host, self.port)
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(credentials, started)), name="grpc", daemon=True
        )
        self._thread.start()
        self.port = started.result()
        return self

    def stop(self, grace_s: float = 1.0) -> None:
        """Take no more calls, give those under way `grace_s` to end, and close."""
        if self._thread is None or not self._thread.is_alive():
            return
        self._grace_s = grace_s
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._inflaters.shutdown()

    async def _serve(self, credentials: Any, started: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._answers = _Answers(self._loop)
        options = (
            *OPTIONS,
            ("grpc.max_receive_message_length", self._limits.body_bytes_max),
            ("grpc.max_metadata_size", self._limits.header_bytes_max),
            ("grpc.max_allowed_incoming_connections", self._limits.connections_max),
            ("grpc.server_handshake_timeout_ms", int(self._limits.header_timeout_s * 1000)),
        )
        server = grpc.aio.server(options=options)
        alive = health.HealthServicer()
        handlers = {signal.method: partial(self._export, signal) for signal in SIGNALS}
        server.add_generic_rpc_handlers((_Methods(handlers), _health_handlers(alive)))
        address = address_text(self._host, self.port)
        try:
            if credentials is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, credentials)
            await server.start()
        except RuntimeError as error:  # all that grpcio says of a port it did not get
            started.set_exception(OSError(f"Cannot listen on {address} for gRPC: {error}."))
            return
        started.set_result(port)
        await self._stopping.wait()
        await alive.enter_graceful_shutdown()
        await server.stop(self._grace_s)

    async def _export(self, signal: Signal, _: Any, context: Context) -> bytes:
        answer: Stored | Exception
        try:
            with self._in_flight.share() as share:
                request = await self._receive(signal, context, share)
                answer = await self._answers.of(self._submit(request))
        except Exception as error:  # noqa: BLE001 - `_fail` answers whatever it is
            answer = error
        if isinstance(answer, Stored):
            return bytes(signal.answer(answer).SerializeToString())
        return await _fail(context, answer)

    async def _receive(self, signal: Signal, context: Context, share: Share) -> Request:
        """Who calls, then what they send. Raises the errors of the contract, and counts them."""
        try:
            identity = self._sender(dict(context.invocation_metadata() or ()))
            return Request(await self._read(context, share), identity.tenant, identity.key_id, signal.name)
        except Exception as error:
            self.counters.add(f"refused: {type(error).__name__}")
            raise

    def _sender(self, metadata: Mapping[str, str]) -> Identity:
        identity = self._keys.identify(metadata)
        if "ingest" not in identity.scopes:
            raise MissingScope("The API key may not send: it lacks the scope 'ingest'.")
        return identity

    async def _read(self, context: Context, share: Share) -> bytes:
        timeout_s = self._limits.body_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                message = await context.read()
        except TimeoutError as error:
            raise Unavailable(f"The message did not arrive within {timeout_s:g} s: send it again.") from error
        if not isinstance(message, bytes):  # EOF; where the message was too large grpcio has said so itself
            raise Refused("The call holds no message.")
        share.hold(len(message))
        if not message.startswith(GZIP_MAGIC):
            return message
        if len(message) <= INLINE_BYTES_MAX:
            body = decompress(message, "gzip", self._limits.body_bytes_max)
        else:
            body = await self._loop.run_in_executor(
                self._inflaters, decompress, message, "gzip", self._limits.body_bytes_max
            )
        share.hold(len(body))
        return body


class _Answers:
    """Brings answers from the intake's thread to the event loop, a whole group of them with one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[tuple[Future[Answer], asyncio.Future[Answer]]] = deque()
        self._woken = False

    def of(self, future: Future[Answer]) -> asyncio.Future[Answer]:
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        future.add_done_callback(lambda done: self._arrive(done, waiter))
        return waiter

    def _arrive(self, done: Future[Answer], waiter: asyncio.Future[Answer]) -> None:
        self._arrived.append((done, waiter))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False  # before the queue is emptied: what arrives from here on is seen below or wakes us again
        while self._arrived:
            done, waiter = self._arrived.popleft()
            if waiter.done():  # the client went away; its data is stored all the same
                continue
            error = done.exception()
            if error is None:
                waiter.set_result(done.result())
            else:
                waiter.set_exception(error)


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A table of methods; what is not in it grpcio answers UNIMPLEMENTED."""

    def __init__(self, handlers: Mapping[str, Call]) -> None:
        self._handlers = {name: grpc.stream_unary_rpc_method_handler(call) for name, call in handlers.items()}

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


def check_free(host: str, port: int) -> None:
    """Raise `OSError`, one sentence, if nobody can listen there. grpcio itself would print a page and say little."""
    where = f"Cannot listen on {address_text(host, port)} for gRPC"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise OSError(f"{where}: {(error.strerror or str(error)).lower()}; choose another address.") from error


def address_text(host: str, port: int) -> str:
    """host:port, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _credentials(tls: Tls) -> Any:
    certificate, key, client_ca = tls.pem()
    return grpc.ssl_server_credentials([(key, certificate)], client_ca, require_client_auth=client_ca is not None)


def _health_handlers(alive: Any) -> Any:
    def request(message: bytes) -> Any:  # compressed by clients whose channel compresses everything
        plain = decompress(message, "gzip", INLINE_BYTES_MAX) if message.startswith(GZIP_MAGIC) else message
        return health_pb2.HealthCheckRequest.FromString(plain)

    response = health_pb2.HealthCheckResponse.SerializeToString
    return grpc.method_handlers_generic_handler(
        HEALTH_SERVICE,
        {
            "Check": grpc.unary_unary_rpc_method_handler(alive.Check, request, response),
            "Watch": grpc.unary_stream_rpc_method_handler(alive.Watch, request, response),
        },
    )


async def _fail(context: Context, error: Exception) -> NoReturn:
    failed = failure(error)
    if failed is None:
        log.error("a call could not be answered", exc_info=error)
        failed = UNEXPECTED
    await _abort(context, failed.code, failed.details, failed.trailing_metadata)


async def _abort(
    context: Context, code: grpc.StatusCode, details: str, trailing_metadata: tuple[tuple[str, bytes], ...] = ()
) -> NoReturn:
    await context.abort(code, details, trailing_metadata)
    raise AssertionError("abort ends the call")
