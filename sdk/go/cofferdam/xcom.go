package cofferdam

import (
	"encoding/json"
	"fmt"
)

// ReturnValue is the key of what a task returned.
const ReturnValue = "return_value"

// Push leaves a value under a key for the other tasks of the run. It is recorded when the try ends, together with its
// ending; a second value under the same key replaces the first.
func Push(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return Fatal(fmt.Errorf("XCom %q: %w", key, err))
	}
	return hostPush(key, string(text))
}

// Pull reads what a task of the same run returned. It says whether there was anything.
func Pull(taskID string, into any) (bool, error) { return PullKey(taskID, ReturnValue, into) }

// PullKey reads what a task of the same run left under a key. It says whether there was anything.
func PullKey(taskID, key string, into any) (bool, error) { return pull(taskID, key, nil, into) }

// PullMapped reads what one instance of a mapped task left under a key. It says whether there was anything.
func PullMapped(taskID, key string, mapIndex uint32, into any) (bool, error) {
	return pull(taskID, key, &mapIndex, into)
}

func pull(taskID, key string, mapIndex *uint32, into any) (bool, error) {
	text, found, err := hostPull(taskID, key, mapIndex)
	if err != nil || !found {
		return false, err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return true, Fatal(fmt.Errorf("XCom %q of the task %q: %w", key, taskID, err))
	}
	return true, nil
}
