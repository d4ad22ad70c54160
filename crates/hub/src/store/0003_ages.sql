-- Ages as they go out, rounded and capped, so that a project can keep back what few people share.
ALTER TABLE instance ADD COLUMN age TEXT;          -- from cleared on; NULL where none goes out
ALTER TABLE clinical ADD COLUMN age TEXT;          -- no form has one yet
CREATE INDEX instance_age ON instance (project, age, person, state) WHERE age IS NOT NULL;

DROP VIEW item;
CREATE VIEW item AS
  SELECT 'instance' AS kind, id, project, trust, person, state, reason, name, pseudonym, digest, bytes, clearance, consignment, age FROM instance
  UNION ALL
  SELECT 'clinical' AS kind, id, project, trust, person, state, reason, name, pseudonym, digest, bytes, clearance, consignment, age FROM clinical;
