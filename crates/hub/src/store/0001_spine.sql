-- The hub's own database: what is expected, where each instance is, what was sent. No value that identifies a person stands
-- here: people are handles into the linkage database, DICOM UIDs are keyed tokens. Times are UTC microseconds.

-- One imported cohort sheet.
CREATE TABLE sheet (
  id           TEXT PRIMARY KEY,                 -- random handle
  project      TEXT NOT NULL,                    -- project name, e.g. nccid
  trust        TEXT NOT NULL,                    -- ODS code of the trust that submitted it
  digest       TEXT NOT NULL,                    -- SHA-256 of the file: the same sheet twice is one sheet
  rows_good    BIGINT NOT NULL,
  rows_bad     BIGINT NOT NULL,
  imported_us  BIGINT NOT NULL,
  actor        TEXT NOT NULL,
  UNIQUE (project, trust, digest)
);

-- One row of a cohort: a person in an arm. The anchor date and the identifiers are in the linkage database under the same id.
CREATE TABLE cohort_row (
  id           TEXT PRIMARY KEY,                 -- handle: keyed token of project, trust, person and arm
  sheet        TEXT NOT NULL REFERENCES sheet (id),
  row_number   BIGINT NOT NULL,                  -- in the sheet, the heading is row 1
  project      TEXT NOT NULL,
  trust        TEXT NOT NULL,
  person       TEXT NOT NULL,                    -- linkage handle
  arm          TEXT NOT NULL,
  anchor       TEXT NOT NULL,                    -- keyed token of person and anchor date: another says that the date was corrected
  state        TEXT NOT NULL CHECK (state IN ('waiting', 'asked', 'held', 'withdrawn')),
  reason       TEXT,                             -- why held, a code
  asked_us     BIGINT,                           -- last complete query
  UNIQUE (project, trust, person, arm)
);
CREATE INDEX cohort_row_person ON cohort_row (person);

-- One study of a cohort row at one source.
CREATE TABLE study (
  id           TEXT PRIMARY KEY,
  cohort_row   TEXT NOT NULL REFERENCES cohort_row (id),
  project      TEXT NOT NULL,
  source       TEXT NOT NULL,
  trust        TEXT NOT NULL,
  person       TEXT NOT NULL,
  token        TEXT NOT NULL,                    -- keyed token of the Study Instance UID (the UID is in the linkage database)
  state        TEXT NOT NULL CHECK (state IN ('found', 'retrieving', 'retrieved', 'short', 'held', 'excluded')),
  reason       TEXT,
  expected     BIGINT,                           -- instances the source says it has; NULL while unknown
  plan         TEXT,                             -- JSON: transfer syntax per SOP class, chosen once, kept for every retry
  attempts     BIGINT NOT NULL,
  found_us     BIGINT NOT NULL,
  updated_us   BIGINT NOT NULL,
  UNIQUE (project, source, token)
);
CREATE INDEX study_row ON study (cohort_row);
CREATE INDEX study_token ON study (token);

-- One received object in the sealed spool: written, synced and committed before the sender is answered 0x0000.
CREATE TABLE spool (
  id             TEXT PRIMARY KEY,               -- random handle; names the sealed file
  source         TEXT NOT NULL,
  token          TEXT NOT NULL,                  -- keyed token of the SOP Instance UID
  study_token    TEXT,                           -- keyed token of the Study Instance UID, known once the header is read
  bytes          BIGINT NOT NULL,                -- of the unsealed Part 10 object
  received_us    BIGINT NOT NULL,
  destroyed_us   BIGINT                          -- set when the last project has acknowledged, or on rejection
);
CREATE INDEX spool_token ON spool (source, token);
CREATE INDEX spool_alive ON spool (id) WHERE destroyed_us IS NULL;

-- Each expected instance of a project is in exactly one state; the states of a study sum to what is expected.
CREATE TABLE instance (
  id           TEXT PRIMARY KEY,
  project      TEXT NOT NULL,
  source       TEXT NOT NULL,
  trust        TEXT,                             -- NULL only while held as unattributed
  study        TEXT REFERENCES study (id),       -- NULL for objects pushed unasked
  person       TEXT,                             -- NULL only while held as unidentified
  series       TEXT,                             -- keyed token of the Series Instance UID, once an object has arrived
  token        TEXT NOT NULL,                    -- keyed token of the SOP Instance UID
  state        TEXT NOT NULL CHECK (state IN ('missing', 'received', 'held', 'quarantined', 'rejected', 'cleared',
                                              'consigned', 'sent', 'acknowledged', 'refused')),
  reason       TEXT,                             -- a code, for held, quarantined, rejected, refused
  spool        TEXT REFERENCES spool (id),
  name         TEXT,                             -- outgoing name, <new SOP Instance UID>.dcm, from cleared on
  pseudonym    TEXT,                             -- from cleared on
  digest       TEXT,                             -- SHA-256 of the outgoing bytes, from cleared on
  bytes        BIGINT,                           -- outgoing length
  clearance    TEXT,                             -- the signed clearance, JSON
  consignment  TEXT,
  device       TEXT,                             -- what made it, a row of `device`, once it was looked at
  boxes        TEXT,                             -- where text is suspected, JSON, while held
  updated_us   BIGINT NOT NULL,
  UNIQUE (token, source, project)
);
CREATE INDEX instance_state ON instance (project, state);
CREATE INDEX instance_study ON instance (study);
CREATE INDEX instance_name ON instance (project, name);
CREATE INDEX instance_digest ON instance (project, digest);
CREATE INDEX instance_consignment ON instance (consignment);
CREATE INDEX instance_spool ON instance (spool);
CREATE INDEX instance_device ON instance (device, state);

-- One clinical record of a cohort row, cleared like an instance.
CREATE TABLE clinical (
  id           TEXT PRIMARY KEY,                 -- the cohort row's id
  project      TEXT NOT NULL,
  trust        TEXT NOT NULL,
  person       TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('received', 'held', 'rejected', 'cleared', 'consigned', 'sent', 'acknowledged', 'refused')),
  reason       TEXT,
  name         TEXT,                             -- <Pseudonym>_data.json or <Pseudonym>_status.json
  pseudonym    TEXT,
  digest       TEXT,
  bytes        BIGINT,
  clearance    TEXT,
  consignment  TEXT,
  anchor       TEXT,                             -- that of the row when it was de-identified
  updated_us   BIGINT NOT NULL
);
CREATE INDEX clinical_state ON clinical (project, state);
CREATE INDEX clinical_digest ON clinical (project, digest);
CREATE INDEX clinical_consignment ON clinical (consignment);

-- One consignment: a raw prefix and its manifest. Sequence numbers are per project and never used twice.
CREATE TABLE consignment (
  id           TEXT PRIMARY KEY,
  project      TEXT NOT NULL,
  sequence     BIGINT NOT NULL,
  date         TEXT NOT NULL,                    -- YYYY-MM-DD, fixed when it is opened
  number       BIGINT NOT NULL,                  -- of the manifest within the date
  state        TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'sent', 'receipted')),
  manifest     TEXT,                             -- the signed manifest, JSON, from sealed on
  digest       TEXT,                             -- SHA-256 of the signed manifest's bytes, from sealed on
  opened_us    BIGINT NOT NULL,
  sent_us      BIGINT,
  receipted_us BIGINT,
  receipts     BIGINT NOT NULL DEFAULT 0,        -- answers taken: later ones say what was accepted after all
  UNIQUE (project, sequence),
  UNIQUE (project, date, number)
);

-- A pseudonym that turned out to belong to a person whose NHS number became known later (signed into the next manifest).
CREATE TABLE alias (
  project      TEXT NOT NULL,
  pseudonym    TEXT NOT NULL,
  nhs_derived  TEXT NOT NULL,
  consignment  TEXT,
  PRIMARY KEY (project, pseudonym)
);
CREATE INDEX alias_consignment ON alias (consignment);

-- What a person decided: pauses, objections handled, reviews. Append-only; the newest row of a subject holds.
CREATE TABLE decision (
  id           TEXT PRIMARY KEY,
  kind         TEXT NOT NULL,                    -- pause, resume, release, mask, retry, reject, object
  subject      TEXT NOT NULL,                    -- a source, trust, instance or person handle
  actor        TEXT NOT NULL,
  note_code    TEXT,
  decided_us   BIGINT NOT NULL
);
CREATE INDEX decision_subject ON decision (subject, decided_us);

-- Names that a signed manifest has listed: never written again in that date's folder.
CREATE TABLE listed (
  consignment  TEXT NOT NULL REFERENCES consignment (id),
  name         TEXT NOT NULL,
  digest       TEXT NOT NULL,                    -- SHA-256 of the bytes listed under it
  PRIMARY KEY (consignment, name)
);
CREATE INDEX listed_name ON listed (name);

-- Listed by a manifest found in the bucket after a restore, and not known here: not sent again when it turns up.
CREATE TABLE recovered (
  consignment  TEXT NOT NULL REFERENCES consignment (id),
  project      TEXT NOT NULL,
  name         TEXT NOT NULL,
  digest       TEXT NOT NULL,
  PRIMARY KEY (project, name, digest)
);

-- What can leave: instances and clinical records alike.
CREATE VIEW item AS
  SELECT 'instance' AS kind, id, project, trust, person, state, reason, name, pseudonym, digest, bytes, clearance, consignment FROM instance
  UNION ALL
  SELECT 'clinical' AS kind, id, project, trust, person, state, reason, name, pseudonym, digest, bytes, clearance, consignment FROM clinical;
