-- What a call costs does not grow with the ledger, whatever the statistics say. They are missing after an upgrade of
-- Postgres, and say that a table is empty when it was filled since; and a session keeps plans that it made for tables that
-- were empty. Each of these statements has an index that fits, so nothing else is considered.

-- Pages of a state's or a type's jobs, the newest first. Their order is not quite that of jobs_started, which so cannot be
-- walked in their place, to look among all jobs for those of a state that were all long ago.
drop index tendril.jobs_not_done;
create index jobs_not_done on tendril.jobs (state, started_at desc nulls last)
  where state in ('retry', 'dead', 'skipped', 'cancelled');
drop index tendril.jobs_type;
create index jobs_type on tendril.jobs (type, started_at desc nulls last);

-- Few jobs wait to be tried again, and fewer of them are runs of a schedule.
create index jobs_waiting_runs on tendril.jobs (schedule, failed_at) where state = 'retry' and schedule is not null;

-- As it was, but for the time: an index is looked up for one that is the same in all rows, which clock_timestamp() is not.
create or replace function tendril.skip_overlap(run_id uuid, run_schedule text, run_scheduled_at timestamptz)
returns setof text
language plpgsql
as $$
declare
  lost_before constant timestamptz := clock_timestamp() - interval '12 hours';
  reason text;
begin
  if not pg_try_advisory_xact_lock(hashtextextended(run_schedule, 1)) then
    reason := 'another run of the task is running';
  elsif exists (
    select from tendril.jobs
    where state = 'retry' and schedule = run_schedule and scheduled_at < run_scheduled_at and id <> run_id
      and failed_at > lost_before
  ) then
    reason := 'an earlier run of the task waits to be tried again';
  else
    return;
  end if;
  -- The attempt that the claim has counted was none.
  update tendril.jobs set state = 'skipped', attempts = attempts - 1, last_error = 'skipped: ' || reason where id = run_id;
  return next reason;
end
$$;

alter function tendril.claim(uuid, text, text, text, text, timestamptz) set enable_seqscan = off;
alter function tendril.record_failure(uuid, uuid, text, text, text, text, int, interval, text, text, timestamptz)
  set enable_seqscan = off;
alter function tendril.finish(uuid, jsonb, json) set enable_seqscan = off;
alter function tendril.mark_finished() set enable_seqscan = off;
alter function tendril.skip_overlap(uuid, text, timestamptz) set enable_seqscan = off;
alter function tendril.follow_ups(uuid, int, int, int) set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off;
alter function tendril.read_job(uuid) set enable_seqscan = off;
alter function tendril.note(json) set enable_seqscan = off;
alter function tendril.cancel(uuid, text, text) set enable_seqscan = off;
alter function tendril.purge(timestamptz, int) set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off;

-- Walks an index from the newest row on. A condition is written only when it is asked for, and the state as it is: an index
-- of some states fits no parameter.
create function tendril.walk(
  of_keys boolean, of_state text, of_type text, since timestamptz, until timestamptz, before timestamptz, before_id uuid,
  most int
) returns table (
  id uuid, type text, queue text, state text, attempts int, first_started_at timestamptz, started_at timestamptz,
  failed_at timestamptz, finished_at timestamptz, last_error text, schedule text, scheduled_at timestamptz,
  place timestamptz
)
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  at constant text := case when of_keys then 'noted_at' else 'started_at' end;
begin
  return query execute format(
    case when of_keys then
      'select id, type, queue, ''queued'', 0, null::timestamptz, null::timestamptz, null::timestamptz, null::timestamptz,
         null::text, null::text, null::timestamptz, noted_at from tendril.keys'
    else
      'select id, type, queue, state, attempts, first_started_at, started_at, failed_at, finished_at,
         left(last_error, 1000), schedule, scheduled_at, started_at from tendril.jobs'
    end || ' where true%2$s%3$s%4$s%5$s%6$s order by %1$I desc%7$s, id desc limit $6',
    at,
    case when of_state is not null then format(' and state = %L', of_state) end,
    case when of_type is not null then ' and type = $1' end,
    case when since is not null then format(' and %I >= $2', at) end,
    case when until is not null then format(' and %I < $3', at) end,
    case when before is not null then format(' and (%I, id) < ($4, $5)', at) end,
    case when coalesce(of_state, of_type) is not null then ' nulls last' end
  ) using of_type, since, until, before, before_id, most;
end
$$;

comment on function tendril.walk is 'So many jobs (or keys), the newest first; of a state, of a type, of a time, before a place, as is asked.';
