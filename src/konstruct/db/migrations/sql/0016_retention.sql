-- When each periodic job last ran, and what it did. A job that has never run is due since `known_since`.
CREATE TABLE maintenance_runs (
  job text PRIMARY KEY CHECK (job ~ '^[a-z_]{1,40}$'),
  known_since timestamptz NOT NULL DEFAULT now(),
  last_ok_at timestamptz,
  evidence text NOT NULL DEFAULT '' CHECK (length(evidence) <= 1000),
  last_error_at timestamptz,
  -- A class of error, never its message.
  last_error text CHECK (length(last_error) <= 200),
  CHECK ((last_error IS NULL) = (last_error_at IS NULL))
);
INSERT INTO maintenance_runs (job) VALUES ('partitions'), ('prune'), ('count');
SELECT konstruct_fleet_only('maintenance_runs', 'SELECT, INSERT, UPDATE');
