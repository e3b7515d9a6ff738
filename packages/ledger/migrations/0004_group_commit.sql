-- Jobs that only write are committed together, each as if alone.

-- Runs the statements that a handler has collected, in their order: a JSON list of {"sql", "values"}. In the SQL, $1 is the
-- list of the values as text, which the worker casts where each is used: a value is never part of the statement.
create function tendril.write(statements json) returns int
language plpgsql
as $$
declare
  statement json;
  written int := 0;
begin
  for statement in select value from json_array_elements(statements) loop
    execute statement->>'sql' using array(select json_array_elements_text(statement->'values'));
    written := written + 1;
  end loop;
  return written;
end
$$;

comment on function tendril.write is 'Runs the statements that a handler has collected with job.write, and returns their number.';

-- What a job leaves behind in the session until the transaction's end would reach the jobs after it in its group.
-- Settings that change what statements do, and how many temporary tables there are: one could stand before a table of the
-- same name, and take what others write. Settings of an application's own (app.tenant) cannot be listed.
create function tendril.session_state() returns text
language sql
as $$
  select concat_ws(
    ' / ', current_user, current_setting('search_path'), current_setting('session_replication_role'),
    current_setting('row_security'), current_setting('lock_timeout'), current_setting('TimeZone'),
    current_setting('DateStyle'), current_setting('IntervalStyle'), current_setting('bytea_output'),
    current_setting('default_text_search_config'),
    case when pg_my_temp_schema() <> 0 then
      (select nullif(count(*), 0) from pg_catalog.pg_class where relnamespace = pg_my_temp_schema())
    end
  )
$$;

comment on function tendril.session_state is 'What of the session changes the meaning of later statements.';

-- Claims, writes and finishes jobs in one transaction, each in a subtransaction: what cannot be claimed or fails is undone
-- alone. Whether a job is to blame is never said here, where another job of the group may have been in its way: the worker
-- commits it again in a transaction of its own. So it does with one that changes the session's state. `jobs` is a JSON list in the order of the ids, so that two groups never wait
-- for each other's claims in a circle.
--
-- A lock is waited for at most 3 seconds, and once the group has taken 2 seconds it ends: the jobs without a row were not
-- reached. So what one job waits for holds the others' claims no longer than that, and waits do not add up.
create function tendril.commit_group(jobs json) returns table (place int, attempt int, reason text)
language plpgsql
set lock_timeout = '3s'
as $$
declare
  job json;
  claimed record;
  begun constant timestamptz := clock_timestamp();
  usual_state constant text := tendril.session_state();
begin
  for place, job in select (ordinality - 1)::int, value from json_array_elements(jobs) with ordinality loop
    begin
      select * into claimed from tendril.claim(
        (job->>'id')::uuid, job->>'type', job->>'queue', job->>'message_id', job->>'schedule',
        (job->>'scheduled_at')::timestamptz
      );
      -- Crashes are counted, and judged, by the claim of a job that runs alone.
      if claimed.verdict <> 'claimed' or claimed.crashes > 0 then
        raise exception using errcode = 'TD001', message =
          case claimed.verdict when 'claimed' then 'earlier attempts have crashed' else 'it is ' || claimed.verdict end;
      end if;
      perform tendril.write(job->'writes');
      if tendril.session_state() <> usual_state then
        raise exception using errcode = 'TD001', message = 'it changes settings, or makes temporary tables';
      end if;
      if job->'result' is not null or job->'follow_ups' is not null then
        perform tendril.finish(
          (job->>'id')::uuid, (job->'result')::jsonb, coalesce(job->'follow_ups', '[]'::json)
        );
      end if;
      attempt := claimed.attempt;
      reason := null;
    exception when others then
      attempt := null;
      reason := left(sqlstate || ': ' || sqlerrm, 300);
    end;
    return next;
    exit when clock_timestamp() > begun + interval '2 seconds';
  end loop;
end
$$;

comment on function tendril.commit_group is 'Commits jobs that only write: a row for each that was reached, with its attempt''s number when it is done, else with the reason why it is not.';
