// A task that returns its input. With the input "wait" it asks for an XCom before.
package main

import "cofferdam.example/cofferdam"

func trivial(_ cofferdam.Context, input any) (any, error) {
	if input == "wait" {
		var nothing any
		if _, err := cofferdam.Pull("upstream", &nothing); err != nil {
			return nil, err
		}
	}
	return input, nil
}

func init() { cofferdam.Task(trivial) }

func main() {}
