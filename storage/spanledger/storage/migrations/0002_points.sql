-- What metrics say of tokens and cost: each data point as it came, once. For comparison only, they never make a call.
create table point_facts (
    point_hash ubigint not null,
    series_hash ubigint not null,
    origin_key ubigint not null,
    model_key ubigint not null,
    owner_key ubigint not null,
    metric varchar not null,
    temporality varchar not null,
    kind varchar,
    token_type varchar,
    precedence integer not null,
    started_at timestamptz,
    ended_at timestamptz not null,
    ingested_at timestamptz not null,
    tokens bigint,
    cost_usd decimal(18, 12),
    measurements bigint,
    user_id varchar,
    session_id varchar,
    attributes varchar
);

-- With what each point adds to its series, worked out when it is read, so that it is the same in any order of arrival.
-- A point of a delta series adds what it says. One of a cumulative series adds the difference to the point before it.
-- Points of one series with different starts are different counters: the emitter began anew, or several of it run side
-- by side. A value that falls began anew as well. The first point of a counter adds all it says if its start is known;
-- one that starts when it ends, as OpenTelemetry has it, or does not say when, says nothing of what came before: NULL.
create view usage_points as
select
    facts.point_hash,
    facts.series_hash,
    origins.tenant,
    facts.metric,
    facts.temporality,
    facts.kind,
    facts.token_type,
    facts.precedence,
    facts.started_at,
    facts.ended_at,
    facts.ingested_at,
    facts.tokens,
    facts.cost_usd,
    facts.measurements,
    case
        when facts.temporality = 'delta' then facts.tokens
        when facts.tokens >= lag(facts.tokens) over counter then facts.tokens - lag(facts.tokens) over counter
        when lag(facts.tokens) over counter is null and coalesce(facts.started_at >= facts.ended_at, true) then null
        else facts.tokens
    end as added_tokens,
    case
        when facts.temporality = 'delta' then facts.cost_usd
        when facts.cost_usd >= lag(facts.cost_usd) over counter then facts.cost_usd - lag(facts.cost_usd) over counter
        when lag(facts.cost_usd) over counter is null and coalesce(facts.started_at >= facts.ended_at, true) then null
        else facts.cost_usd
    end as added_cost_usd,
    case
        when facts.temporality = 'delta' then facts.measurements
        when facts.measurements >= lag(facts.measurements) over counter
            then facts.measurements - lag(facts.measurements) over counter
        when lag(facts.measurements) over counter is null and coalesce(facts.started_at >= facts.ended_at, true)
            then null
        else facts.measurements
    end as added_measurements,
    models.operation,
    models.provider,
    models.request_model,
    models.response_model,
    facts.user_id,
    facts.session_id,
    owners.team,
    owners.project,
    owners.feature,
    owners.cost_center,
    owners.application,
    owners.agent_name,
    owners.workflow,
    owners.repository,
    owners.git_branch,
    origins.api_key_id,
    origins.machine,
    origins.service_name,
    origins.service_version,
    origins.environment,
    origins.host_name,
    origins.cloud_provider,
    origins.cloud_region,
    origins.instance_id,
    origins.k8s_namespace,
    origins.k8s_pod,
    origins.scope_name,
    origins.scope_version,
    facts.attributes::json as attributes,
    date '1970-01-01' + (epoch_us(facts.ended_at) // 86_400_000_000)::integer as ended_on
from point_facts as facts
join origins using (origin_key)
join models using (model_key)
join owners using (owner_key)
window counter as (
    partition by facts.series_hash, facts.started_at
    order by facts.ended_at, coalesce(facts.measurements, 0), coalesce(facts.tokens, 0), coalesce(facts.cost_usd, 0),
        facts.point_hash
);
