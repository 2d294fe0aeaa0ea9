-- Roll-ups that say what was used and arrived in the window of time that stands in the place of the mark. One that adds
-- up over its emitter's life says nothing of its own run.
select * replace (coalesce(ended_at, started_at) as ended_at)
from span_records
where ingested_at between /* window */
    and trace_id is not null
    and (input_tokens is not null or output_tokens is not null)
    and regexp_matches(operation, '^(invoke_|agent|workflow)')
    and not list_contains(string_split(coalesce(flags, ''), ','), 'cumulative')
