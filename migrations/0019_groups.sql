-- Deadlines of what is cleared are counted anew: nothing counts that was before this moment. Null for one that was made with its run.
ALTER TABLE deadlines ADD COLUMN renewed_at timestamptz;
