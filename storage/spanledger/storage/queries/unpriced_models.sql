-- Which models have calls without a cost between two instants, and why; the most called first.
-- A call that failed and names no tokens has nothing to price and is not among them.
select
    provider,
    coalesce(response_model, request_model) as model,
    price_status,
    count(*) as calls
from calls
where started_at >= $since and started_at < $until and cost_usd is null
    and not (
        coalesce(status = 'error', false)
        and coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens) is null
    )
group by all
order by calls desc, provider, model, price_status
limit 10
