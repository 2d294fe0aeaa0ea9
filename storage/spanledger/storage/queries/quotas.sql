-- The last word on each window of each plan between two instants: how much of it was used, and until when it lasts.
select
    service_name,
    user_id,
    quota_window,
    arg_max(plan, sampled_at) as plan,
    arg_max(used_percent, sampled_at) as used_percent,
    arg_max(window_minutes, sampled_at) as window_minutes,
    arg_max(resets_at, sampled_at) as resets_at,
    max(sampled_at) as sampled_at,
    count(*) as samples
from quota_samples
where sampled_at >= $since and sampled_at < $until and used_percent is not null
group by all
order by all
