create table job_server_data (
  id bigint generated always as identity primary key,
  data text not null,
  created_at timestamptz not null default now()
);
