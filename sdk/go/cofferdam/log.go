package cofferdam

import "fmt"

// Level says how much a message matters.
type Level uint8

// The levels, from the least to the most important.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Failed
)

// Log writes a message. Fields are names and values in turn, and one can search for them:
//
//	cofferdam.Log(cofferdam.Info, "read the observations", "rows", 1461)
//
// When the log limit is reached, messages are dropped and the task goes on. What a task writes to stdout and stderr is
// logged too, line by line.
func Log(level Level, message string, fields ...any) {
	texts := make([]string, 0, len(fields)+1)
	for _, field := range fields {
		texts = append(texts, fmt.Sprint(field))
	}
	if len(texts)%2 == 1 {
		texts = append(texts, "")
	}
	hostLog(level, message, texts)
}

// Progress tells how much is done, from 0 to 1, and what is being done. Of many reports in a short time, the last is shown.
func Progress(fraction float64, message string) { hostProgress(fraction, message) }
