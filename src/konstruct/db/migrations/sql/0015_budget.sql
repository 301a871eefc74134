-- What is set aside for each model call under way: together the `reserved_micro` of its month. A process that dies during a
-- call settles nothing; its reservation ends at `expires_at`, and the tenant's next one takes it back.
CREATE TABLE llm_reservations (
  tenant_id uuid NOT NULL,
  period date NOT NULL,
  id uuid NOT NULL,
  amount_micro bigint NOT NULL CHECK (amount_micro >= 0),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, period, id),
  FOREIGN KEY (tenant_id, period) REFERENCES llm_budgets (tenant_id, period) ON DELETE CASCADE
);
SELECT konstruct_protect('llm_reservations', 'SELECT, INSERT, DELETE');
