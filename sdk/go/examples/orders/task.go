// A task that asks a shop for its orders and reports their total. The token of the connection "shop" is put into the request by the host:
// the task never has it.
package main

import (
	"time"

	"cofferdam.example/cofferdam"
)

type Input struct {
	// The URL of the orders.
	Orders string `json:"orders"`
	// Where the total is reported.
	Report string `json:"report"`
}

type Order struct {
	Amount float64 `json:"amount"`
}

type Output struct {
	Total  float64 `json:"total"`
	Kind   string  `json:"kind"`
	Answer string  `json:"answer"`
}

func report(_ cofferdam.Context, input Input) (Output, error) {
	var output Output
	answer, err := cofferdam.Send(cofferdam.Request{
		URL:     input.Orders,
		Headers: map[string]string{"authorization": "Bearer " + cofferdam.Placeholder("shop", "password")},
		Timeout: time.Second,
	})
	if err != nil {
		return output, err
	}
	// A status that may pass lets the task be tried again; any other that is no success fails it.
	if err := answer.OK(); err != nil {
		return output, err
	}
	var orders []Order
	if err := answer.JSON(&orders); err != nil {
		return output, err
	}
	for _, order := range orders {
		output.Total += order.Amount
	}
	answer, err = cofferdam.PostJSON(input.Report, map[string]float64{"total": output.Total})
	if err != nil {
		return output, err
	}
	output.Kind, output.Answer = answer.Header("x-kind"), string(answer.Body)
	return output, answer.OK()
}

func init() { cofferdam.Task(report) }

func main() {}
