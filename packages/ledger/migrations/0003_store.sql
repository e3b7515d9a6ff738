-- How a job stands, for those who ask: running, cancelled, noted under a key; pages of jobs.

-- Not checked against what is there, which fits: that would read the whole table.
alter table tendril.jobs
  drop constraint jobs_state_check,
  add constraint jobs_state_check check (state in ('done', 'retry', 'dead', 'skipped', 'cancelled')) not valid;

comment on column tendril.jobs.state is 'How the last attempt ended: done (its effects are committed in the transaction that wrote this), retry (it failed and will be tried again), dead (it failed and its message went to the dead-letter queue). Or it never started: skipped (it was a run of a schedule, and another run of its task was unfinished), cancelled (somebody did not want it any more).';
comment on column tendril.jobs.started_at is 'When its last attempt began; when it was skipped or cancelled.';

-- Pages of the jobs that are not done, by state, the newest first; and runs of a schedule that wait to be tried again.
-- Jobs that are done at once never touch it.
drop index tendril.jobs_not_done;
create index jobs_not_done on tendril.jobs (state, started_at) where state in ('retry', 'dead', 'skipped', 'cancelled');

-- Pages of the jobs of a type. The one index that every job pays for: without it a rare type would be looked for among all.
create index jobs_type on tendril.jobs (type, started_at);

-- No foreign key: it is written before there is a job, and outlives none of them for long.
create table tendril.keys (
  id uuid primary key,
  type text not null,
  queue text not null,
  input_hash text not null,
  noted_at timestamptz not null
);

comment on table tendril.keys is 'Jobs that were about to be sent under an idempotency key, whether they were or not.';
comment on column tendril.keys.id is 'The job''s id, which is made of job type and key.';
comment on column tendril.keys.queue is 'The queue that it is sent to.';
comment on column tendril.keys.input_hash is 'SHA-256 of the input''s JSON: the same key with another input is refused.';

create index keys_noted on tendril.keys (noted_at);

-- The number of the advisory lock that a claim holds while its transaction is open. It is shared: it makes nobody wait,
-- and tells who looks that an attempt is under way.
create function tendril.claim_key(job_id uuid) returns int8
language sql
immutable
as $$
  select hashtextextended(job_id::text, 2)
$$;

comment on function tendril.claim_key is 'The number of the advisory lock that shows that a job is running.';

create function tendril.claims_held() returns setof int8
language sql
as $$
  select (classid::int8 << 32) | objid::int8 from pg_locks
  where locktype = 'advisory' and objsubid = 1 and mode = 'ShareLock' and granted
    and database = (select oid from pg_database where datname = current_database())
$$;

comment on function tendril.claims_held is 'The advisory locks of the jobs that are running.';

-- As it was, but for its first statement. A cancelled job is refused by the condition that refuses a done one.
create or replace function tendril.claim(
  claimed_id uuid,
  claimed_type text,
  claimed_queue text,
  claimed_message_id text,
  claimed_schedule text,
  claimed_scheduled_at timestamptz
) returns table (verdict text, attempt int, crashes int, owes boolean)
language plpgsql
set lock_timeout = '3s'
as $$
begin
  perform pg_advisory_xact_lock_shared(tendril.claim_key(claimed_id));
  insert into tendril.jobs as job (id, type, queue, state, attempts, first_started_at, started_at, schedule, scheduled_at)
  values (
    claimed_id, claimed_type, claimed_queue, 'done', 1, clock_timestamp(), clock_timestamp(), claimed_schedule,
    claimed_scheduled_at
  )
  on conflict (id) do update set
    type = excluded.type,
    queue = excluded.queue,
    state = 'done',
    -- A dead job that comes in another message was sent back by somebody: its attempts are counted anew.
    attempts = case job.state when 'dead' then 1 else job.attempts + 1 end,
    started_at = excluded.started_at,
    message_id = null
  where job.state = 'retry' or (job.state = 'dead' and job.message_id is distinct from claimed_message_id)
  returning job.attempts into attempt;

  if not found then
    select job.state, job.attempts into verdict, attempt from tendril.jobs as job where job.id = claimed_id;
    crashes := 0;
    owes := exists (select from tendril.outbox where parent_id = claimed_id);
    return next;
    return;
  end if;

  -- Only the process that has claimed the job marks a start, and whoever got this far is the only one that has: what
  -- stands here died. The marks go with this transaction, and so does the count.
  delete from tendril.starts where job_id = claimed_id;
  get diagnostics crashes = row_count;
  if crashes > 0 then
    attempt := attempt + crashes;
    update tendril.jobs set attempts = attempt where id = claimed_id;
  end if;
  verdict := 'claimed';
  owes := false;
  return next;
end
$$;

comment on function tendril.claim is 'Claims a job for an attempt: one row with the verdict (claimed, or the state that it has: done, dead, skipped or cancelled), the attempt''s number, how many attempts before it crashed, and whether follow-ups wait to be sent.';

-- Jobs: a JSON list. In the order of their ids, so that two callers with the same keys wait for each other and never in a
-- circle. Each statement sees what was committed before it, so the answer is up to date after such a wait.
create function tendril.note(jobs json) returns table (nth int, fits boolean)
language plpgsql
set lock_timeout = '1s'
as $$
begin
  insert into tendril.keys (id, type, queue, input_hash, noted_at)
  select each.id, each.type, each.queue, each.input_hash, clock_timestamp()
  from json_to_recordset(jobs) as each (nth int, id uuid, type text, queue text, input_hash text)
  order by each.id, each.nth
  on conflict (id) do nothing;
  return query
    select each.nth, coalesce(key.input_hash = each.input_hash, true)
    from json_to_recordset(jobs) as each (nth int, id uuid, input_hash text)
    left join tendril.keys as key on key.id = each.id
    order by each.nth;
end
$$;

comment on function tendril.note is 'Notes jobs that are about to be sent under keys; says of each whether its key was free or had the same input.';

-- Whoever holds the job's row for longer than the lock timeout is a claim whose lock was not there yet when it was looked for.
create function tendril.cancel(cancelled_id uuid, cancelled_type text, cancelled_queue text) returns text
language plpgsql
set lock_timeout = '500ms'
as $$
declare
  is_running constant boolean := tendril.claim_key(cancelled_id) in (select tendril.claims_held());
  found_state text;
begin
  if not is_running then
    insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at)
    values (cancelled_id, cancelled_type, cancelled_queue, 'cancelled', 0, clock_timestamp(), clock_timestamp())
    on conflict (id) do nothing;
  end if;
  select state into found_state from tendril.jobs where id = cancelled_id;
  return case when is_running and (found_state is null or found_state in ('retry', 'dead')) then 'running' else found_state end;
exception when lock_not_available then
  return 'running';
end
$$;

comment on function tendril.cancel is 'Keeps a job that has not begun from running; returns the state that it has then.';

-- A claim lets its lock go after its commit can be seen. So the lock is looked for first, and the row by a later
-- statement: no job that was running or done is ever said to be neither.
-- The result comes in rows of its own, in pieces: a row of the Data API has at most 64 KB. See `tendril.follow_ups`.
create function tendril.read_job(asked_id uuid) returns table (
  type text, queue text, state text, attempts int, noted_at timestamptz, first_started_at timestamptz,
  started_at timestamptz, failed_at timestamptz, finished_at timestamptz, last_error text, schedule text,
  scheduled_at timestamptz, result_piece text
)
language plpgsql
as $$
declare
  piece_bytes constant int := 45000;
  is_running constant boolean := tendril.claim_key(asked_id) in (select tendril.claims_held());
  job tendril.jobs;
  result bytea;
begin
  select * into job from tendril.jobs where id = asked_id;
  if job.id is not null then
    result := convert_to(job.result::text, 'UTF8');
    return query select job.type, job.queue,
      case when is_running and job.state in ('retry', 'dead') then 'running' else job.state end,
      job.attempts, (select key.noted_at from tendril.keys as key where key.id = asked_id), job.first_started_at,
      job.started_at, job.failed_at, job.finished_at, left(job.last_error, 4000), job.schedule, job.scheduled_at, null::text;
    for number in 1..ceil(coalesce(octet_length(result), 0)::numeric / piece_bytes) loop
      result_piece := encode(substr(result, (number - 1) * piece_bytes + 1, piece_bytes), 'base64');
      return next;
    end loop;
    return;
  end if;
  select key.type, key.queue, key.noted_at into type, queue, noted_at from tendril.keys as key where key.id = asked_id;
  if type is null then
    select follow_up.body::json ->> 'job_type', follow_up.queue into type, queue
    from tendril.outbox as follow_up where follow_up.id = asked_id;
  end if;
  if type is null and not is_running then
    return;
  end if;
  type := coalesce(type, 'unknown');
  queue := coalesce(queue, 'unknown');
  state := case when is_running then 'running' else 'queued' end;
  attempts := 0;
  return next;
end
$$;

comment on function tendril.read_job is 'How a job stands: a row, and one for each piece of its result, in Base64; no row for a job that has not begun and was not noted. Of a job whose first attempt is under way, and that was not noted, the type is not known yet.';

-- As it was, and keys. A cancelled job may wait in a schedule for long: the row that keeps it from running stays a year.
create or replace function tendril.purge(before timestamptz, most int) returns int
language plpgsql
as $$
declare
  purged int;
begin
  with old as materialized (
    select job.id from tendril.jobs as job
    where job.started_at < before and (select true from tendril.outbox where parent_id = job.id limit 1) is null
      and (job.state <> 'cancelled' or job.started_at < before - interval '1 year')
    order by job.started_at
    limit most
    for update skip locked
  )
  delete from tendril.jobs where id = any (array(select id from old));
  get diagnostics purged = row_count;

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
  return purged;
end
$$;

comment on function tendril.purge is 'Forgets at most so many of the jobs whose last attempt began before a time, the oldest first, with their failures; never one whose follow-ups wait to be sent, and one that was cancelled a year later. And as many keys. Returns how many jobs.';
