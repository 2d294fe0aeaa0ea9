-- How long models, tools, people and sub-agents were at work between two instants, in groups (questions.py sets the
-- markers), in microseconds. A stretch that crosses a border of the calendar is cut there, and what lies beyond the
-- calendar does not count: so look at what began a while before it, too.
-- A session's main line is what the agent of its first call does; what other agents do is theirs: `agents_us`.
-- A person's time goes from the end of all that was done before to the next prompt, unless that is long enough for a
-- break, and contains the wait for permissions. A tool that waits for a sub-agent is not counted besides.
-- `active_us` counts every moment once, the others add up what ran side by side. What ran side by side in two groups is
-- one stretch of time in the total, which comes with them.
-- What is kept and sorted are numbers, hashes instead of texts: of a million calls that is a third of the time and fits
-- in a reader's memory.
with calendar as (
    select unnest($firsts_us::bigint[]) as first_us, unnest($afters_us::bigint[]) as after_us, unnest($places::int[]) as place
),
called as (
    select
        /* group */0 as grouped,
        hash(tenant, coalesce(session_id, trace_id), if(session_id is null and trace_id is null, record_hash, null)) as session,
        hash(coalesce(agent_name, '')) as agent,
        if(parent_span_id is null, null, hash(trace_id, parent_span_id)) as parent,
        epoch_us(started_at) as first_us,
        epoch_us(ended_at) as last_us
    from call_records
    where started_at >= $since and started_at < $until
),
led as (
    select session, arg_min(agent, first_us) as leader from called group by session having min(agent) <> max(agent)
),
calls_told as not materialized (
    select called.* exclude (agent), coalesce(agent <> leader, false) as apart
    from called left join led using (session)
),
agents_at as (
    select parent
    from calls_told
    where parent is not null and session in (select session from led)
    group by parent
    having bool_and(apart)
),
told as (
    select
        /* group */0 as grouped,
        try_cast(operation as enum ('execute_tool', 'prompt', 'blocked_on_user', 'invoke_agent')) as operation,
        hash(coalesce(agent_name, '')) as agent,
        hash(tenant, coalesce(session_id, trace_id), if(session_id is null and trace_id is null, record_hash, null)) as session,
        hash(tenant, session_id, tool_call_id, if(tool_call_id is null, record_hash, null)) as run,
        tool_call_id is not null or span_id is not null as named,
        if(span_id is null, null, hash(trace_id, span_id)) as own,
        if(parent_span_id is null, null, hash(trace_id, parent_span_id)) as parent,
        epoch_us(started_at) as first_us,
        epoch_us(ended_at) as last_us
    from span_records
    where started_at >= $since and started_at < $until
        and operation in ('execute_tool', 'prompt', 'blocked_on_user', 'invoke_agent')
),
-- An agent says whose child it is, or lies within its tool's time and takes most of it.
delegated as (
    select tool.run
    from told as tool
    join led using (session)
    join told as agent using (session)
    where tool.operation = 'execute_tool' and agent.operation = 'invoke_agent'
        and agent.agent <> hash('') and agent.agent <> leader
        and (
            agent.parent = tool.own
            or (
                agent.first_us >= tool.first_us and agent.last_us <= tool.last_us
                and 2 * (agent.last_us - agent.first_us) >= tool.last_us - tool.first_us
            )
        )
),
told_twice as (
    select run from told where operation = 'execute_tool' and last_us > first_us group by run having count(*) > 1
),
lasting as not materialized (
    select * from told where operation = 'execute_tool' and named and last_us > first_us and run not in (select run from delegated)
    union all
    select *
    from told
    where operation = 'execute_tool' and not named and last_us > first_us and run not in (select run from delegated)
        and session not in (select session from told where named and operation = 'execute_tool')
),
tools as (
    select grouped, session, first_us, last_us, coalesce(parent in (select parent from agents_at), false) as apart
    from (
        select * from lasting where run not in (select run from told_twice)
        union all
        select * from lasting where run in (select run from told_twice)
        qualify row_number() over (partition by run order by last_us - first_us, first_us, own) = 1
    )
),
prompted as (
    select session from told where operation = 'prompt' group by session
),
gaps as (
    select grouped, session, before_us as first_us, first_us as last_us
    from (
        select
            *,
            max(last_us) over (
                partition by session order by first_us, last_us rows between unbounded preceding and 1 preceding
            ) as before_us
        from (
            select grouped, session, first_us, last_us, true as is_prompt from told where operation = 'prompt'
            union all
            select grouped, session, first_us, last_us, false
            from calls_told where not apart and session in (select session from prompted)
            union all
            select grouped, session, first_us, last_us, false
            from tools where not apart and session in (select session from prompted)
        )
    )
    where is_prompt and first_us > before_us and first_us - before_us <= $break_us
),
stretches as (
    select grouped, session, first_us, last_us, if(apart, 'agents', 'model')::enum ('model', 'tool', 'user', 'agents') as kind from calls_told
    union all
    select grouped, session, first_us, last_us, if(apart, 'agents', 'tool') from tools
    union all
    select grouped, session, first_us, last_us, 'user' from gaps
    union all
    select grouped, session, first_us, last_us, 'user' from told where operation = 'blocked_on_user'
),
cut as (
    select
        grouped, session, kind /* place */,
        greatest(stretches.first_us, calendar.first_us) as first_us,
        least(stretches.last_us, calendar.after_us) as last_us
    from stretches join calendar
        on stretches.first_us < calendar.after_us and stretches.last_us > calendar.first_us
    where stretches.last_us > stretches.first_us
),
ordered as (
    select
        *,
        max(last_us) over (
            /* partition */ order by first_us rows between unbounded preceding and 1 preceding
        ) as before_us,
        max(last_us) over (order by first_us rows between unbounded preceding and 1 preceding) as before_in_all_us
    from cut
),
by_session as (
    select
        grouped, session /* place */,
        sum(greatest(last_us - greatest(first_us, coalesce(before_us, first_us)), 0)) as active_us,
        sum(greatest(last_us - greatest(first_us, coalesce(before_in_all_us, first_us)), 0)) as active_in_all_us,
        sum(last_us - first_us) filter (kind = 'model') as model_us,
        sum(last_us - first_us) filter (kind = 'tool') as tool_us,
        sum(last_us - first_us) filter (kind = 'user') as user_us,
        sum(last_us - first_us) filter (kind = 'agents') as agents_us
    from ordered
    group by all
),
summed as (
    select
        grouped /* place */,
        grouping(grouped) = 1 as is_total,
        count(distinct session) as sessions,
        if(grouping(grouped) = 1, sum(active_in_all_us), sum(active_us))::bigint as active_us,
        coalesce(sum(model_us), 0)::bigint as model_us,
        coalesce(sum(tool_us), 0)::bigint as tool_us,
        coalesce(sum(user_us), 0)::bigint as user_us,
        coalesce(sum(agents_us), 0)::bigint as agents_us
    from by_session
    group by grouping sets ((grouped /* place */), ())
),
names as (
    select /* groups */ /* group */0 as grouped
    from call_records where started_at >= $since and started_at < $until
    group by all
    union
    select /* groups */ /* group */0
    from span_records where started_at >= $since and started_at < $until
    group by all
)
select /* named */ summed.* exclude (grouped)
from summed /* naming */

