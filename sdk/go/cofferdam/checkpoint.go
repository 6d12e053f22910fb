package cofferdam

// SaveCheckpoint keeps these bytes for the next try of this task instance, in place of what was kept before. They are
// stored when this returns.
func SaveCheckpoint(data []byte) error { return hostSave(data) }

// LoadCheckpoint is what was kept last, by this try or an earlier one; nil when there is nothing.
func LoadCheckpoint() ([]byte, error) { return hostLoad() }

// ClearCheckpoint forgets what was kept.
func ClearCheckpoint() error { return hostClear() }
