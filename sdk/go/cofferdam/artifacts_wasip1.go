//go:build wasip1

package cofferdam

import (
	"errors"
	"fmt"
	"unsafe"
)

//go:wasmimport cofferdam:task/artifacts@0.1.1 create
func importArtifactsCreate(name unsafe.Pointer, nameLen uint32, contentType unsafe.Pointer, contentTypeLen uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/artifacts@0.1.1 open
func importArtifactsOpen(task unsafe.Pointer, taskLen uint32, name unsafe.Pointer, nameLen uint32, hasIndex, index uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/artifacts@0.1.1 [method]writer.write
func importWriterWrite(handle uint32, data unsafe.Pointer, dataLen uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/artifacts@0.1.1 [method]writer.finish
func importWriterFinish(handle uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/artifacts@0.1.1 [resource-drop]writer
func hostDropWriter(handle uint32)

//go:wasmimport cofferdam:task/artifacts@0.1.1 [method]reader.about
func importReaderAbout(handle uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/artifacts@0.1.1 [method]reader.read
func importReaderRead(handle, most uint32, into unsafe.Pointer)

//go:wasmimport cofferdam:task/artifacts@0.1.1 [resource-drop]reader
func hostDropReader(handle uint32)

func artifactError(a *area) error {
	if a.byteAt(0) == 0 {
		return nil
	}
	switch a.byteAt(8) {
	case 1:
		return Fatal(fmt.Errorf("the artifacts of this try have at most %d bytes together", a.longAt(16)))
	case 2:
		return Fatal(fmt.Errorf("a try leaves at most %d artifacts", a.wordAt(16)))
	default:
		return Fatal(errors.New(a.stringAt(16)))
	}
}

func artifactAt(a *area, offset uintptr) Artifact {
	return Artifact{
		Name: a.stringAt(offset), ContentType: a.stringAt(offset + 8), Size: a.longAt(offset + 16), SHA256: a.stringAt(offset + 24),
	}
}

func hostCreateArtifact(name, contentType string) (uint32, error) {
	a := newArea()
	namePtr, nameLen := text(name)
	typePtr, typeLen := text(contentType)
	importArtifactsCreate(namePtr, nameLen, typePtr, typeLen, a.pointer())
	return a.wordAt(8), artifactError(a)
}

func hostWriteArtifact(handle uint32, data []byte) error {
	a := newArea()
	dataPtr, dataLen := list(data)
	importWriterWrite(handle, dataPtr, dataLen, a.pointer())
	return artifactError(a)
}

func hostFinishArtifact(handle uint32) (Artifact, error) {
	a := newArea()
	importWriterFinish(handle, a.pointer())
	if err := artifactError(a); err != nil {
		return Artifact{}, err
	}
	return artifactAt(a, 8), nil
}

func hostOpenArtifact(taskID, name string, mapIndex *uint32) (uint32, bool, error) {
	a := newArea()
	taskPtr, taskLen := text(taskID)
	namePtr, nameLen := text(name)
	has, index := option(mapIndex)
	importArtifactsOpen(taskPtr, taskLen, namePtr, nameLen, has, index, a.pointer())
	if err := artifactError(a); err != nil || a.byteAt(8) == 0 {
		return 0, false, err
	}
	return a.wordAt(12), true, nil
}

func hostAboutArtifact(handle uint32) Artifact {
	a := newArea()
	importReaderAbout(handle, a.pointer())
	return artifactAt(a, 0)
}

func hostReadArtifact(handle, most uint32) ([]byte, error) {
	a := newArea()
	importReaderRead(handle, most, a.pointer())
	if err := artifactError(a); err != nil {
		return nil, err
	}
	return a.bytesAt(8), nil
}
