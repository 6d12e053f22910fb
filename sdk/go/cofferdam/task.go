package cofferdam

import (
	"encoding/json"
	"errors"
	"fmt"
)

// run is the registered task with its types worn away: JSON in, JSON out.
var run func(input []byte) ([]byte, error)

// Task makes a function the task of this component. Call it once, from an init function:
//
//	func init() { cofferdam.Task(greet) }
//
// The input is read from JSON and the output is written as JSON, both by the rules of encoding/json. An input that does not
// fit is a fatal error, since it will not fit at the next try either.
func Task[Input, Output any](task func(Context, Input) (Output, error)) {
	if run != nil {
		panic("cofferdam: a component has one task, and Task was called twice")
	}
	run = func(input []byte) ([]byte, error) {
		context, err := currentContext()
		if err != nil {
			return nil, err
		}
		return Call(task, context, input)
	}
}

// Call runs a task as the sandbox does, from JSON to JSON: for tests.
func Call[Input, Output any](task func(Context, Input) (Output, error), context Context, input []byte) ([]byte, error) {
	var typed Input
	if err := json.Unmarshal(input, &typed); err != nil {
		return nil, Fatal(fmt.Errorf("the input is not what the task takes: %w", err))
	}
	output, err := task(context, typed)
	if err != nil {
		return nil, err
	}
	written, err := json.Marshal(output)
	if err != nil {
		return nil, Fatal(fmt.Errorf("the output cannot be written as JSON: %w", err))
	}
	return written, nil
}

// runGuarded runs the registered task.
func runGuarded(input []byte) ([]byte, *Error) {
	if run == nil {
		return nil, Fatal(errors.New("the component has no task: call cofferdam.Task from an init function"))
	}
	output, err := run(input)
	if err != nil {
		return nil, asError(err)
	}
	return output, nil
}
