-- Sessions between two instants: when, where and with which models, and what they used. The marker is replaced by the
-- columns of the groups (questions.py). Calls that name no session are no session and left out.
select
    /* groups */
    session_id,
    max(service_name) as service_name,
    max(project) as project,
    min(started_at) as started_at,
    max(greatest(started_at, ended_at)) as ended_at,
    string_agg(distinct coalesce(response_model, request_model), ', ' order by coalesce(response_model, request_model))
        as models,
    count(*) as calls,
    sum(input_tokens)::bigint as input_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens,
    sum(cache_write_tokens)::bigint as cache_write_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(cost_usd) as cost_usd,
    sum(cost_usd) filter (cost_basis = 'api_equivalent') as api_equivalent_usd,
    count(*) filter (
        cost_usd is null
        and not (
            coalesce(status = 'error', false)
            and coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens) is null
        )
    ) as unpriced,
    count(*) filter (status = 'error') as errors
from calls
where started_at >= $since and started_at < $until and session_id is not null
group by all
order by ended_at, session_id
