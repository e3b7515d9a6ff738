-- Each job has the follow-ups that it owes in rows of its own, also one that another job owes too. With one row for both,
-- the second job owed nothing: its follow-up was lost when that job was cut short after its commit, and the first one never
-- came back to send it.
alter table tendril.outbox drop constraint outbox_pkey, add primary key (id, parent_id);

comment on column tendril.outbox.id is 'The follow-up''s job id. Each job that enqueues the same follow-up (by its key) has a row; who sends it clears them all.';

-- As it was, but for the conflict: with a row of the same job alone.
create or replace function tendril.finish(finished_id uuid, finished_result jsonb, follow_ups json) returns int
language plpgsql
set enable_seqscan = off
as $$
declare
  written int;
begin
  if finished_result is not null then
    update tendril.jobs set result = finished_result where id = finished_id;
  end if;
  insert into tendril.outbox (id, parent_id, position, queue, body, attributes, not_before, message_group)
  select each.id, finished_id, each.position, each.queue, convert_from(decode(each.body, 'base64'), 'UTF8'),
    each.attributes, each.not_before, each.message_group
  from json_to_recordset(follow_ups) as each (
    id uuid, position int, queue text, body text, attributes jsonb, not_before timestamptz, message_group text
  )
  order by each.id, each.position
  on conflict (id, parent_id) do nothing;
  get diagnostics written = row_count;
  return written;
end
$$;
