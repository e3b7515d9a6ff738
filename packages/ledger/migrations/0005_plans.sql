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

-- All other jobs, from the newest on or from the oldest on. Jobs that were cancelled stay for a year after the others of
-- their time: a purge does not pass over them, it looks for them by their state.
drop index tendril.jobs_started;
create index jobs_started on tendril.jobs (started_at) where state <> 'cancelled';

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

-- As it was, but for jobs that were cancelled, which have a statement of their own.
create or replace function tendril.purge(before timestamptz, most int) returns int
language plpgsql
as $$
declare
  purged int;
  purged_cancelled int;
  purged_keys int;
begin
  with old as materialized (
    select job.id from tendril.jobs as job
    where job.started_at < before and job.state <> 'cancelled'
      and (select true from tendril.outbox where parent_id = job.id limit 1) is null
    order by job.started_at
    limit most
    for update skip locked
  )
  delete from tendril.jobs where id = any (array(select id from old));
  get diagnostics purged = row_count;

  with old as materialized (
    select job.id from tendril.jobs as job
    where job.state = 'cancelled' and job.started_at < before - interval '1 year'
    order by job.started_at nulls first -- as the index has them
    limit most - purged
    for update skip locked
  )
  delete from tendril.jobs where id = any (array(select id from old));
  get diagnostics purged_cancelled = row_count;

  with old as materialized (
    select start.ctid as place from tendril.starts as start
    where start.started_at < before
    order by start.started_at
    limit most
    for update skip locked
  )
  delete from tendril.starts where ctid = any (array(select place from old));

  with old as materialized (
    select key.id from tendril.keys as key
    where key.noted_at < before
    order by key.noted_at
    limit most
    for update skip locked
  )
  delete from tendril.keys where id = any (array(select id from old));
  get diagnostics purged_keys = row_count;
  -- Keys of jobs that are not here (of at-least-once types) are forgotten as well, though no job is left to forget.
  return greatest(purged + purged_cancelled, purged_keys);
end
$$;

comment on function tendril.purge is 'Forgets at most so many of the jobs whose last attempt began before a time, the oldest first, with their failures; never one whose follow-ups wait to be sent, and one that was cancelled a year later. And as many keys. Returns how many jobs, or keys when these are more.';

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
-- of some states fits no parameter. Jobs of all states are those of two walks: the cancelled and the others, which alone
-- are walked when the state is done.
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
  -- It has a place for the state, and one for where nulls stand in the index.
  walk constant text := format(
    case when of_keys then
      'select id, type, queue, ''queued'', 0, null::timestamptz, null::timestamptz, null::timestamptz, null::timestamptz,
         null::text, null::text, null::timestamptz, noted_at from tendril.keys'
    else
      'select id, type, queue, state, attempts, first_started_at, started_at, failed_at, finished_at,
         left(last_error, 1000), schedule, scheduled_at, started_at as place from tendril.jobs'
    end || ' where true%2$s%3$s%4$s%5$s%%1$s order by %1$I desc%%2$s, id desc limit $6',
    at,
    case when of_type is not null then ' and type = $1' end,
    case when since is not null then format(' and %I >= $2', at) end,
    case when until is not null then format(' and %I < $3', at) end,
    case when before is not null then format(' and (%I, id) < ($4, $5)', at) end
  );
  others constant text := format(walk, ' and state <> ''cancelled''', '');
begin
  return query execute case
    when of_keys then format(walk, '', '')
    when of_type is not null then format(walk, '', ' nulls last')
    when of_state is null then format(
      '(%s) union all (%s) order by place desc, id desc limit $6',
      others, format(walk, ' and state = ''cancelled''', ' nulls last')
    )
    when of_state = 'done' then others
    else format(walk, format(' and state = %L', of_state), ' nulls last')
  end using of_type, since, until, before, before_id, most;
end
$$;

comment on function tendril.walk is 'So many jobs (or keys), the newest first; of a state or of a type, of a time, before a place, as is asked. Of the state done: jobs of all states but cancelled.';
