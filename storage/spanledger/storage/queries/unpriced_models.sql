-- Which models have calls without a cost between two instants, and why; the most called first.
select
    provider,
    coalesce(response_model, request_model) as model,
    price_status,
    count(*) as calls
from calls
where started_at >= $since and started_at < $until and cost_usd is null
group by all
order by calls desc, provider, model, price_status
limit 10
