"""Token Trackr's doors: one call for each event, however often it comes, and every fault by its event and field."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.doors_serving import CANARY, Doors, serving_doors

EVENT: dict[str, Any] = {
    "tenant_id": "acme", "provider": "bedrock", "model": "anthropic.claude-sonnet-4-20250514-v1:0",
    "prompt_tokens": 1000, "completion_tokens": 200, "timestamp": "2026-03-01T10:00:02.5Z", "latency_ms": 1500,
    "host": {
        "hostname": "api-7", "cloud_provider": "aws", "instance_id": "i-0abc",
        "k8s": {"pod": "api-7-x", "namespace": "prod", "node": "n1"},
    },
    "metadata": {"user_id": "ada", "session_id": "s-1", "project": "shop", "prompt": CANARY},
}  # fmt: skip


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Doors]]:
    with serving_doors(tmp_path) as start:
        yield start


@pytest.fixture
def served(start: Callable[..., Doors]) -> Doors:
    return start()


def tokens(served: Doors) -> list[int]:
    return [row["input_tokens"] for row in served.rows()]


def test_an_event_is_a_call_priced_as_of_its_day(served: Doors) -> None:
    assert served.post("/usage", EVENT).status_code == 201
    (row,) = served.rows()
    assert (row["started_at"], row["ended_at"]) == (
        datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC), datetime(2026, 3, 1, 10, 0, 2, 500_000, tzinfo=UTC)
    )  # fmt: skip
    assert (row["provider"], row["response_model"], row["service_name"]) == (
        "aws.bedrock", EVENT["model"], "token-trackr"
    )  # fmt: skip
    assert (row["input_tokens"], row["output_tokens"], row["operation"]) == (1000, 200, "chat")
    assert (row["cost_usd"], row["price_status"]) == (Decimal("0.006"), "priced")
    assert (row["user_id"], row["session_id"], row["project"]) == ("ada", "s-1", "shop")
    assert (row["machine"], row["host_name"], row["cloud_provider"], row["instance_id"]) == (
        "api-7", "api-7", "aws", "i-0abc"
    )  # fmt: skip
    assert (row["k8s_namespace"], row["k8s_pod"]) == ("prod", "api-7-x")


def test_nothing_that_was_said_to_the_model_is_stored(served: Doors) -> None:
    event = EVENT | {"prompt": CANARY, "host": {"note": CANARY}, CANARY: 1}
    assert served.post("/usage", event).status_code == 201
    assert CANARY not in served.everything()


def test_the_answer_says_what_was_stored(served: Doors) -> None:
    said = served.post("/usage", EVENT).json()
    assert said.pop("id").count("-") == 4
    assert said == {
        "tenant_id": "acme", "provider": "bedrock", "model": EVENT["model"], "total_tokens": 1200,
        "calculated_cost": "NaN", "timestamp": "2026-03-01T10:00:02.500000Z",
    }  # fmt: skip


def test_the_sdk_can_read_the_answer(served: Doors) -> None:
    """It wants a number for the cost; after null it would take the answer for a failure and send all of it again."""

    class Answer(BaseModel):
        id: str
        total_tokens: int
        calculated_cost: float
        timestamp: datetime

    read = Answer.model_validate(served.post("/usage", EVENT).json())
    assert read.calculated_cost != read.calculated_cost
    assert read.timestamp == datetime(2026, 3, 1, 10, 0, 2, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(("said", "stored"), [
    ("bedrock", "aws.bedrock"), ("azure_openai", "azure.ai.openai"), ("gemini", "gcp.gemini"), ("openai", "openai"),
    ("acme-models", "acme-models"),
])  # fmt: skip
def test_its_names_for_providers_are_put_into_the_conventions(served: Doors, said: str, stored: str) -> None:
    assert served.post("/usage", EVENT | {"provider": said}).json()["provider"] == said
    assert [row["provider"] for row in served.rows()] == [stored]


@pytest.mark.parametrize("timestamp", ["2026-03-01T10:00:02.5", "2026-03-01T11:00:02.5+01:00", 1772359202.5])
def test_a_time_without_a_zone_is_utc(served: Doors, timestamp: object) -> None:
    assert served.post("/usage", EVENT | {"timestamp": timestamp}).json()["timestamp"] == "2026-03-01T10:00:02.500000Z"


def test_an_event_needs_no_more_than_the_required_fields(served: Doors) -> None:
    event = {name: EVENT[name] for name in list(EVENT)[:6]} | {"host": None, "metadata": None, "latency_ms": None}
    assert served.post("/usage", event).status_code == 201
    (row,) = served.rows()
    assert row["started_at"] == row["ended_at"]
    assert (row["machine"], row["session_id"]) == (None, None)


# Batches


def test_a_batch_is_answered_event_by_event(served: Doors) -> None:
    hosts = [EVENT | {"prompt_tokens": number, "host": {"hostname": f"api-{number % 2}"}} for number in range(5)]
    response = served.post("/usage/batch", hosts)
    assert response.status_code == 201
    assert [one["total_tokens"] for one in response.json()] == [200, 201, 202, 203, 204]
    assert [(row["input_tokens"], row["machine"]) for row in served.rows()] == [
        (0, "api-0"), (1, "api-1"), (2, "api-0"), (3, "api-1"), (4, "api-0")
    ]  # fmt: skip


def test_a_batch_may_have_1000_events(served: Doors) -> None:
    events = [EVENT | {"prompt_tokens": number} for number in range(1001)]
    refused = served.post("/usage/batch", events)
    assert (refused.status_code, refused.json()) == (
        400, {"error": "The batch has 1001 events, and may have 1000: send several."}
    )  # fmt: skip
    assert len(served.post("/usage/batch", events[:1000]).json()) == 1000
    assert len(served.rows()) == 1000


def test_of_a_batch_with_a_fault_nothing_is_taken(served: Doors) -> None:
    refused = served.post("/usage/batch", [EVENT, EVENT | {"prompt_tokens": -1}])
    assert (refused.status_code, refused.json()) == (
        400, {"error": "Event 2: prompt_tokens must be a whole number from 0 to 1,000,000,000,000."}
    )  # fmt: skip
    assert served.rows() == []


@pytest.mark.parametrize(("fault", "message"), [
    ({"tenant_id": None}, "tenant_id must be a text of 1 to 255 characters."),
    ({"tenant_id": " "}, "tenant_id must be a text of 1 to 255 characters."),
    ({"provider": ["bedrock"]}, "provider must be a text of 1 to 255 characters."),
    ({"model": "m" * 256}, "model must be a text of 1 to 255 characters."),
    ({"model": 3}, "model must be a text of 1 to 255 characters."),
    ({"prompt_tokens": "many"}, "prompt_tokens must be a whole number from 0 to 1,000,000,000,000."),
    ({"prompt_tokens": True}, "prompt_tokens must be a whole number from 0 to 1,000,000,000,000."),
    ({"completion_tokens": 10**13}, "completion_tokens must be a whole number from 0 to 1,000,000,000,000."),
    ({"completion_tokens": None}, "completion_tokens must be a whole number from 0 to 1,000,000,000,000."),
    ({"timestamp": "yesterday"}, "timestamp must be a time, such as 2026-01-31T12:34:56Z."),
    ({"timestamp": {}}, "timestamp must be a time, such as 2026-01-31T12:34:56Z."),
    ({"timestamp": "1970-01-02T00:00:00Z"}, "timestamp 1970-01-02T00:00:00Z is not between the years 2000 and 2100."),
])  # fmt: skip
def test_a_fault_is_named_by_its_field(served: Doors, fault: dict[str, object], message: str) -> None:
    for path, body, where in (("/usage", EVENT | fault, ""), ("/usage/batch", [EVENT | fault], "Event 1: ")):
        refused = served.post(path, body)
        assert (refused.status_code, refused.json()) == (400, {"error": where + message})
    assert served.rows() == []


def test_what_is_no_object_is_no_event(served: Doors) -> None:
    assert served.post("/usage", [EVENT]).json() == {"error": "An event must be a JSON object."}
    assert served.post("/usage/batch", [EVENT, 3]).json() == {"error": "Event 2: An event must be a JSON object."}
    assert served.post("/usage/batch", EVENT).json() == {"error": "The body must be a JSON list of events."}


# Once


def test_an_event_that_is_sent_again_counts_once(served: Doors) -> None:
    first = served.post("/usage", EVENT).json()
    assert served.post("/usage", EVENT).json() == first
    assert served.post("/usage/batch", [EVENT | {"prompt_tokens": 1}, EVENT]).json()[1] == first
    assert tokens(served) == [1, 1000]


def test_a_batch_that_is_sent_again_in_another_order_counts_once(served: Doors) -> None:
    events = [EVENT | {"prompt_tokens": number} for number in range(4)]
    served.post("/usage/batch", events)
    served.post("/usage/batch", [EVENT | {"prompt_tokens": 4}, *reversed(events)])
    assert tokens(served) == [0, 1, 2, 3, 4]


def test_equal_events_of_one_batch_are_calls_of_their_own(served: Doors) -> None:
    for _ in range(2):
        ids = [one["id"] for one in served.post("/usage/batch", [EVENT, EVENT]).json()]
        assert len(set(ids)) == 2
    assert tokens(served) == [1000, 1000]


def test_an_event_id_tells_equal_events_apart_and_knows_a_corrected_one(served: Doors) -> None:
    served.post("/usage", EVENT | {"event_id": "e-1"})
    served.post("/usage", EVENT | {"event_id": "e-2"})
    served.post("/usage", EVENT | {"event_id": "e-1", "completion_tokens": 300})
    assert sorted((row["request_id"], row["output_tokens"]) for row in served.rows()) == [("e-1", 300), ("e-2", 200)]


def test_an_idempotency_key_names_the_events_of_a_request(served: Doors) -> None:
    for key in ("a", "b", "a"):
        assert served.post("/usage/batch", [EVENT, EVENT], idempotency_key=key).status_code == 201
    assert len(served.rows()) == 4


# Whose


def test_without_keys_its_tenant_is_a_team_of_the_only_tenant(served: Doors) -> None:
    served.post("/usage", EVENT)
    served.post("/usage", EVENT | {"tenant_id": "umbrella"})
    assert sorted((row["tenant"], row["team"]) for row in served.rows()) == [
        ("default", "acme"), ("default", "umbrella")
    ]  # fmt: skip


def test_with_a_key_its_tenant_must_be_the_keys(start: Callable[..., Doors]) -> None:
    served = start(("acme", "ingest"), ("umbrella", "ingest"))
    acme, umbrella = served.keys
    assert served.post("/usage", EVENT, authorization=f"Bearer {acme}").status_code == 201
    refused = served.post("/usage/batch", [EVENT | {"tenant_id": "umbrella"}, EVENT], x_api_key=umbrella)
    assert (refused.status_code, refused.json()) == (403, {
        "error": "Event 2: tenant_id is 'acme', but the key is of the tenant 'umbrella': send the events of each "
        "tenant with a key of its own."
    })  # fmt: skip
    assert [(row["tenant"], row["team"]) for row in served.rows()] == [("acme", None)]
