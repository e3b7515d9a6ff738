/**
 * Run once in a template, after its migrations: keeps the rows that these have written and where sequences stood, makes the
 * function that brings a database back to that, and one that tells whether its tables are still the migrations' own.
 */
export const emptySql = `
create schema tendril_testing;
create table tendril_testing.kept (place int generated always as identity, source text not null, copy text not null, columns text not null);
create table tendril_testing.sequences (name text primary key, last_value bigint);
create view tendril_testing.tables as
  select format('%I.%I', n.nspname, c.relname) as name, c.oid
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'tendril_testing')
    and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp%'
    and (n.nspname, c.relname) <> ('tendril', 'migrations');
do $do$
declare
  source record;
  found boolean;
  names text;
begin
  for source in select name, oid from tendril_testing.tables order by oid loop
    execute format('select exists (select from only %s)', source.name) into found;
    continue when not found;
    select string_agg(quote_ident(attname), ', ' order by attnum) into names
    from pg_attribute where attrelid = source.oid and attnum > 0 and not attisdropped and attgenerated = '';
    execute format('create table tendril_testing.copy_%s as select * from only %s', source.oid, source.name);
    insert into tendril_testing.kept (source, copy, columns)
    values (source.name, 'tendril_testing.copy_' || source.oid, names);
  end loop;
end
$do$;
insert into tendril_testing.sequences
  select format('%I.%I', schemaname, sequencename), last_value from pg_sequences where schemaname <> 'tendril_testing';
create function tendril_testing.empty() returns void language plpgsql as $fn$
declare
  written text[] := '{}';
  each record;
  found boolean;
begin
  for each in select name from tendril_testing.tables loop
    execute format('select exists (select from only %s)', each.name) into found;
    if found then written := written || each.name; end if;
  end loop;
  if cardinality(written) > 0 then
    execute 'truncate ' || array_to_string(written, ', ') || ' cascade';
    for each in select source, copy, columns from tendril_testing.kept order by place loop
      execute format('insert into %s (%s) overriding system value select %2$s from %s', each.source, each.columns, each.copy);
    end loop;
  end if;
  for each in
    select s.name, s.last_value as kept, q.last_value as now
    from tendril_testing.sequences s join pg_sequences q on s.name = format('%I.%I', q.schemaname, q.sequencename)
    where q.last_value is distinct from s.last_value
  loop
    if each.kept is null then execute format('alter sequence %s restart', each.name);
    else perform setval(each.name, each.kept);
    end if;
  end loop;
end
$fn$;
create function tendril_testing.fingerprint() returns text language sql as $fn$
  with own as (
    select oid from pg_namespace
    where nspname not in ('pg_catalog', 'information_schema') and nspname not like 'pg\\_%'
  )
  select md5(string_agg(thing, ',' order by thing)) from (
    select 'namespace ' || oid from own
    union all select concat_ws(' ', 'class', oid, relname, relnatts, relkind) from pg_class where relnamespace in (select * from own)
    union all
      select concat_ws(' ', 'attribute', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull)
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace in (select * from own) and c.relkind in ('r', 'p', 'v', 'm')
    union all select concat_ws(' ', 'default', oid, md5(adbin::text)) from pg_attrdef
    union all select concat_ws(' ', 'function', oid, md5(prosrc)) from pg_proc where pronamespace in (select * from own)
    union all select concat_ws(' ', 'constraint', oid) from pg_constraint where connamespace in (select * from own)
    union all select concat_ws(' ', 'trigger', oid, tgenabled) from pg_trigger
    union all select concat_ws(' ', 'type', oid) from pg_type where typnamespace in (select * from own)
    union all select concat_ws(' ', 'extension', oid, extversion) from pg_extension
  ) as things (thing)
$fn$;
create table tendril_testing.schema (fingerprint text);
insert into tendril_testing.schema values (tendril_testing.fingerprint());
`;
