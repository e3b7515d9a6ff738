-- A run of a schedule with "overlap: skip" is not started while another run of its task is unfinished: it is skipped.

alter table tendril.jobs drop constraint jobs_state_check;
alter table tendril.jobs add constraint jobs_state_check check (state in ('done', 'retry', 'dead', 'skipped'));

comment on column tendril.jobs.state is 'How the last attempt ended: done (its effects are committed in the transaction that wrote this), retry (it failed and will be tried again), dead (it failed and its message went to the dead-letter queue). Or skipped: it was a run of a schedule and never started, because another run of its task was unfinished.';
comment on column tendril.jobs.last_error is 'What its last failed attempt said, kept when a later attempt succeeds; why it was skipped.';

drop index tendril.jobs_not_done;
create index jobs_not_done on tendril.jobs (state, failed_at) where state in ('retry', 'dead');

-- As before, but that a skipped run stays skipped.
create or replace function tendril.claim(
  claimed_id uuid,
  claimed_type text,
  claimed_queue text,
  claimed_schedule text,
  claimed_scheduled_at timestamptz
) returns setof int
language sql
set lock_timeout = '3s'
as $$
  insert into tendril.jobs as job (id, type, queue, state, attempts, first_started_at, started_at, schedule, scheduled_at)
  values (
    claimed_id, claimed_type, claimed_queue, 'done', 1, clock_timestamp(), clock_timestamp(), claimed_schedule,
    claimed_scheduled_at
  )
  on conflict (id) do update set
    type = excluded.type,
    queue = excluded.queue,
    state = 'done',
    -- A dead job that is delivered again was sent back by somebody: its attempts are counted anew.
    attempts = case job.state when 'dead' then 1 else job.attempts + 1 end,
    started_at = excluded.started_at
  where job.state not in ('done', 'skipped')
  returning job.attempts
$$;

-- As before, but for skipped runs and that all its times come from one look at the clock.
create or replace function tendril.record_failure(
  failed_id uuid,
  failed_type text,
  failed_queue text,
  failed_state text,
  failed_attempt int,
  failed_after interval,
  failed_error text,
  failed_schedule text,
  failed_scheduled_at timestamptz
) returns setof int
language sql
set lock_timeout = '1s'
as $$
  insert into tendril.jobs as job (
    id, type, queue, state, attempts, first_started_at, started_at, failed_at, last_error, schedule, scheduled_at
  )
  values (
    failed_id, failed_type, failed_queue, failed_state, failed_attempt, statement_timestamp() - failed_after,
    statement_timestamp() - failed_after, statement_timestamp(), failed_error, failed_schedule, failed_scheduled_at
  )
  on conflict (id) do update set
    type = excluded.type,
    queue = excluded.queue,
    state = excluded.state,
    attempts = excluded.attempts,
    started_at = excluded.started_at,
    failed_at = excluded.failed_at,
    last_error = excluded.last_error
  where job.state not in ('done', 'skipped')
  returning job.attempts
$$;

-- In the transaction that has claimed a run, decides whether it may start. A run that is running holds its task's lock
-- until its transaction ends, by a commit, a rollback, or after a crash by the Data API 3 minutes after its last call: no
-- lock outlives its run. An earlier run that failed and waits for another attempt is unfinished too, until 12 hours after
-- its failure: SQS holds a message back no longer, so a run that was not tried again by then is lost, and blocks nobody.
create function tendril.skip_overlap(run_id uuid, run_schedule text, run_scheduled_at timestamptz) returns setof text
language plpgsql
as $$
declare
  reason text;
begin
  if not pg_try_advisory_xact_lock(hashtextextended(run_schedule, 1)) then
    reason := 'another run of the task is running';
  elsif exists (
    select from tendril.jobs
    where state = 'retry' and schedule = run_schedule and scheduled_at < run_scheduled_at and id <> run_id
      and failed_at > clock_timestamp() - interval '12 hours'
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

comment on function tendril.skip_overlap is 'Skips a claimed run while another run of its task is unfinished, and returns the reason; no row when it may start.';
