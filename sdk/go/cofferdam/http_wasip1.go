//go:build wasip1

package cofferdam

import (
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// The part of wasi:http that sending a request takes, as in wit/wasi.

//go:wasmimport wasi:http/types@0.2.0 [static]fields.from-list
func importFieldsFromList(entries unsafe.Pointer, count uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]fields.entries
func importFieldsEntries(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]fields
func dropFields(handle uint32)

//go:wasmimport wasi:http/types@0.2.0 [constructor]outgoing-request
func importNewRequest(headers uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.body
func importRequestBody(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-method
func importSetMethod(handle, method uint32, name unsafe.Pointer, nameLen uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-path-with-query
func importSetTarget(handle, given uint32, target unsafe.Pointer, targetLen uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-scheme
func importSetScheme(handle, given, scheme uint32, name unsafe.Pointer, nameLen uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-authority
func importSetAuthority(handle, given uint32, authority unsafe.Pointer, authorityLen uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [constructor]request-options
func importNewOptions() uint32

//go:wasmimport wasi:http/types@0.2.0 [method]request-options.set-connect-timeout
func importSetConnectTimeout(handle, given uint32, nanoseconds uint64) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]request-options.set-first-byte-timeout
func importSetFirstByteTimeout(handle, given uint32, nanoseconds uint64) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]request-options.set-between-bytes-timeout
func importSetBetweenBytesTimeout(handle, given uint32, nanoseconds uint64) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-body.write
func importBodyWrite(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [static]outgoing-body.finish
func importBodyFinish(handle, given, trailers uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]outgoing-body
func dropOutgoingBody(handle uint32)

//go:wasmimport wasi:http/outgoing-handler@0.2.0 handle
func importHandle(request, given, options uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]future-incoming-response.subscribe
func importFutureSubscribe(handle uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]future-incoming-response.get
func importFutureGet(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]future-incoming-response
func dropFuture(handle uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.status
func importResponseStatus(handle uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.headers
func importResponseHeaders(handle uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.consume
func importResponseConsume(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-response
func dropResponse(handle uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-body.stream
func importBodyStream(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-body
func dropIncomingBody(handle uint32)

//go:wasmimport wasi:io/poll@0.2.0 [method]pollable.block
func importPollableBlock(handle uint32)

//go:wasmimport wasi:io/poll@0.2.0 [resource-drop]pollable
func dropPollable(handle uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.blocking-write-and-flush
func importStreamWrite(handle uint32, data unsafe.Pointer, dataLen uint32, into unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]output-stream
func dropOutputStream(handle uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]input-stream.blocking-read
func importStreamRead(handle uint32, most uint64, into unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]input-stream
func dropInputStream(handle uint32)

//go:wasmimport wasi:io/error@0.2.0 [method]error.to-debug-string
func importErrorText(handle uint32, into unsafe.Pointer)

//go:wasmimport wasi:io/error@0.2.0 [resource-drop]error
func dropError(handle uint32)

const (
	// What one write of a body takes.
	httpPiece = 4096
	// What is read of an answer at once.
	httpRead = 64 << 10
)

// The cases of the variant method; the one behind them is any other.
var httpMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// The cases of the variant error-code.
var httpErrors = [...]string{
	"DNS timeout", "DNS error", "destination not found", "destination unavailable", "destination IP prohibited",
	"destination IP unroutable", "connection refused", "connection terminated", "connection timeout", "connection read timeout",
	"connection write timeout", "connection limit reached", "TLS protocol error", "TLS certificate error", "TLS alert received",
	"HTTP request denied", "HTTP request length required", "HTTP request body size", "HTTP request method invalid",
	"HTTP request URI invalid", "HTTP request URI too long", "HTTP request header section size", "HTTP request header size",
	"HTTP request trailer section size", "HTTP request trailer size", "HTTP response incomplete",
	"HTTP response header section size", "HTTP response header size", "HTTP response body size",
	"HTTP response trailer section size", "HTTP response trailer size", "HTTP response transfer coding",
	"HTTP response content coding", "HTTP response timeout", "HTTP upgrade failed", "HTTP protocol error", "loop detected",
	"configuration error", "internal error",
}

// httpFailure reads an error-code.
func httpFailure(request *Request, a *area, offset uintptr) *HTTPError {
	code := int(a.byteAt(offset))
	if code >= len(httpErrors) {
		return request.failed("there is no answer")
	}
	switch httpErrors[code] {
	case "destination IP prohibited", "TLS certificate error", "HTTP request denied", "HTTP request method invalid",
		"HTTP request URI invalid":
		return request.refused(httpErrors[code])
	case "internal error":
		if why := a.optionalAt(offset + 8); why != nil {
			return request.failed(*why)
		}
	}
	return request.failed(httpErrors[code])
}

func hostSend(request *Request, secure bool, authority, target string) (*Response, *HTTPError) {
	a := newArea()
	headers, failed := sentHeaders(request, a)
	if failed != nil {
		return nil, failed
	}
	outgoing := importNewRequest(headers)
	method := slices.Index(httpMethods, request.Method)
	name, nameLen := text(keep(request.Method))
	if method < 0 {
		method = len(httpMethods)
	}
	scheme := uint32(0)
	if secure {
		scheme = 1
	}
	authorityPtr, authorityLen := text(keep(authority))
	targetPtr, targetLen := text(keep(target))
	if importSetMethod(outgoing, uint32(method), name, nameLen) != 0 || importSetScheme(outgoing, 1, scheme, nil, 0) != 0 ||
		importSetAuthority(outgoing, 1, authorityPtr, authorityLen) != 0 || importSetTarget(outgoing, 1, targetPtr, targetLen) != 0 {
		return nil, request.refused("this cannot be asked")
	}
	importRequestBody(outgoing, a.pointer())
	body := a.wordAt(4)
	given, options := uint32(0), uint32(0)
	if request.Timeout > 0 {
		given, options = 1, importNewOptions()
		// A host that does not know one of them has its own.
		importSetConnectTimeout(options, 1, uint64(request.Timeout))
		importSetFirstByteTimeout(options, 1, uint64(request.Timeout))
		importSetBetweenBytesTimeout(options, 1, uint64(request.Timeout))
	}
	importHandle(outgoing, given, options, a.pointer())
	if a.byteAt(0) != 0 {
		return nil, httpFailure(request, a, 8)
	}
	future := a.wordAt(8)
	writeBody(body, request.Body, a)
	ready := importFutureSubscribe(future)
	importPollableBlock(ready)
	dropPollable(ready)
	defer dropFuture(future)
	importFutureGet(future, a.pointer())
	if a.byteAt(0) == 0 || a.byteAt(8) != 0 {
		return nil, request.failed("there is no answer")
	}
	if a.byteAt(16) != 0 {
		return nil, httpFailure(request, a, 24)
	}
	incoming := a.wordAt(24)
	defer dropResponse(incoming)
	response := &Response{Status: int(importResponseStatus(incoming)), Headers: receivedHeaders(incoming, a)}
	response.Body, failed = readBody(request, incoming, a)
	return response, failed
}

func sentHeaders(request *Request, a *area) (uint32, *HTTPError) {
	// Pointer and length of each name and value.
	var words []uint32
	add := func(entry string) {
		pointer, size := text(keep(entry))
		words = append(words, uint32(uintptr(pointer)), size)
	}
	for name, value := range request.Headers {
		add(name)
		add(value)
	}
	if len(request.Body) > 0 {
		add("content-length")
		add(strconv.Itoa(len(request.Body)))
	}
	keep(words)
	importFieldsFromList(unsafe.Pointer(unsafe.SliceData(words)), uint32(len(words)/4), a.pointer())
	if a.byteAt(0) != 0 {
		return 0, request.refused("its headers cannot be sent")
	}
	return a.wordAt(4), nil
}

// writeBody writes the body. When the host does not take it, the answer says why.
func writeBody(body uint32, bytes []byte, a *area) {
	if len(bytes) > 0 {
		keep(bytes)
		importBodyWrite(body, a.pointer())
		stream := a.wordAt(4)
		for piece := range slices.Chunk(bytes, httpPiece) {
			data, length := list(piece)
			importStreamWrite(stream, data, length, a.pointer())
			if a.byteAt(0) != 0 {
				if a.byteAt(4) == 0 {
					dropError(a.wordAt(8))
				}
				dropOutputStream(stream)
				dropOutgoingBody(body)
				return
			}
		}
		dropOutputStream(stream)
	}
	importBodyFinish(body, 0, 0, a.pointer())
}

func receivedHeaders(incoming uint32, a *area) map[string][]string {
	fields := importResponseHeaders(incoming)
	defer dropFields(fields)
	importFieldsEntries(fields, a.pointer())
	entry, count := *(*unsafe.Pointer)(a.pointer()), a.wordAt(4)
	headers := map[string][]string{}
	for range count {
		name := strings.ToLower(string(bytesFrom(entry)))
		headers[name] = append(headers[name], string(bytesFrom(unsafe.Add(entry, 8))))
		entry = unsafe.Add(entry, 16)
	}
	return headers
}

func readBody(request *Request, incoming uint32, a *area) ([]byte, *HTTPError) {
	importResponseConsume(incoming, a.pointer())
	body := a.wordAt(4)
	defer dropIncomingBody(body)
	importBodyStream(body, a.pointer())
	stream := a.wordAt(4)
	defer dropInputStream(stream)
	var bytes []byte
	for {
		importStreamRead(stream, httpRead, a.pointer())
		if a.byteAt(0) == 0 {
			bytes = append(bytes, a.bytesAt(4)...)
			continue
		}
		if a.byteAt(4) != 0 {
			return bytes, nil
		}
		failure := a.wordAt(8)
		importErrorText(failure, a.pointer())
		why := a.stringAt(0)
		dropError(failure)
		return nil, request.failed("the answer broke off: " + why)
	}
}
