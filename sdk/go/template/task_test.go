package main

import (
	"errors"
	"testing"

	"cofferdam.example/cofferdam"
)

func TestTheSummaryHasCountAndMean(t *testing.T) {
	output, err := cofferdam.Call(summarize, cofferdam.TestContext(), []byte(`{"values": [1, 2, 6]}`))
	if err != nil || string(output) != `{"count":3,"mean":3}` {
		t.Fatalf("%s, %v", output, err)
	}
}

func TestWithoutValuesItIsSkipped(t *testing.T) {
	_, err := summarize(cofferdam.TestContext(), Input{})
	var why *cofferdam.Error
	if !errors.As(err, &why) || why.Kind != cofferdam.KindSkip {
		t.Fatalf("%v", err)
	}
}
