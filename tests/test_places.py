"""The address of an endpoint tells where it computes, if its vendor says so."""

from typing import Any

import pytest

from spanledger.processors.places import cache_said, region_of, residency_of
from tests.oracle import call


@pytest.mark.parametrize(
    ("host", "residency"),
    [
        ("eu.api.openai.com", "eu"),
        ("US.api.openai.com", "us"),
        ("api.openai.com", None),
        ("eu.api.openai.com.evil.example", None),
        ("europe.api.openai.com", None),
        ("", None),
    ],
)
def test_openai_computes_where_the_host_says(host: str, residency: str | None) -> None:
    assert residency_of(host) == residency


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("us-east5-aiplatform.googleapis.com", "us-east5"),
        ("aiplatform.googleapis.com", "global"),
        ("aiplatform.eu.rep.googleapis.com", "eu"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("us.api.x.ai", "us"),
        ("api.x.ai", None),
        ("generativelanguage.googleapis.com", None),
        ("us-east5-aiplatform.googleapis.com.evil.example", None),
        ("", None),
    ],
)
def test_a_region_stands_in_front_of_the_host(host: str, region: str | None) -> None:
    assert region_of(host) == region


@pytest.mark.parametrize(
    ("said", "meant"), [("true", "hit"), ("True", "hit"), ("HIT", "hit"), ("false", "miss"), ("", "miss")]
)
def test_a_gateway_says_that_it_answered_itself(said: str, meant: str) -> None:
    assert cache_said(said) == meant


@pytest.mark.parametrize(
    ("said", "column", "value"),
    [
        ({"server.address": "eu.api.openai.com"}, "residency", "eu"),
        ({"server.address": "eu.api.openai.com", "anthropic.usage.inference_geo": "us"}, "residency", "us"),
        ({"server.address": "api.openai.com"}, "residency", None),
        ({"server.address": "us-east5-aiplatform.googleapis.com"}, "region", "us-east5"),
        ({"server.address": "us.api.x.ai", "cloud.region": "eu"}, "region", "eu"),
        ({"azure.deployment.type": "DataZoneStandard"}, "deployment_type", "DataZoneStandard"),
        ({"litellm.cache_hit": True}, "gateway_cache", "hit"),
        ({"litellm.cache_hit": "False"}, "gateway_cache", "miss"),
        ({}, "gateway_cache", None),
        ({"spanledger.plan": "team"}, "plan", "team"),
        ({"gen_ai.usage.audio_seconds": 90}, "audio_seconds", 90),
    ],
)
def test_a_call_says_where_and_how_it_was_served(said: dict[str, Any], column: str, value: object) -> None:
    assert call(said)[column] == value
