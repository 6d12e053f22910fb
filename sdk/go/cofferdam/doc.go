// Package cofferdam writes a task of Cofferdam as an ordinary Go function:
//
//	package main
//
//	import "cofferdam.example/cofferdam"
//
//	type Input struct {
//		Name string `json:"name"`
//	}
//
//	func greet(_ cofferdam.Context, input Input) (string, error) {
//		return "Hello, " + input.Name + "!", nil
//	}
//
//	func init() { cofferdam.Task(greet) }
//
//	func main() {}
//
// `cofferdam build` makes a component of it. Built for another target than wasip1, the package has a stand-in for the host
// (see the variable Testing), so that `go test` tests a task.
package cofferdam
