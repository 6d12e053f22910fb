package cofferdam

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Request is what is sent to another server, as far as the task's grant names it.
//
//	answer, err := cofferdam.Send(cofferdam.Request{
//		URL:     "https://shop.example/orders",
//		Headers: map[string]string{"authorization": "Bearer " + cofferdam.Placeholder("shop", "password")},
//	})
type Request struct {
	// Method is the method, in capitals; GET when it is empty.
	Method string
	// URL is where it goes to.
	URL string
	// Headers are names and values.
	Headers map[string]string
	// Body is the body.
	Body []byte
	// Timeout is how long connecting, waiting for the answer, and each silence within it may take; the host's own times when it is 0.
	Timeout time.Duration
}

// Response is what a server answered.
type Response struct {
	// Status is the status.
	Status int
	// Headers are names in lower case, and their values.
	Headers map[string][]string
	// Body is the body.
	Body []byte
}

// HTTPErrorKind says what an HTTPError is about.
type HTTPErrorKind uint8

const (
	// HTTPRefused: the request was refused, or is none. It is the same at every try.
	HTTPRefused HTTPErrorKind = iota
	// HTTPFailed: the request did not get through.
	HTTPFailed
	// HTTPStatus: the server answered with a status that is no success.
	HTTPStatus
)

// HTTPError is why there is no answer, or none that is of use. A task that returns it is tried again when that may help, and fails at once
// when it does not: see Permanent.
type HTTPError struct {
	// Kind says what it is about.
	Kind HTTPErrorKind
	// Status is the status of the answer, when there is one.
	Status int
	// Message is for people.
	Message string
}

// Error says what went wrong.
func (e *HTTPError) Error() string { return e.Message }

// Permanent says whether it is the same at every try: a refusal is, and so is a status but for 408, 425, 429 and all from 500.
func (e *HTTPError) Permanent() bool {
	switch e.Kind {
	case HTTPRefused:
		return true
	case HTTPStatus:
		return e.Status < 500 && e.Status != 408 && e.Status != 425 && e.Status != 429
	default:
		return false
	}
}

// As makes it an Error, which says what becomes of the task.
func (e *HTTPError) As(target any) bool {
	own, wanted := target.(**Error)
	if !wanted {
		return false
	}
	if e.Permanent() {
		*own = Fatal(e)
	} else {
		*own = Retry(e)
	}
	return true
}

// Get asks for a URL.
func Get(url string) (*Response, error) { return Send(Request{URL: url}) }

// PostJSON sends a value as JSON.
func PostJSON(url string, value any) (*Response, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, &HTTPError{Kind: HTTPRefused, Message: fmt.Sprintf("the body is no JSON: %v", err)}
	}
	return Send(Request{Method: "POST", URL: url, Headers: map[string]string{"content-type": "application/json"}, Body: body})
}

// Send sends a request and reads the whole answer. A redirect is an answer like any other, and a status that is no success is not an
// error yet: OK makes it one. The errors are of the type *HTTPError.
func Send(request Request) (*Response, error) {
	if request.Method == "" {
		request.Method = "GET"
	}
	scheme, rest, found := strings.Cut(request.URL, "://")
	if !found {
		return nil, request.refused("this is no URL")
	}
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return nil, request.refused("only http and https are there")
	}
	rest, _, _ = strings.Cut(rest, "#")
	target := "/"
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		rest, target = rest[:at], rest[at:]
		if target[0] == '?' {
			target = "/" + target
		}
	}
	response, failed := hostSend(&request, scheme == "https", rest, target)
	if failed != nil {
		return nil, failed
	}
	return response, nil
}

func (r *Request) refused(why string) *HTTPError {
	return &HTTPError{Kind: HTTPRefused, Message: fmt.Sprintf("%s %s: %s", r.Method, r.URL, why)}
}

func (r *Request) failed(why string) *HTTPError {
	return &HTTPError{Kind: HTTPFailed, Message: fmt.Sprintf("%s %s: %s", r.Method, r.URL, why)}
}

// OK is an error of the kind HTTPStatus when the status is no success (200 to 299).
func (r *Response) OK() error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	shown := []rune(string(r.Body))
	shown = shown[:min(len(shown), 200)]
	return &HTTPError{Kind: HTTPStatus, Status: r.Status, Message: fmt.Sprintf("the server answered %d: %s", r.Status, string(shown))}
}

// Header is the first value of a header, whose name may be in any case; empty when there is none.
func (r *Response) Header(name string) string {
	values := r.Headers[strings.ToLower(name)]
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// JSON reads the body, which is JSON. A body that does not fit is an error of the kind HTTPRefused.
func (r *Response) JSON(into any) error {
	if err := json.Unmarshal(r.Body, into); err != nil {
		return &HTTPError{Kind: HTTPRefused, Message: fmt.Sprintf("the answer is not what was expected: %v", err)}
	}
	return nil
}

// Placeholder stands for a secret of a connection in a header of a request or in the query of its URL. The host puts the secret in its place
// on the way out, to the connection's own host only, so that the task never has it. The field is login, password, basic (both, for
// "Authorization: Basic") or extra:KEY.
func Placeholder(connectionID, field string) string {
	return "<<connection:" + connectionID + ":" + field + ">>"
}
