-- What metrics and calls tell of the same usage between two instants, side by side. Neither is added to the other.
-- The markers are replaced by the columns of the groups, and by the day where days are compared one by one
-- (questions.py); as it stands, everything is one group. Texts that are not said are empty until the end, so that they
-- can be joined.
with points as (
    select
        tenant, coalesce(service_name, '') as service, coalesce(session_id, '') as session,
        coalesce(response_model, request_model, '') as said_model, /* day */'' as day,
        kind, metric, coalesce(scope_name, '') as scope, precedence,
        sum(coalesce(added_tokens::decimal(38, 12), added_cost_usd)) as amount
    from (select *, ended_at as happened_at from usage_points)
    where happened_at >= $since and happened_at < $until and kind is not null
    group by all
),
-- A call belongs to each service that told of it: when a gateway saw it too, the row names one of them only.
joined as (
    select distinct call_id, coalesce(service_name, '') as service
    from observations
    where call_id in (select call_id from calls where revision > 0 and started_at >= $since and started_at < $until)
),
-- A vendor's export adds up all that was used there, whoever told of it.
exports as (
    select distinct tenant, service_name as exported, provider
    from usage_points
    where scope_name = 'spanledger.replay.export' and session_id is null
        and ended_at >= $since and ended_at < $until
),
services as (
    select calls.*, coalesce(joined.service, calls.service_name, '') as service, calls.started_at as happened_at
    from calls left join joined on joined.call_id = calls.call_id
    where calls.started_at >= $since and calls.started_at < $until
    union all by name
    select calls.*, exported as service, calls.started_at as happened_at
    from calls join exports using (tenant, provider)
    where calls.started_at >= $since and calls.started_at < $until
        and calls.service_name is distinct from exported
        and (calls.call_id, exported) not in (select (call_id, service) from joined)
),
counted as (
    select
        tenant, service, coalesce(session_id, '') as session,
        coalesce(response_model, request_model, '') as said_model, /* day */'' as day,
        sum(input_tokens)::decimal(38, 12) as input,
        sum(greatest(input_tokens - coalesce(cache_read_tokens, 0) - coalesce(cache_write_tokens, 0), 0))
            ::decimal(38, 12) as uncached_input,
        sum(cache_read_tokens)::decimal(38, 12) as cache_read,
        sum(cache_write_tokens)::decimal(38, 12) as cache_write,
        sum(output_tokens)::decimal(38, 12) as output,
        sum(greatest(output_tokens - coalesce(reasoning_tokens, 0), 0))::decimal(38, 12) as output_without_reasoning,
        sum(reasoning_tokens)::decimal(38, 12) as reasoning,
        sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::decimal(38, 12) as total,
        sum(coalesce(reported_cost_usd, cost_usd))::decimal(38, 12) as cost
    from services
    group by all
),
amounts as (
    select * from counted unpivot (
        amount for kind in (
            input, uncached_input, cache_read, cache_write, output, output_without_reasoning, reasoning, total, cost
        )
    )
    -- What a log adds up of a session says nothing of sessions of which no log does.
    where amount > 0 and (
        (tenant, service, kind) in (
            select (tenant, service, kind) from points where scope <> 'spanledger.replay.export' or session = ''
        )
        or (tenant, service, kind, session) in (select (tenant, service, kind, session) from points)
    )
),
-- `anthropic/claude-x`, `us.anthropic.claude-x-20250929-v1:0` and `claude-x[1m]` are one model.
models as (
    select said_model, regexp_replace(
        lower(said_model),
        '^(.*/)?((us|eu|apac|au|jp|global|us-gov)\.)?((ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai)\.)?'
        || '|(-v\d+:\d+|[-@](\d{8}|\d{4}-\d{2}-\d{2}|\d{4})|-latest|\[[^\]]*\])+$',
        '', 'g'
    ) as model
    from (select said_model from points union select said_model from amounts)
),
-- Of several metrics that tell of the same usage one is taken: added up they would count it twice.
accounts as (
    select tenant, service, model, day, kind, metric, scope
    from points join models using (said_model)
    group by tenant, service, model, day, kind, metric, scope
    qualify row_number() over (
        partition by tenant, service, model, day, kind order by min(precedence), sum(amount) desc, metric, scope
    ) = 1
),
told as (
    select
        tenant, service, session, model, day, kind, any_value(metric) as metric, sum(amount) as amount,
        case kind when 'uncached_input' then 'input' when 'output_without_reasoning' then 'output' else kind end as part
    from points join models using (said_model) join accounts using (tenant, service, model, day, kind, metric, scope)
    group by all
),
-- A metric that names no model, or no session, tells of all calls that no other row of it names.
placed as (
    select
        tenant, service, session, day, kind, part, amount,
        case when named is null and nameless is not null then '' else model end as model
    from (
        select tenant, service, session, model, day, kind, sum(amount) as amount,
            case kind when 'uncached_input' then 'input' when 'output_without_reasoning' then 'output' else kind end
                as part
        from amounts join models using (said_model)
        group by all
    )
    left join (select distinct tenant, service, day, kind, model, true as named from told)
        using (tenant, service, day, kind, model)
    left join (select distinct tenant, service, day, kind, true as nameless from told where model = '')
        using (tenant, service, day, kind)
),
seen as (
    select
        tenant, service, day, kind, part, model, sum(amount) as amount,
        case when named is null and nameless is not null then '' else session end as session
    from placed
    left join (select distinct tenant, service, day, kind, model, session, true as named from told)
        using (tenant, service, day, kind, model, session)
    left join (select distinct tenant, service, day, kind, model, true as nameless from told where session = '')
        using (tenant, service, day, kind, model)
    group by all
),
-- Calls are compared as the metrics of their service read them: input with its cached part or without.
read_here as (select tenant, service, day, model, part, list(distinct kind) as kinds from told group by all),
read_by_service as (select tenant, service, part, min(kind) as usual from told group by all),
compared as (
    select seen.*
    from seen
    join read_by_service using (tenant, service, part)
    left join read_here using (tenant, service, day, model, part)
    where case when kinds is null then kind = usual else list_contains(kinds, kind) end
)
select
    /* groups */
    kind,
    string_agg(distinct metric, ', ' order by metric) as metrics,
    sum(in_metrics) as in_metrics,
    sum(in_calls) as in_calls,
    sum(greatest(in_metrics - in_calls, 0)) as only_in_metrics,
    sum(greatest(in_calls - in_metrics, 0)) as only_in_calls
from (
    select
        nullif(day, '') as day,
        nullif(service, '') as service,
        nullif(session, '') as session,
        nullif(model, '') as model,
        kind,
        told.metric,
        coalesce(told.amount, 0) as in_metrics,
        coalesce(compared.amount, 0) as in_calls
    from told full join compared using (tenant, service, session, model, day, kind)
)
where in_metrics > 0 or in_calls > 0
group by all
