// The task of {{name}}.
package main

import "cofferdam.example/cofferdam"

// Input is what the task is given.
type Input struct {
	Values []float64 `json:"values"`
}

// Summary is what the values have in common.
type Summary struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean"`
}

// summarize sums up the values. Without values there is nothing to do.
func summarize(_ cofferdam.Context, input Input) (Summary, error) {
	if len(input.Values) == 0 {
		return Summary{}, cofferdam.Skip("there are no values")
	}
	cofferdam.Log(cofferdam.Info, "summing up", "count", len(input.Values))
	sum := 0.0
	for _, value := range input.Values {
		sum += value
	}
	return Summary{Count: len(input.Values), Mean: sum / float64(len(input.Values))}, nil
}

func init() { cofferdam.Task(summarize) }

func main() {}
