-- Usage in steps of a quarter of an hour, as every time zone is whole quarters away from UTC, between two instants.
-- The marker is replaced by the columns of the groups (questions.py). `quarter` counts from 1970.
select
    /* groups */
    epoch_us(started_at) // 900_000_000 as quarter,
    min(started_at) as first_at,
    max(greatest(started_at, ended_at)) as last_at,
    count(*) as calls,
    coalesce(sum(input_tokens), 0)::bigint as input_tokens,
    coalesce(sum(output_tokens), 0)::bigint as output_tokens,
    sum(cost_usd) as cost_usd,
    sum(cost_usd) filter (cost_basis = 'api_equivalent') as api_equivalent_usd,
    count(*) filter (
        cost_usd is null
        and not (
            coalesce(status = 'error', false)
            and coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens) is null
        )
    ) as unpriced
from calls
where started_at >= $since and started_at < $until
group by all
