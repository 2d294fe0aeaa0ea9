-- The selected calls of a stretch. Marks stand for its time, for its call ids, and for what is selected.
with few as materialized (
    select *
    from call_facts
    where started_at between /* window */
        and /* ids */ true
        and /* selected */ true
)
select * from few join origins using (origin_key) join models using (model_key) join owners using (owner_key)
