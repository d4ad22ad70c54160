-- The review pages: who may sign in, what people masked, which devices the images come from, rules for their pixels, and
-- samples of what was cleared. Times are UTC microseconds.

-- Who may sign in.
CREATE TABLE account (
  name         TEXT PRIMARY KEY,                 -- also the actor in decisions and audit
  role         TEXT NOT NULL CHECK (role IN ('reviewer', 'approver')),
  password     TEXT NOT NULL,                    -- argon2id, with its salt and parameters (PHC string)
  made_us      BIGINT NOT NULL,
  disabled_us  BIGINT
);

-- Who is signed in. The token itself is only in the browser.
CREATE TABLE session (
  digest       TEXT PRIMARY KEY,                 -- SHA-256 of the token
  account      TEXT NOT NULL REFERENCES account (name),
  opened_us    BIGINT NOT NULL,
  seen_us      BIGINT NOT NULL                   -- the last request, to the minute
);
CREATE INDEX session_account ON session (account);
CREATE INDEX session_opened ON session (opened_us);

-- What a decision of kind `mask` covers.
CREATE TABLE mask (
  decision     TEXT PRIMARY KEY REFERENCES decision (id),
  boxes        TEXT NOT NULL,                    -- JSON: [[left, top, width, height], …] in pixels
  reasons      TEXT NOT NULL                     -- the doubts for which it was held: codes, separated by blanks
);

-- A device as its images name it, at one size of image: the class that rules and samples are about.
CREATE TABLE device (
  id              TEXT PRIMARY KEY,
  modality        TEXT NOT NULL,
  manufacturer    TEXT NOT NULL,
  model           TEXT NOT NULL,
  matrix_rows     BIGINT NOT NULL,
  matrix_columns  BIGINT NOT NULL,
  cleared         BIGINT NOT NULL DEFAULT 0,     -- instances cleared so far
  stopped_us      BIGINT,                        -- identifying text was seen in a cleared image of it
  UNIQUE (modality, manufacturer, model, matrix_rows, matrix_columns)
);

-- What is masked on every image of a device. Proposed by one account, in force once another has approved it.
CREATE TABLE device_rule (
  id            TEXT PRIMARY KEY,
  device        TEXT NOT NULL REFERENCES device (id),
  reasons       TEXT NOT NULL,                   -- the doubts that it settles: codes, separated by blanks
  boxes         TEXT NOT NULL,                   -- as in `mask`
  instance      TEXT NOT NULL,                   -- on which it was drawn
  state         TEXT NOT NULL CHECK (state IN ('proposed', 'active', 'withdrawn')),
  proposed_by   TEXT NOT NULL REFERENCES account (name),
  proposed_us   BIGINT NOT NULL,
  approved_by   TEXT REFERENCES account (name) CHECK (approved_by <> proposed_by),
  approved_us   BIGINT,
  withdrawn_by  TEXT REFERENCES account (name),
  withdrawn_us  BIGINT
);
CREATE INDEX device_stopped ON device (stopped_us) WHERE stopped_us IS NOT NULL;
CREATE UNIQUE INDEX device_rule_active ON device_rule (device) WHERE state = 'active';
CREATE INDEX device_rule_device ON device_rule (device);
CREATE INDEX device_rule_state ON device_rule (state, proposed_us);

-- A cleared instance drawn for a person to look at.
CREATE TABLE sample (
  id            TEXT PRIMARY KEY,
  instance      TEXT NOT NULL,
  digest        TEXT NOT NULL,                   -- SHA-256 of the outgoing bytes that were drawn
  device        TEXT NOT NULL REFERENCES device (id),
  drawn_us      BIGINT NOT NULL,
  verdict       TEXT CHECK (verdict IN ('clean', 'leak', 'gone')),  -- gone: sent before anybody looked
  actor         TEXT,
  decided_us    BIGINT,
  UNIQUE (instance, digest)
);
CREATE INDEX sample_waiting ON sample (drawn_us) WHERE verdict IS NULL;
CREATE INDEX sample_device ON sample (device, verdict);
