"""Bad spans and messages: a clear answer in OTLP's terms, the good spans beside them stored, the service goes on."""

import json
from collections.abc import Iterator

import pytest
from google.rpc import status_pb2

from tests.attacked import CLIENTS, INVALID, OK, VICTIMS, Target, in_parallel, places, under_attack
from tests.hostile_spans import (
    ACCEPTED,
    BROKEN_UTF8,
    HUGE_COUNTS,
    PLACEHOLDER,
    REFUSED,
    TOKENS,
    AnyValue,
    bottomless,
    broken_utf8,
    json_of,
    middle,
    tokens,
)
from tests.mutation import mutated
from tests.otlp_client import JSON, PROTOBUF, GrpcClient, HttpClient

MUTATED_GRPC = 8_000
MUTATED_HTTP = 2_000
MUTATED_JSON = 1_000


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with under_attack(tmp_path_factory.mktemp("hostile")) as attacked:
        yield attacked


@pytest.fixture(autouse=True)
def service_goes_on(target: Target) -> Iterator[None]:
    yield
    target.check()


@pytest.mark.parametrize(("damage", "words"), REFUSED.values(), ids=REFUSED)
def test_a_span_that_cannot_be_stored_is_rejected_with_the_reason_and_its_neighbours_are_stored(target, damage, words):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), damage))
    assert answer.code is OK, answer
    assert answer.rejected_spans == 1
    assert words in answer.reason
    trace_ids = [span["trace_id"] for span in VICTIMS.ids([victim]).to_pylist()]
    assert target.count([trace_ids[0], trace_ids[2]]) == 2
    assert set(places(target.stored(victim))) <= {0, 1, 2}


@pytest.mark.parametrize("damage", ACCEPTED.values(), ids=ACCEPTED)
def test_an_odd_span_is_still_a_call(target, damage):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), damage))
    assert answer.code is OK, answer
    assert answer.rejected_spans == 0, answer
    assert places(target.stored(victim)) == [0, 1, 2]


@pytest.mark.parametrize(("value", "expected"), TOKENS.values(), ids=TOKENS)
def test_a_token_count_is_read_leniently_or_is_unknown_but_never_wrong(target, value, expected):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), tokens(value)))
    assert answer.code is OK, answer
    calls = target.stored(victim)
    assert places(calls) == [0, 1, 2]
    assert calls[1]["input_tokens"] == expected


@pytest.mark.parametrize("count", HUGE_COUNTS)
def test_a_huge_token_count_never_stops_the_request_and_never_costs_a_wrong_amount(target, count):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), tokens(AnyValue(int_value=count))))
    assert answer.code is OK, answer
    calls = target.stored(victim)
    assert places(calls) == [0, 1, 2]
    assert calls[1]["input_tokens"] in (count, str(count), None)
    if calls[1]["cost_usd"] is None:
        assert calls[1]["price_status"] != "priced"
    else:
        assert 0 < float(calls[1]["cost_usd"]) < 1_000_000


@pytest.mark.parametrize("damage", [damage for _, damage in broken_utf8()], ids=[place for place, _ in broken_utf8()])
def test_text_that_is_no_utf8_does_not_cost_anybody_a_call(target, damage):
    victim = next(target.victims)
    body = middle(VICTIMS.request(victim), damage).replace(PLACEHOLDER.encode(), BROKEN_UTF8)
    assert target.grpc.export(body).code is OK
    assert places(target.stored(victim)) == [0, 1, 2]


def test_a_span_twice_in_one_request_is_one_call(target):
    victim = next(target.victims)
    body = VICTIMS.request(victim)
    answer = target.grpc.export(body + body)  # concatenated messages are one message, in protobuf
    assert answer.code is OK, answer
    assert places(target.stored(victim)) == [0, 1, 2]


@pytest.mark.parametrize(
    "body",
    [b"", b"\x0a\x00", b"\x0a\x02\x12\x00", b"\x0a\x04\x12\x02\x12\x00", b"\x10\x07"],
    ids=["nothing", "an empty resource", "an empty scope", "an empty span", "an unknown field"],
)
def test_a_request_without_a_real_span_is_taken(target, body):
    answer = target.grpc.export(body)
    assert answer.code is OK, answer
    assert target.http.export(body).status == 200


@pytest.mark.parametrize(
    "length", [b"\xff" * 9 + b"\x01", b"\xff" * 8 + b"\x7f", b"\xff\xff\xff\xff\x0f", b"\x80" * 11]
)
def test_a_length_beyond_all_memory_is_called_invalid(target, length):
    assert target.grpc.export(b"\x0a" + length).code is INVALID
    assert target.http.export(b"\x0a" + length).status == 400


@pytest.mark.parametrize("levels", [40, 48, 100, 3_000])
def test_values_nested_without_end_get_an_answer(target, levels):
    assert target.grpc.export(bottomless(levels)).code in (OK, INVALID)
    assert target.http.export(bottomless(levels)).status in (200, 400)


def test_ten_thousand_mutated_messages_are_each_taken_or_called_invalid(target):
    valid = [VICTIMS.request(10_000 + number) for number in range(20)] + [b"\x0a\x00"]

    def over_grpc(client: int):
        with GrpcClient(target.server.target) as connection:
            for seed in range(client, MUTATED_GRPC, CLIENTS):
                answer = connection.export(mutated(seed, valid))
                assert answer.code in (OK, INVALID), f"seed {seed}: {answer}"
                assert answer.code is OK or answer.details, f"seed {seed}: {answer}"
                if seed % 500 == 0:
                    target.check()

    def over_http(client: int):
        with HttpClient(target.server) as connection:
            for seed in range(MUTATED_GRPC + client, MUTATED_GRPC + MUTATED_HTTP, CLIENTS):
                answer = connection.export(mutated(seed, valid))
                assert answer.status in (200, 400), f"seed {seed}: {answer}"
                assert answer.headers["content-type"] == PROTOBUF
                if answer.status == 400:
                    assert status_pb2.Status.FromString(answer.body).message, f"seed {seed}"

    in_parallel(over_grpc)
    in_parallel(over_http)


def test_mutated_json_is_each_taken_or_called_invalid(target):
    valid = [json_of(VICTIMS.request(20_000 + number)) for number in range(5)]

    def over_http(client: int):
        with HttpClient(target.server) as connection:
            for seed in range(client, MUTATED_JSON, CLIENTS):
                answer = connection.export(mutated(seed, valid), JSON)
                assert answer.status in (200, 400), f"seed {seed}: {answer}"
                assert answer.headers["content-type"] == JSON
                assert answer.status == 200 or json.loads(answer.body)["message"], f"seed {seed}"

    in_parallel(over_http)


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"resourceSpans"',
        b"7",
        b"{",
        b"\xff\xfe{}",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [7]}',
        b'{"resourceSpans": [{"scopeSpans": "none"}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 12}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "not hexadecimal"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "yesterday"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": 99999999999999999999999}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": {"a": 1}}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"key": "a", "value": 1}]}]}]}]}',
        b"[" * 100_000,
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":'
        + b'{"arrayValue":{"values":[' * 5_000
        + b"]}}" * 5_000
        + b"}]}]}]}]}",
    ],
    ids=lambda body: body[:70].decode("latin-1"),
)
def test_json_of_the_wrong_shape_is_refused_in_json_with_a_reason(target, body):
    answer = target.http.export(body, JSON)
    assert answer.status == 400, answer
    assert answer.headers["content-type"] == JSON
    assert json.loads(answer.body)["message"]


def test_one_request_that_cannot_be_read_does_not_spoil_those_beside_it(target):
    before = [next(target.victims) for _ in range(CLIENTS * 3)]

    def over_grpc(client: int):
        with GrpcClient(target.server.target) as connection:
            for victim in before[client::CLIENTS]:
                assert connection.export(b"\xff" * 50).code is INVALID
                assert connection.export(VICTIMS.request(victim)).code is OK

    in_parallel(over_grpc)
    ids = VICTIMS.ids(before).column("trace_id").to_pylist()
    assert target.count(ids) == len(ids)


def test_every_good_request_in_between_is_stored_exactly_once(target):
    for damage in (*(damage for damage, _ in REFUSED.values()), *ACCEPTED.values()):
        assert target.grpc.export(middle(VICTIMS.request(next(target.victims)), damage)).code is OK
        assert target.grpc.export(b"\xff" * 50).code is INVALID
        target.check()
    assert len(target.taken) >= len(REFUSED) + len(ACCEPTED)
    target.check_stored()
