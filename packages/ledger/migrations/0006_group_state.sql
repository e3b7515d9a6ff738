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

-- As it was, but for the session's state: a job that changes it is undone, and committed alone.
create or replace function tendril.commit_group(jobs json) returns table (place int, attempt int, reason text)
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
