package cofferdam

import "io"

// Artifact is what is known of an artifact: a file that a task leaves behind.
type Artifact struct {
	// Name is its name, unique among those of its task instance: report.pdf, plots/2026.png.
	Name string
	// ContentType is its media type.
	ContentType string
	// Size is the number of its bytes.
	Size uint64
	// SHA256 is the SHA-256 of its bytes, in hexadecimal.
	SHA256 string
}

// ArtifactWriter is an artifact that is being written.
type ArtifactWriter struct{ handle uint32 }

// CreateArtifact begins an artifact. It is recorded when the try ends, if it was finished.
func CreateArtifact(name, contentType string) (*ArtifactWriter, error) {
	handle, err := hostCreateArtifact(name, contentType)
	if err != nil {
		return nil, err
	}
	return &ArtifactWriter{handle}, nil
}

// Write adds bytes at the end.
func (w *ArtifactWriter) Write(data []byte) (int, error) {
	if err := hostWriteArtifact(w.handle, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Finish ends the artifact. The writer cannot be used afterwards.
func (w *ArtifactWriter) Finish() (Artifact, error) {
	defer hostDropWriter(w.handle)
	return hostFinishArtifact(w.handle)
}

// ArtifactReader is an artifact that is being read.
type ArtifactReader struct{ handle uint32 }

// OpenArtifact opens an artifact that a task of the same run left; nil when there is no such artifact. mapIndex is nil when
// the task is not mapped.
func OpenArtifact(taskID, name string, mapIndex *uint32) (*ArtifactReader, error) {
	handle, found, err := hostOpenArtifact(taskID, name, mapIndex)
	if err != nil || !found {
		return nil, err
	}
	return &ArtifactReader{handle}, nil
}

// About is what is known of the artifact.
func (r *ArtifactReader) About() Artifact { return hostAboutArtifact(r.handle) }

// Read reads the next bytes; io.EOF at the end.
func (r *ArtifactReader) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	most := min(len(into), 1<<20)
	data, err := hostReadArtifact(r.handle, uint32(most))
	if err != nil {
		return 0, err
	}
	if len(data) == 0 {
		return 0, io.EOF
	}
	return copy(into, data), nil
}

// Close ends the reading.
func (r *ArtifactReader) Close() error {
	hostDropReader(r.handle)
	return nil
}
