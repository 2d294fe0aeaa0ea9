-- What was called and spent between two instants, in groups.
-- The marker is replaced by the columns of the groups (questions.py); as it stands, everything is one group.
-- A sum over calls that all do not say is NULL: unknown, not zero.
-- A call that failed and names no tokens has nothing to price: it is among the errors, neither priced nor unpriced.
select
    /* groups */
    count(*) as calls,
    sum(input_tokens)::bigint as input_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens,
    sum(cache_write_tokens)::bigint as cache_write_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(reasoning_tokens)::bigint as reasoning_tokens,
    sum(cost_usd) as cost_usd,
    sum(cost_usd) filter (cost_basis = 'billed') as billed_usd,
    sum(cost_usd) filter (cost_basis = 'estimated') as estimated_usd,
    sum(cost_usd) filter (cost_basis = 'api_equivalent') as api_equivalent_usd,
    count(cost_usd) as priced,
    count(*) filter (cost_usd is null and not failed_without_usage) as unpriced,
    histogram(coalesce(price_status, 'unknown')) filter (cost_usd is null and not failed_without_usage) as unpriced_why,
    count(*) filter (status = 'error') as errors
from (
    select
        *,
        coalesce(status = 'error', false)
            and coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens) is null
            as failed_without_usage
    from calls
)
where started_at >= $since and started_at < $until
group by all
