-- What each trust says of a person, as it said it last: a newer sheet corrects what the older one said, and no other trust's.
CREATE TABLE statement (
  person        TEXT NOT NULL REFERENCES person (id),
  said_by       TEXT NOT NULL,                   -- ODS code of the trust
  facts         {blob} NOT NULL,                 -- sealed JSON: birth date, sex, family name
  PRIMARY KEY (person, said_by)
);
