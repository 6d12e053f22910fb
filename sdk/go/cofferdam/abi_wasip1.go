//go:build wasip1

package cofferdam

import (
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// The canonical ABI of the component model for the world cofferdam:task/task@0.1.1, by hand: offsets are those of records
// and variants in a 32-bit memory.

// kept holds what the host or the caller still reads, so that the collector does not take it. A sandbox runs one task, so
// nothing is ever let go.
var kept []any

func keep[T any](value T) T {
	kept = append(kept, value)
	return value
}

// nothing is where lists and strings without bytes are.
var nothing uint64

// early is memory for the adapter of WASI preview 1: a stack of 64 KiB, and as much for its state. It asks for them while
// Go's runtime starts, when nothing can be allocated yet.
var (
	early     [24 << 10]uint64
	earlyUsed uint32
)

//go:wasmexport cabi_realloc
func adapterRealloc(_ unsafe.Pointer, _, _, size uint32) unsafe.Pointer {
	place := unsafe.Pointer(&early[earlyUsed])
	earlyUsed += (size + 7) / 8
	return place
}

// The two functions below give the host room for the lists and strings that it hands in. It only ever asks for new memory.

//go:wasmexport cabi_import_realloc
func importRealloc(_ unsafe.Pointer, _, _, size uint32) unsafe.Pointer { return room(size) }

//go:wasmexport cabi_export_realloc
func exportRealloc(_ unsafe.Pointer, _, _, size uint32) unsafe.Pointer { return room(size) }

func room(size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(&nothing)
	}
	// Words, so that the memory is aligned for whatever the host puts there.
	memory := keep(make([]uint64, (uintptr(size)+7)/8))
	return unsafe.Pointer(unsafe.SliceData(memory))
}

// area is where the host writes what a call returns.
type area [12]uint64

func newArea() *area { return keep(new(area)) }

func (a *area) pointer() unsafe.Pointer { return unsafe.Pointer(a) }
func (a *area) at(offset uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(a), offset)
}
func (a *area) byteAt(offset uintptr) uint8  { return *(*uint8)(a.at(offset)) }
func (a *area) wordAt(offset uintptr) uint32 { return *(*uint32)(a.at(offset)) }
func (a *area) longAt(offset uintptr) uint64 { return *(*uint64)(a.at(offset)) }

func (a *area) bytesAt(offset uintptr) []byte { return bytesFrom(a.at(offset)) }

func (a *area) stringAt(offset uintptr) string { return string(a.bytesAt(offset)) }

// optionalAt is an option<string>.
func (a *area) optionalAt(offset uintptr) *string {
	if a.byteAt(offset) == 0 {
		return nil
	}
	text := a.stringAt(offset + 4)
	return &text
}

// bytesFrom reads a pointer and a length.
func bytesFrom(place unsafe.Pointer) []byte {
	length := *(*uint32)(unsafe.Add(place, 4))
	if length == 0 {
		return nil
	}
	return unsafe.Slice(*(**byte)(place), length)
}

func text(s string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))
}

func list(b []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))
}

func option(value *uint32) (uint32, uint32) {
	if value == nil {
		return 0, 0
	}
	return 1, *value
}

// result is what `run` returns: result<string, task-error>.
type result struct {
	isErr uint8
	_     [7]byte
	tag   uint32 // of the error; or the pointer of the output
	size  uint32 // of the output
	ptr   uint32 // of the message; or the low half of the milliseconds
	len   uint32 // of the message; or their high half
	after uint64 // of a deferral
}

//go:wasmexport run
func exportedRun(input unsafe.Pointer, length uint32) unsafe.Pointer {
	var given []byte
	if length > 0 {
		given = unsafe.Slice((*byte)(input), length)
	}
	answer := keep(new(result))
	output, failed := runGuarded(given)
	if failed == nil {
		keep(output)
		pointer, size := list(output)
		answer.tag, answer.size = uint32(uintptr(pointer)), size
		return unsafe.Pointer(answer)
	}
	answer.isErr, answer.tag = 1, uint32(failed.Kind)
	message := failed.text()
	millis := uint64(max(failed.After, 0) / time.Millisecond)
	switch failed.Kind {
	case KindReschedule:
		answer.ptr, answer.len = uint32(millis), uint32(millis>>32)
		return unsafe.Pointer(answer)
	case KindDefer:
		message, answer.after = failed.Event, millis
	}
	keep(message)
	pointer, size := text(message)
	answer.ptr, answer.len = uint32(uintptr(pointer)), size
	return unsafe.Pointer(answer)
}

//go:wasmimport cofferdam:task/context@0.1.1 get
func importContextGet(into unsafe.Pointer)

//go:wasmimport cofferdam:task/context@0.1.1 deadline
func importContextDeadline(into unsafe.Pointer)

func hostContext() rawContext {
	a := newArea()
	importContextGet(a.pointer())
	raw := rawContext{
		dagID: a.stringAt(0), dagRunID: a.stringAt(8), taskID: a.stringAt(16), tryNumber: a.wordAt(32), maxTries: a.wordAt(36),
		logicalDate: a.stringAt(40), dataIntervalStart: a.stringAt(48), dataIntervalEnd: a.stringAt(56),
		conf: a.stringAt(64), idempotencyKey: a.stringAt(72),
	}
	if a.byteAt(24) == 1 {
		index := a.wordAt(28)
		raw.mapIndex = &index
	}
	return raw
}

func hostDeadline() (string, bool) {
	a := newArea()
	importContextDeadline(a.pointer())
	if a.byteAt(0) == 0 {
		return "", false
	}
	return a.stringAt(4), true
}

//go:wasmimport cofferdam:task/xcom@0.1.1 push
func importXComPush(key unsafe.Pointer, keyLen uint32, value unsafe.Pointer, valueLen uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/xcom@0.1.1 pull
func importXComPull(task unsafe.Pointer, taskLen uint32, key unsafe.Pointer, keyLen uint32, hasIndex, index uint32, into unsafe.Pointer)

func xcomError(a *area) error {
	if a.byteAt(0) == 0 {
		return nil
	}
	if a.byteAt(8) == 2 {
		return Fatal(fmt.Errorf("the XComs of this try are larger than %d bytes", a.longAt(16)))
	}
	return Fatal(errors.New(a.stringAt(16)))
}

func hostPush(key, value string) error {
	a := newArea()
	keyPtr, keyLen := text(key)
	valuePtr, valueLen := text(value)
	importXComPush(keyPtr, keyLen, valuePtr, valueLen, a.pointer())
	return xcomError(a)
}

func hostPull(taskID, key string, mapIndex *uint32) (string, bool, error) {
	a := newArea()
	taskPtr, taskLen := text(taskID)
	keyPtr, keyLen := text(key)
	has, index := option(mapIndex)
	importXComPull(taskPtr, taskLen, keyPtr, keyLen, has, index, a.pointer())
	if err := xcomError(a); err != nil {
		return "", false, err
	}
	if a.byteAt(8) == 0 {
		return "", false, nil
	}
	return a.stringAt(12), true, nil
}

//go:wasmimport cofferdam:task/log@0.1.1 write
func importLogWrite(level uint32, message unsafe.Pointer, messageLen uint32, fields unsafe.Pointer, fieldsLen uint32)

//go:wasmimport cofferdam:task/progress@0.1.1 report
func importProgressReport(fraction float64, message unsafe.Pointer, messageLen uint32)

func hostLog(level Level, message string, fields []string) {
	// Pointer and length of each name and value.
	words := keep(make([]uint32, 0, len(fields)*2+1))
	for _, field := range fields {
		pointer, size := text(keep(field))
		words = append(words, uint32(uintptr(pointer)), size)
	}
	messagePtr, messageLen := text(message)
	importLogWrite(uint32(level), messagePtr, messageLen, unsafe.Pointer(unsafe.SliceData(words)), uint32(len(fields)/2))
}

func hostProgress(fraction float64, message string) {
	messagePtr, messageLen := text(message)
	importProgressReport(fraction, messagePtr, messageLen)
}

//go:wasmimport cofferdam:task/checkpoint@0.1.1 save
func importCheckpointSave(data unsafe.Pointer, dataLen uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/checkpoint@0.1.1 load
func importCheckpointLoad(into unsafe.Pointer)

//go:wasmimport cofferdam:task/checkpoint@0.1.1 clear
func importCheckpointClear(into unsafe.Pointer)

func checkpointError(a *area) error {
	if a.byteAt(0) == 0 {
		return nil
	}
	switch a.byteAt(8) {
	case 0:
		return Fatal(fmt.Errorf("a checkpoint has at most %d bytes", a.longAt(16)))
	case 1:
		return errors.New("this try is no longer the one that counts")
	default:
		return Fatal(errors.New(a.stringAt(16)))
	}
}

func hostSave(data []byte) error {
	a := newArea()
	dataPtr, dataLen := list(data)
	importCheckpointSave(dataPtr, dataLen, a.pointer())
	return checkpointError(a)
}

func hostLoad() ([]byte, error) {
	a := newArea()
	importCheckpointLoad(a.pointer())
	if err := checkpointError(a); err != nil || a.byteAt(8) == 0 {
		return nil, err
	}
	return append([]byte{}, a.bytesAt(12)...), nil
}

func hostClear() error {
	a := newArea()
	importCheckpointClear(a.pointer())
	return checkpointError(a)
}

//go:wasmimport cofferdam:task/config@0.1.1 get-variable
func importConfigGetVariable(key unsafe.Pointer, keyLen uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/config@0.1.1 get-connection
func importConfigGetConnection(id unsafe.Pointer, idLen uint32, into unsafe.Pointer)

func configError(a *area) error {
	if a.byteAt(0) == 0 {
		return nil
	}
	return Fatal(errors.New(a.stringAt(8)))
}

func hostVariable(key string) (string, bool, error) {
	a := newArea()
	keyPtr, keyLen := text(key)
	importConfigGetVariable(keyPtr, keyLen, a.pointer())
	if err := configError(a); err != nil || a.byteAt(4) == 0 {
		return "", false, err
	}
	return a.stringAt(8), true, nil
}

func hostConnection(id string) (*Connection, error) {
	a := newArea()
	idPtr, idLen := text(id)
	importConfigGetConnection(idPtr, idLen, a.pointer())
	if err := configError(a); err != nil || a.byteAt(4) == 0 {
		return nil, err
	}
	connection := &Connection{
		ID: a.stringAt(8), Type: a.stringAt(16), Host: a.optionalAt(24), Login: a.optionalAt(40),
		Password: a.optionalAt(52), Schema: a.optionalAt(64), Extra: a.optionalAt(76),
	}
	if a.byteAt(36) == 1 {
		port := *(*uint16)(a.at(38))
		connection.Port = &port
	}
	return connection, nil
}
