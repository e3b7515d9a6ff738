-- What happened to each job. The schema itself is made by the ledger, which keeps its list of migrations in it.

create table tendril.jobs (
  id uuid primary key,
  type text not null,
  queue text not null,
  state text not null check (state in ('done', 'retry', 'dead', 'skipped')),
  attempts int not null check (attempts >= 0),
  first_started_at timestamptz not null,
  started_at timestamptz not null,
  failed_at timestamptz,
  last_error text,
  schedule text,
  scheduled_at timestamptz
);

comment on table tendril.jobs is 'What happened to each job that was reached by a worker: one row a job.';
comment on column tendril.jobs.id is 'The job''s id.';
comment on column tendril.jobs.type is 'The job type.';
comment on column tendril.jobs.queue is 'The queue that delivered it last.';
comment on column tendril.jobs.state is 'How the last attempt ended: done (its effects are committed in the transaction that wrote this), retry (it failed and will be tried again), dead (it failed and its message went to the dead-letter queue). Or skipped: it was a run of a schedule and never started, because another run of its task was unfinished.';
comment on column tendril.jobs.attempts is 'Attempts since the job was new or dead, the last one included; 0 when it died before its handler was reached.';
comment on column tendril.jobs.first_started_at is 'When its first attempt began.';
comment on column tendril.jobs.started_at is 'When its last attempt began.';
comment on column tendril.jobs.failed_at is 'When its last failed attempt ended; null when none failed.';
comment on column tendril.jobs.last_error is 'What its last failed attempt said, kept when a later attempt succeeds; why it was skipped.';
comment on column tendril.jobs.schedule is 'The task''s name in cron.yaml when a schedule sent the job.';
comment on column tendril.jobs.scheduled_at is 'The time that the run was scheduled for.';

-- The few jobs that somebody may have to look at, among all that are done.
create index jobs_not_done on tendril.jobs (state, failed_at) where state in ('retry', 'dead');

-- One statement claims a job: it marks it done, in the transaction that its handler will write in. The row back is the
-- attempt's number; no row back means that the job was done before. While another transaction holds the job's row this
-- waits for that one's end, at most the lock timeout: then it is the error 55P03 (lock_not_available).
create function tendril.claim(
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

comment on function tendril.claim is 'Claims a job for an attempt and returns the attempt''s number; no row when the job was done or skipped before.';

-- Writes down an attempt that failed, outside the attempt's own transaction, which was rolled back. Never undoes "done":
-- another delivery of the job may have succeeded meanwhile.
create function tendril.record_failure(
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

comment on function tendril.record_failure is 'Writes down an attempt that failed; no row when the job is done.';

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
