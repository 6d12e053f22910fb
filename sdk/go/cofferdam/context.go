package cofferdam

import (
	"encoding/json"
	"fmt"
	"time"
)

// Context is what a task can learn of itself. It does not change while the task runs.
type Context struct {
	// DagID is the dag.
	DagID string
	// DagRunID is the run of the dag.
	DagRunID string
	// TaskID is the task.
	TaskID string
	// MapIndex is the position in a mapped task; nil when the task is not mapped.
	MapIndex *uint32
	// TryNumber is the try, counted from 1.
	TryNumber uint32
	// MaxTries is how many tries there are at the most.
	MaxTries uint32
	// LogicalDate is the moment that the run is for.
	LogicalDate time.Time
	// DataIntervalStart is the start of the interval of data that the run covers.
	DataIntervalStart time.Time
	// DataIntervalEnd is the end of that interval, itself outside of it.
	DataIntervalEnd time.Time
	// Conf is what the run was triggered with: a JSON object.
	Conf json.RawMessage
	// IdempotencyKey is the same in each try of this task instance, and nowhere else. Send it along with requests that must
	// not take effect twice.
	IdempotencyKey string
}

// IsLastTry says whether this is the last try.
func (c Context) IsLastTry() bool { return c.TryNumber >= c.MaxTries }

// ReadConf reads what the run was triggered with. A conf that does not fit is a fatal error.
func (c Context) ReadConf(into any) error {
	if err := json.Unmarshal(c.Conf, into); err != nil {
		return Fatal(fmt.Errorf("the run's conf: %w", err))
	}
	return nil
}

// Deadline is when this try is stopped at the latest; the zero time where it has no end.
func Deadline() (time.Time, error) {
	text, found := hostDeadline()
	if !found {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}

func currentContext() (Context, error) {
	raw := hostContext()
	context := Context{
		DagID: raw.dagID, DagRunID: raw.dagRunID, TaskID: raw.taskID, MapIndex: raw.mapIndex,
		TryNumber: raw.tryNumber, MaxTries: raw.maxTries,
		Conf: json.RawMessage(raw.conf), IdempotencyKey: raw.idempotencyKey,
	}
	for _, moment := range []struct {
		text string
		into *time.Time
	}{
		{raw.logicalDate, &context.LogicalDate},
		{raw.dataIntervalStart, &context.DataIntervalStart},
		{raw.dataIntervalEnd, &context.DataIntervalEnd},
	} {
		parsed, err := time.Parse(time.RFC3339, moment.text)
		if err != nil {
			return Context{}, fmt.Errorf("the context of the task: %w", err)
		}
		*moment.into = parsed
	}
	return context, nil
}

// rawContext is the context as the host gives it.
type rawContext struct {
	dagID, dagRunID, taskID                         string
	mapIndex                                        *uint32
	tryNumber, maxTries                             uint32
	logicalDate, dataIntervalStart, dataIntervalEnd string
	conf, idempotencyKey                            string
}
