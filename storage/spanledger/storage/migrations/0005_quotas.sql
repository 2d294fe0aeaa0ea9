-- How much of a plan's windows was used, as tools told it: spans of the operation `quota`, which say it in attributes.
create view quota_samples as
select
    tenant,
    started_at as sampled_at,
    regexp_replace(service_name, '-statusline$', '') as service_name,
    machine,
    user_id,
    session_id,
    coalesce(plan, attributes ->> '$."spanledger.quota.plan"') as plan,
    attributes ->> '$."spanledger.quota.name"' as quota_window,
    try_cast(attributes ->> '$."spanledger.quota.window_minutes"' as bigint) as window_minutes,
    try_cast(attributes ->> '$."spanledger.quota.used_percent"' as double) as used_percent,
    to_timestamp(try_cast(attributes ->> '$."spanledger.quota.resets_at_s"' as double)) as resets_at
from span_records
where operation = 'quota';
