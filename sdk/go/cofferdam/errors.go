package cofferdam

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what happens after a task that returned without a result.
type Kind uint8

const (
	// KindRetryable: the task is tried again, if it has tries left.
	KindRetryable Kind = iota
	// KindFatal: the task fails now, whatever tries it has left.
	KindFatal
	// KindSkip: the task is recorded as skipped.
	KindSkip
	// KindReschedule: the task is run again later. This uses up no try.
	KindReschedule
	// KindDefer: the task waits for an event without holding a worker. This uses up no try.
	KindDefer
)

// Error is why a task returns without a result. Any other error that a task returns counts as retryable.
type Error struct {
	// Kind says what happens next.
	Kind Kind
	// Event is the event that the task waits for, when it is deferred.
	Event string
	// After is the time to wait: until the next run, or for the event at the most.
	After time.Duration
	// Err is what went wrong, or why there is nothing to do.
	Err error
}

// Error says what went wrong.
func (e *Error) Error() string {
	switch e.Kind {
	case KindSkip:
		return "skipped: " + e.text()
	case KindReschedule:
		return fmt.Sprintf("to be run again after %v", e.After)
	case KindDefer:
		return fmt.Sprintf("waits for the event %q, %v at the most", e.Event, e.After)
	default:
		return e.text()
	}
}

// Unwrap is the error beneath.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) text() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Retry is an error that may pass: the task is tried again, if it has tries left.
func Retry(err error) *Error { return &Error{Kind: KindRetryable, Err: err} }

// Fatal is an error that will not pass: the task fails now, whatever tries it has left.
func Fatal(err error) *Error { return &Error{Kind: KindFatal, Err: err} }

// Skip says that there is nothing to do, and why: the task is recorded as skipped.
func Skip(why string) *Error { return &Error{Kind: KindSkip, Err: errors.New(why)} }

// Reschedule asks to be run again after this time.
func Reschedule(after time.Duration) *Error { return &Error{Kind: KindReschedule, After: after} }

// Defer asks to be woken by an event, and after this time at the latest.
func Defer(event string, timeout time.Duration) *Error {
	return &Error{Kind: KindDefer, Event: event, After: timeout}
}

// asError is the first Error in the chain, with the text of the whole chain; any other error is retryable.
func asError(err error) *Error {
	var own *Error
	if !errors.As(err, &own) {
		return Retry(err)
	}
	if own == err {
		return own
	}
	outer := *own
	outer.Err = err
	return &outer
}
