//go:build !wasip1

package cofferdam

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"
)

// Host stands in for the host in tests. The zero value knows nothing; Reset goes back to it.
type Host struct {
	// Context is the context of the task; TestContext gives one to start from.
	Context Context
	// XComs are what other tasks left, as JSON, by task and key.
	XComs map[[2]string]string
	// Variables are those that are granted.
	Variables map[string]string
	// Connections are those that are granted.
	Connections map[string]Connection
	// Artifacts are those of the run, by task and name. What the task under test leaves has an empty task.
	Artifacts map[[2]string][]byte
	// Checkpoint is what is kept; nil when there is nothing.
	Checkpoint []byte
	// Pushed is what the task pushed, as JSON, by key.
	Pushed map[string]string
	// Responses are what servers answer, by URL. What is not here is refused.
	Responses map[string]Response
	// Requests are those that the task sent.
	Requests []Request

	handles map[uint32]*open
	last    uint32
}

type open struct {
	about Artifact
	data  bytes.Buffer
}

// Testing is the host that the functions of this package talk to outside of a sandbox.
var Testing = &Host{Context: TestContext()}

// Reset makes the host forget everything.
func (h *Host) Reset() { *h = Host{Context: TestContext()} }

// TestContext is a context as the first try of a task would see it.
func TestContext() Context {
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	return Context{
		DagID: "example", DagRunID: "manual__2026-11-21T00:00:00Z", TaskID: "task", TryNumber: 1, MaxTries: 1,
		LogicalDate: at, DataIntervalStart: at.AddDate(0, 0, -1), DataIntervalEnd: at,
		Conf: []byte("{}"), IdempotencyKey: "example/manual__2026-11-21T00:00:00Z/task",
	}
}

func put[K comparable, V any](into *map[K]V, key K, value V) {
	if *into == nil {
		*into = map[K]V{}
	}
	(*into)[key] = value
}

func hostContext() rawContext {
	c := Testing.Context
	text := func(t time.Time) string { return t.Format(time.RFC3339) }
	return rawContext{
		dagID: c.DagID, dagRunID: c.DagRunID, taskID: c.TaskID, mapIndex: c.MapIndex,
		tryNumber: c.TryNumber, maxTries: c.MaxTries, logicalDate: text(c.LogicalDate),
		dataIntervalStart: text(c.DataIntervalStart), dataIntervalEnd: text(c.DataIntervalEnd),
		conf: string(c.Conf), idempotencyKey: c.IdempotencyKey,
	}
}

func hostDeadline() (string, bool) { return "", false }

func hostPush(key, value string) error {
	if key == ReturnValue {
		return Fatal(fmt.Errorf("the key %q is kept for what the task returns", key))
	}
	put(&Testing.Pushed, key, value)
	return nil
}

func hostPull(taskID, key string, _ *uint32) (string, bool, error) {
	value, found := Testing.XComs[[2]string{taskID, key}]
	return value, found, nil
}

func hostLog(level Level, message string, fields []string) {
	fmt.Fprintln(os.Stderr, []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}[min(level, Failed)], message, fields)
}

func hostProgress(fraction float64, message string) {
	fmt.Fprintf(os.Stderr, "%3.0f %% %s\n", fraction*100, message)
}

func hostVariable(key string) (string, bool, error) {
	value, found := Testing.Variables[key]
	return value, found, nil
}

func hostConnection(id string) (*Connection, error) {
	connection, found := Testing.Connections[id]
	if !found {
		return nil, nil
	}
	return &connection, nil
}

func hostSave(data []byte) error {
	Testing.Checkpoint = bytes.Clone(data)
	return nil
}

func hostLoad() ([]byte, error) { return bytes.Clone(Testing.Checkpoint), nil }

func hostClear() error {
	Testing.Checkpoint = nil
	return nil
}

func hold(opened *open) uint32 {
	Testing.last++
	put(&Testing.handles, Testing.last, opened)
	return Testing.last
}

func hostCreateArtifact(name, contentType string) (uint32, error) {
	if name == "" {
		return 0, Fatal(errors.New("an artifact has a name"))
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	return hold(&open{about: Artifact{Name: name, ContentType: contentType}}), nil
}

func hostWriteArtifact(handle uint32, data []byte) error {
	_, err := Testing.handles[handle].data.Write(data)
	return err
}

func about(artifact Artifact, data []byte) Artifact {
	sum := sha256.Sum256(data)
	artifact.Size, artifact.SHA256 = uint64(len(data)), hex.EncodeToString(sum[:])
	return artifact
}

func hostFinishArtifact(handle uint32) (Artifact, error) {
	done := Testing.handles[handle]
	put(&Testing.Artifacts, [2]string{"", done.about.Name}, done.data.Bytes())
	return about(done.about, done.data.Bytes()), nil
}

func hostDropWriter(handle uint32) { delete(Testing.handles, handle) }

func hostOpenArtifact(taskID, name string, _ *uint32) (uint32, bool, error) {
	data, found := Testing.Artifacts[[2]string{taskID, name}]
	if !found {
		return 0, false, nil
	}
	opened := &open{about: about(Artifact{Name: name, ContentType: "application/octet-stream"}, data)}
	opened.data.Write(data)
	return hold(opened), true, nil
}

func hostAboutArtifact(handle uint32) Artifact { return Testing.handles[handle].about }

func hostReadArtifact(handle, most uint32) ([]byte, error) {
	return Testing.handles[handle].data.Next(int(most)), nil
}

func hostDropReader(handle uint32) { delete(Testing.handles, handle) }

func hostSend(request *Request, _ bool, _, _ string) (*Response, *HTTPError) {
	Testing.Requests = append(Testing.Requests, *request)
	response, found := Testing.Responses[request.URL]
	if !found {
		return nil, request.refused("the test gives no response to it")
	}
	return &response, nil
}
