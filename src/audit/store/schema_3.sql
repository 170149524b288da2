-- The third version: texts beside the code (under which catalogue they were read, what of them was not looked at, how much the last
-- reading read), and buckets (how far each was looked at, what came of its objects).

ALTER TABLE extra_texts ADD COLUMN catalogue INTEGER REFERENCES catalogues (id);
ALTER TABLE extra_texts ADD COLUMN skipped TEXT NOT NULL DEFAULT '[]';
ALTER TABLE extra_texts ADD COLUMN excluded TEXT NOT NULL DEFAULT '[]';
ALTER TABLE extra_texts ADD COLUMN texts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extra_texts ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE buckets (
    repository INTEGER PRIMARY KEY REFERENCES repositories (id),
    run INTEGER NOT NULL REFERENCES runs (id),
    last TEXT NOT NULL,
    sums TEXT NOT NULL
);

CREATE TABLE objects (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    key TEXT NOT NULL,
    mark TEXT NOT NULL,
    catalogue INTEGER NOT NULL REFERENCES catalogues (id),
    run INTEGER NOT NULL,
    gaps TEXT,
    PRIMARY KEY (repository, key)
) WITHOUT ROWID;
