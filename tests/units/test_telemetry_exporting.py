"""What leaves for a collector: counts, times, and the traces that belong together; a collector that is away stops
nobody."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode, TraceFlags, TraceState

from broker import telemetry
from broker.sealing.entropy import system_entropy
from broker.telemetry import LINKS_MAX, Count, Duration, Gauge, Span, Unlisted, exporting
from broker.telemetry.exporting import Collected, collected, start_exporting, stop
from broker.telemetry.spans import trace_with
from tests.personas import PEOPLE, canaries_in

NAME = f"{PEOPLE[0].given} {PEOPLE[0].family}"
ENDS_WITHIN_S = 60
"""What has not ended by then never will."""


@pytest.fixture
def found() -> Iterator[Collected]:
    with collected() as everything:
        yield everything


def points(found: Collected) -> dict[str, Any]:
    """What was measured: the points by the metric's name."""
    (resource,) = json.loads(found.metrics())["resource_metrics"]
    return {one["name"]: one["data"]["data_points"] for scope in resource["scope_metrics"] for one in scope["metrics"]}


# --- spans ------------------------------------------------------------------------------------------------------------


def test_a_span_says_how_much_and_how_long(found: Collected) -> None:
    with telemetry.span(Span.LANE_TURN, records=3) as working:
        working.add(letters=7)

    (span,) = found.spans
    assert (span.name, dict(span.attributes or {})) == ("lane.turn", {"records": 3, "letters": 7})
    assert span.status.status_code is StatusCode.UNSET


def test_what_is_idle_makes_no_span(found: Collected) -> None:
    with telemetry.span(Span.LANE_TURN, when=False, records=0) as working:
        working.add(letters=0)
        working.link([telemetry.fresh_traceparent(system_entropy)])

    assert found.spans == ()


def test_of_an_exception_a_span_says_the_class_and_nothing_that_it_holds(found: Collected) -> None:
    def fail(person: str) -> None:
        with telemetry.span(Span.INBOX_HEAR, items=1):
            raise LookupError(person) from ValueError(person)

    with pytest.raises(LookupError):
        fail(NAME)

    (span,) = found.spans
    assert dict(span.attributes or {}) == {"items": 1, "error.type": "LookupError"}
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert canaries_in(span.to_json().encode()) == []


def test_the_last_gate_is_not_needed_for_a_span_of_ours() -> None:
    left = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(left))

    def fail(person: str) -> None:
        with telemetry.span(Span.INBOX_HEAR, items=1):
            raise LookupError(person)

    trace_with(provider.get_tracer("ungated"))
    with pytest.raises(LookupError):
        fail(NAME)
    stop()

    (span,) = left.get_finished_spans()
    assert (span.status.status_code, span.status.description, len(span.events)) == (StatusCode.ERROR, None, 0)


def test_an_attribute_that_is_not_listed_is_refused_later_too(found: Collected) -> None:
    with telemetry.span(Span.LANE_TURN) as working, pytest.raises(Unlisted, match="desk"):
        working.add(desk="elm-ward-housing")


def test_a_batch_links_to_the_traces_of_its_notifications_and_to_not_too_many(found: Collected) -> None:
    traces = [telemetry.fresh_traceparent(system_entropy) for _ in range(LINKS_MAX + 1)]
    with telemetry.span(Span.LANE_TURN) as working:
        working.link([None, "00-of-no-trace", *traces])

    (span,) = found.spans
    linked = [f"00-{link.context.trace_id:032x}-{link.context.span_id:016x}-01" for link in span.links]
    assert linked == traces[:LINKS_MAX]
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" not in "".join(traces)


@pytest.mark.parametrize("inside", [Span.LANE_TURN, Span.REQUEST_SERVE, Span.ADAPTER_ROUND])
def test_a_turn_a_request_and_a_round_are_nobodys_children(inside: Span, found: Collected) -> None:
    """A lane's task begins in whatever its hub was started in, and would be its child for ever."""
    with telemetry.span(Span.REQUEST_SERVE), telemetry.span(inside):
        pass

    assert [span.parent for span in found.spans] == [None, None]


def test_what_an_adapter_does_in_a_round_belongs_to_the_round(found: Collected) -> None:
    with telemetry.span(Span.ADAPTER_ROUND), telemetry.span(Span.OUTBOX_FLUSH):
        pass

    flush, whole = found.spans
    assert flush.parent is not None
    assert whole.context is not None
    assert flush.parent.span_id == whole.context.span_id


def test_whoever_asks_by_a_method_of_their_own_invention_is_not_quoted(found: Collected) -> None:
    with telemetry.span(Span.REQUEST_SERVE, method="ZED", route="/inbox/{mailbox}", status=405):
        telemetry.request_served("ZED", "/inbox/{mailbox}", 405, 0.02)

    told = {"http.route": "/inbox/{mailbox}", "http.request.method": "OTHER", "http.response.status_code": 405}
    assert dict(found.spans[0].attributes or {}) == told
    assert points(found)["request.served"][0]["attributes"] == told
    assert points(found)["request.lasted"][0]["attributes"] == told


def test_of_a_librarys_span_only_what_is_listed_leaves(found: Collected) -> None:
    tracer = found.providers.tracing.get_tracer(NAME, attributes={"person": NAME})
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("person", "zed")]))
    with tracer.start_as_current_span(f"inbox.{NAME} receive") as span:
        span.set_attributes({"messaging.kafka.message.key": NAME, "records": 2, "letters": NAME, "items": [NAME]})
        span.add_link(context, {"person": NAME})
        span.add_event(NAME, {"person": NAME})
        span.record_exception(KeyError(NAME))
        span.set_status(StatusCode.ERROR, NAME)

    (left,) = found.spans
    assert (left.name, dict(left.attributes or {}), left.events) == ("library.work", {"records": 2}, ())
    assert left.status.status_code is StatusCode.ERROR
    assert [(link.context.trace_id, link.context.span_id) for link in left.links] == [(1, 2)]
    assert [(dict(link.attributes or {}), len(link.context.trace_state)) for link in left.links] == [({}, 0)]
    assert (
        canaries_in(repr(vars(left)).encode() + left.to_json().encode() + repr(left.instrumentation_scope).encode())
        == []
    )


def test_a_library_that_is_handed_nothing_exports_nothing(found: Collected) -> None:
    with trace.get_tracer("library").start_as_current_span("of its own"):
        pass

    assert found.spans == ()


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_metrics_are_totals_levels_and_times(found: Collected) -> None:
    telemetry.count(Count.LETTER_DELIVERED, 3)
    telemetry.count(Count.LETTER_DELIVERED, 2)
    telemetry.gauge(Gauge.LETTERS_PENDING, 9)
    telemetry.gauge(Gauge.LETTERS_PENDING, 4)
    with pytest.raises(OSError, match="full"), telemetry.timed(Duration.COMMIT_LASTED):
        raise OSError("full")

    measured = points(found)
    assert [point["value"] for point in measured["letter.delivered"]] == [5]
    assert [point["value"] for point in measured["letter.pending"]] == [4]
    assert [point["count"] for point in measured["commit.lasted"]] == [1]
    assert measured["commit.lasted"][0]["explicit_bounds"][-1] == 60.0


def test_a_label_that_got_in_is_taken_away_before_it_leaves(found: Collected) -> None:
    counter = found.providers.measuring.get_meter("library").create_counter("of.its.own")
    with telemetry.span(Span.LANE_TURN):  # a measurement inside a span would be kept as an example, label and all
        counter.add(1, {"person": NAME, "http.route": "/inbox/{mailbox}"})

    (point,) = points(found)["of.its.own"]
    assert (point["attributes"], point["exemplars"]) == ({"http.route": "/inbox/{mailbox}"}, [])
    assert canaries_in(found.metrics().encode()) == []


# --- a collector ------------------------------------------------------------------------------------------------------


class _Collector(BaseHTTPRequestHandler):
    """Takes what is exported."""

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()  # type: ignore[attr-defined]
        self.server.let_go.wait()  # type: ignore[attr-defined]
        self.server.taken.append((self.path, data))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Taking(NamedTuple):
    """A collector at work."""

    address: str
    taken: list[tuple[str, bytes]]
    """What it has taken so far, and where."""
    asked: threading.Event
    """It was asked to take something."""
    let_go: threading.Event
    """From now on it answers."""


@contextmanager
def collector(*, answers_at_once: bool = True) -> Iterator[Taking]:
    """A collector, until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        taking = Taking(f"http://127.0.0.1:{server.server_port}", [], threading.Event(), threading.Event())
        server.taken, server.asked, server.let_go = taking[1:]  # type: ignore[attr-defined]
        if answers_at_once:
            taking.let_go.set()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield taking
        finally:
            taking.let_go.set()
            server.shutdown()
            thread.join()


def test_a_collector_gets_spans_and_metrics_when_we_stop_at_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"person={NAME}")
    traceparent = telemetry.fresh_traceparent(system_entropy)
    with collector() as (address, taken, _, _):
        start_exporting(address + "/", "tellwise-hub", "hub.invented.example")
        with telemetry.span(Span.LANE_TURN, records=1) as working:
            working.link([traceparent])
        telemetry.count(Count.NOTIFICATION_ACCEPTED)
        stop()

    traces = ExportTraceServiceRequest.FromString(b"".join(data for path, data in taken if path == "/v1/traces"))
    metrics = ExportMetricsServiceRequest.FromString(b"".join(data for path, data in taken if path == "/v1/metrics"))
    assert len(taken) == 2
    (span,) = traces.resource_spans[0].scope_spans[0].spans
    assert (span.name, [link.trace_id.hex() for link in span.links]) == ("lane.turn", [traceparent.split("-")[1]])
    assert [metric.name for metric in metrics.resource_metrics[0].scope_metrics[0].metrics] == ["notification.accepted"]
    assert {pair.key for pair in traces.resource_spans[0].resource.attributes} == {
        "service.name",
        "service.instance.id",
    }
    assert canaries_in(b"".join(data for _, data in taken)) == []


def test_after_stop_nothing_is_exported() -> None:
    with collector() as (address, taken, _, _):
        start_exporting(address, "tellwise-hub", "hub.invented.example")
        stop()
        with telemetry.span(Span.LANE_TURN, records=1):
            telemetry.count(Count.NOTIFICATION_ACCEPTED)
        stop()

    assert [path for path, _ in taken if path == "/v1/traces"] == []


def test_a_hub_without_a_collector_exports_nothing_and_works_the_same() -> None:
    start_exporting(None, "tellwise-hub", "hub.invented.example")
    with telemetry.span(Span.LANE_TURN, records=1) as working:
        working.link([telemetry.fresh_traceparent(system_entropy)])
        telemetry.count(Count.NOTIFICATION_ACCEPTED)
    stop()


def test_a_person_is_no_instance() -> None:
    with pytest.raises(Unlisted, match=r"service\.instance\.id"):
        start_exporting("http://127.0.0.1:9", "tellwise-hub", NAME)


def many_turns() -> None:
    for _ in range(4_000):  # more than are kept and under way
        with telemetry.span(Span.LANE_TURN, records=1):
            telemetry.count(Count.NOTIFICATION_ACCEPTED)


def test_a_collector_that_does_not_answer_holds_up_no_turn_and_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_EXPORT_LONGEST_S", 600.0)  # whoever waited for it would wait until we let go
    monkeypatch.setattr(exporting, "_STOP_LONGEST_S", 0.1)
    with collector(answers_at_once=False) as (address, _, asked, let_go):
        start_exporting(address, "tellwise-hub", "hub.invented.example")
        turns = ended(many_turns)
        assert asked.wait(ENDS_WITHIN_S)
        stopped = ended(stop)
        last = [thread for thread in threading.enumerate() if thread.name == "last-telemetry"]
        let_go.set()

        assert (turns, stopped, len(last)) == (True, True, 1)
        last[0].join(ENDS_WITHIN_S)
        assert not last[0].is_alive()


def test_a_collector_that_is_not_there_holds_up_no_turn_and_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_EXPORT_LONGEST_S", 0.1)  # for each turn, if they waited
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        start_exporting(f"http://127.0.0.1:{nobody.getsockname()[1]}", "tellwise-hub", "hub.invented.example")

        assert ended(many_turns)
        assert ended(stop)
        for thread in threading.enumerate():
            if thread.name == "last-telemetry":  # nothing of it goes on under whatever test comes next
                thread.join(ENDS_WITHIN_S)
                assert not thread.is_alive()


def ended(do: Callable[[], None]) -> bool:
    """Whether it comes to an end."""
    doing = threading.Thread(target=do, daemon=True)
    doing.start()
    doing.join(ENDS_WITHIN_S)
    return not doing.is_alive()
