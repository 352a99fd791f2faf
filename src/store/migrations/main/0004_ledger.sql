-- What happened, in order, for good.
CREATE TABLE history (
    account_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    event INTEGER NOT NULL,
    subject BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (account_id, id)
) @strict;
-- @only sqlite
CREATE TRIGGER history_keeps_rows BEFORE UPDATE ON history BEGIN SELECT raise(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_loses_none BEFORE DELETE ON history BEGIN SELECT raise(ABORT, 'history is append-only'); END;
-- @end
-- @only postgres
CREATE FUNCTION history_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$;
CREATE TRIGGER history_keeps_rows BEFORE UPDATE OR DELETE ON history FOR EACH ROW EXECUTE FUNCTION history_refuse();
-- @end
