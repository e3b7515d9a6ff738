-- Follow-ups, results, crashes that count, the history of failures, and a table that can be kept small.

alter table tendril.jobs
  add column result jsonb,
  add column finished_at timestamptz,
  add column message_id text;

comment on column tendril.jobs.result is 'What its handler returned; null when that was nothing.';
comment on column tendril.jobs.finished_at is 'When the transaction that made it done was committed; null while it is not done.';
comment on column tendril.jobs.message_id is 'The SQS message that it died with; null while it is not dead.';

-- Purging goes from the oldest on.
create index jobs_started on tendril.jobs (started_at);

create table tendril.failed_attempts (
  job_id uuid not null references tendril.jobs on delete cascade,
  id uuid not null,
  attempt int not null,
  state text not null check (state in ('retry', 'dead')),
  started_at timestamptz not null,
  failed_at timestamptz not null,
  error text not null,
  primary key (job_id, id)
);

comment on table tendril.failed_attempts is 'Each attempt that failed and could be written down: the history of a job, kept when it is sent back from the dead-letter queue.';
comment on column tendril.failed_attempts.id is 'Made by the worker, so that a line whose answer was lost is not written twice.';
comment on column tendril.failed_attempts.state is 'What the job was after it: retry or dead.';

-- No foreign key: its insert must not wait for the job's row, which the attempt's own transaction holds.
create table tendril.starts (
  job_id uuid not null,
  id uuid not null,
  started_at timestamptz not null,
  primary key (job_id, id)
);

comment on table tendril.starts is 'Attempts that began and whose end is not written down: those that run, and those whose process died. The next claim of the job counts the latter.';

create index starts_started on tendril.starts (started_at);

-- No foreign key either: a check of each of ten thousand rows would find the job's row again and again.
create table tendril.outbox (
  id uuid primary key,
  parent_id uuid not null,
  position int not null,
  queue text not null,
  body text not null,
  attributes jsonb not null,
  not_before timestamptz,
  message_group text
);

comment on table tendril.outbox is 'Follow-ups that were committed with the effects of the job that enqueued them, and are not known to be sent.';
comment on column tendril.outbox.id is 'The follow-up''s job id. Two jobs that enqueue the same follow-up (by its key) have one row.';
comment on column tendril.outbox.parent_id is 'The job that enqueued it.';
comment on column tendril.outbox.position is 'Its place among the follow-ups of its parent, from 0.';
comment on column tendril.outbox.body is 'The message''s body.';
comment on column tendril.outbox.attributes is 'The message''s attributes: an object of strings.';
comment on column tendril.outbox.not_before is 'It must not be delivered before; null: at once.';

create index outbox_parent on tendril.outbox (parent_id, position);

-- Runs when a transaction that has made a job done commits, so that no call is needed for it. A run that was skipped after
-- its claim is not done by then. Its own update leaves `state` alone, and so does not call it again.
create function tendril.mark_finished() returns trigger
language plpgsql
as $$
begin
  update tendril.jobs set finished_at = clock_timestamp() where id = new.id and state = 'done';
  delete from tendril.starts where job_id = new.id;
  return null;
end
$$;

create constraint trigger jobs_finished
  after insert or update of state on tendril.jobs
  deferrable initially deferred
  for each row when (new.state = 'done')
  execute function tendril.mark_finished();

drop function tendril.claim(uuid, text, text, text, timestamptz);

-- Claims a job: marks it done, in the transaction that its handler will write in. While another transaction holds the
-- job's row this waits for that one's end, at most the lock timeout: then it is the error 55P03 (lock_not_available).
-- Each statement of it sees what was committed before that statement, so what is read after the wait is up to date.
create function tendril.claim(
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

comment on function tendril.claim is 'Claims a job for an attempt: one row with the verdict (claimed, or the state that it has: done, dead or skipped), the attempt''s number, how many attempts before it crashed, and whether follow-ups wait to be sent.';

drop function tendril.record_failure(uuid, text, text, text, int, interval, text, text, timestamptz);

-- Writes down an attempt that failed, outside the attempt's own transaction, which was rolled back. Never undoes "done":
-- another delivery of the job may have succeeded meanwhile. Nor does a late failure undo "dead" of the same message.
create function tendril.record_failure(
  failed_id uuid,
  failure_id uuid,
  failed_type text,
  failed_queue text,
  failed_message_id text,
  failed_state text,
  failed_attempt int,
  failed_after interval,
  failed_error text,
  failed_schedule text,
  failed_scheduled_at timestamptz
) returns boolean
language plpgsql
set lock_timeout = '1s'
as $$
declare
  failed_start timestamptz := statement_timestamp() - failed_after;
begin
  if exists (select from tendril.failed_attempts where job_id = failed_id and id = failure_id) then
    return false;
  end if;
  insert into tendril.jobs as job (
    id, type, queue, state, attempts, first_started_at, started_at, failed_at, last_error, schedule, scheduled_at, message_id
  )
  values (
    failed_id, failed_type, failed_queue, failed_state, failed_attempt, failed_start, failed_start, statement_timestamp(),
    failed_error, failed_schedule, failed_scheduled_at, case failed_state when 'dead' then failed_message_id end
  )
  on conflict (id) do update set
    type = excluded.type,
    queue = excluded.queue,
    state = excluded.state,
    -- Failures may be written down late, in another order.
    attempts = case job.state when 'dead' then excluded.attempts else greatest(job.attempts, excluded.attempts) end,
    started_at = excluded.started_at,
    failed_at = excluded.failed_at,
    last_error = excluded.last_error,
    message_id = excluded.message_id
  where job.state = 'retry' or (
    job.state = 'dead' and (excluded.state = 'dead' or job.message_id is distinct from failed_message_id)
  );
  if not found then
    return false;
  end if;
  insert into tendril.failed_attempts (job_id, id, attempt, state, started_at, failed_at, error)
  values (failed_id, failure_id, failed_attempt, failed_state, failed_start, statement_timestamp(), failed_error);
  delete from tendril.starts where job_id = failed_id;
  return true;
end
$$;

comment on function tendril.record_failure is 'Writes down an attempt that failed; false when it was written down before, or the job is done.';

-- In the job's transaction, before its commit. Follow-ups: a JSON list; bodies are in Base64, because JSON in JSON in the
-- Data API's JSON would grow to eight times its size. In the order of their ids, so that two jobs with the same follow-ups
-- wait for each other and never in a circle.
create function tendril.finish(finished_id uuid, finished_result jsonb, follow_ups json) returns int
language plpgsql
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
  on conflict (id) do nothing;
  get diagnostics written = row_count;
  return written;
end
$$;

comment on function tendril.finish is 'Keeps what a claimed job has come to: its result and its follow-ups.';

-- The follow-ups of a job in their order, from a piece on. A row of the Data API has at most 64 KB, so a long body comes in
-- pieces, one a row: 45,000 bytes, in Base64 60,000. A page ends with the piece that makes it `page_bytes` or more.
create function tendril.follow_ups(enqueued_by uuid, from_position int, from_piece int, page_bytes int)
returns table (
  id uuid, "position" int, queue text, attributes jsonb, not_before_ms int8, message_group text, piece int, pieces int,
  body text, bytes int
)
language plpgsql
stable
as $$
declare
  piece_bytes constant int := 45000;
  found_row tendril.outbox;
  whole bytea;
  page_total int := 0;
begin
  for found_row in
    select * from tendril.outbox where parent_id = enqueued_by and outbox.position >= from_position
    order by outbox.position
  loop
    id := found_row.id;
    position := found_row.position;
    queue := found_row.queue;
    not_before_ms := round(extract(epoch from found_row.not_before) * 1000);
    message_group := found_row.message_group;
    whole := convert_to(found_row.body, 'UTF8');
    pieces := greatest(1, ceil(octet_length(whole)::numeric / piece_bytes));
    for number in (case found_row.position when from_position then from_piece else 0 end)..pieces - 1 loop
      piece := number;
      attributes := case number when 0 then found_row.attributes end;
      body := encode(substr(whole, number * piece_bytes + 1, piece_bytes), 'base64');
      bytes := octet_length(body) + coalesce(octet_length(attributes::text), 0) + 200;
      return next;
      page_total := page_total + bytes;
      if page_total >= page_bytes then
        return;
      end if;
    end loop;
  end loop;
end
$$;

comment on function tendril.follow_ups is 'A page of the follow-ups of a job that are not known to be sent.';

-- The lookup in the outbox is a subquery of its own, so that Postgres walks the index from the oldest job on. What is
-- deleted is named by arrays: a join would be planned over the whole table while its statistics say that it is empty.
create function tendril.purge(before timestamptz, most int) returns int
language plpgsql
as $$
declare
  purged int;
begin
  with old as materialized (
    select job.id from tendril.jobs as job
    where job.started_at < before and (select true from tendril.outbox where parent_id = job.id limit 1) is null
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
  return purged;
end
$$;

comment on function tendril.purge is 'Forgets at most so many of the jobs whose last attempt began before a time, the oldest first, with their failures; never one whose follow-ups wait to be sent. Returns how many.';
