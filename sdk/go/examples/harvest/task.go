// A task that uses all that the platform offers: it counts the rows that the task fetch returned and left as raw.csv, and leaves a
// report. With {"end": "retry"} and others it ends in another way.
package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"cofferdam.example/cofferdam"
)

type Input struct {
	End string `json:"end"`
}

type Harvest struct {
	Region string  `json:"region"`
	Host   string  `json:"host"`
	Port   uint16  `json:"port"`
	Rows   int     `json:"rows"`
	Raw    int     `json:"raw"`
	Before *string `json:"before"`
}

func end(how string) error {
	switch how {
	case "retry":
		return cofferdam.Retry(errors.New("the shop is closed"))
	case "fatal":
		return cofferdam.Fatal(errors.New("there is no shop"))
	case "skip":
		return cofferdam.Skip("nothing was sold")
	case "reschedule":
		return cofferdam.Reschedule(90 * time.Second)
	case "defer":
		return cofferdam.Defer("shop opened", time.Minute)
	default:
		return cofferdam.Fatal(fmt.Errorf("there is no ending %q", how))
	}
}

func harvest(_ cofferdam.Context, input Input) (Harvest, error) {
	var none Harvest
	if input.End != "" {
		return none, end(input.End)
	}
	region, found, err := cofferdam.Variable("region")
	if err != nil || !found {
		return none, cofferdam.Fatal(fmt.Errorf("no region: %w", err))
	}
	if _, _, err := cofferdam.Variable("secret_plans"); err == nil {
		return none, cofferdam.Fatal(errors.New("what is not granted was given"))
	}
	shop, err := cofferdam.GetConnection("shop")
	if err != nil || shop == nil {
		return none, cofferdam.Fatal(fmt.Errorf("no shop: %w", err))
	}

	var rows []any
	if found, err := cofferdam.Pull("fetch", &rows); err != nil || !found {
		return none, cofferdam.Skip("nothing was fetched")
	}
	reader, err := cofferdam.OpenArtifact("fetch", "raw.csv", nil)
	if err != nil || reader == nil {
		return none, cofferdam.Fatal(fmt.Errorf("no raw.csv: %w", err))
	}
	raw, err := io.ReadAll(reader)
	if err != nil {
		return none, err
	}
	_ = reader.Close()

	seen, err := cofferdam.LoadCheckpoint()
	if err != nil {
		return none, err
	}
	text := fmt.Sprintf("%d rows", len(rows))
	if err := cofferdam.SaveCheckpoint([]byte(text)); err != nil {
		return none, err
	}
	cofferdam.Log(cofferdam.Info, "counted rows", "rows", len(rows))
	writer, err := cofferdam.CreateArtifact("reports/count.txt", "text/plain")
	if err != nil {
		return none, err
	}
	if _, err := io.WriteString(writer, text); err != nil {
		return none, err
	}
	if _, err := writer.Finish(); err != nil {
		return none, err
	}
	if err := cofferdam.Push("rows", len(rows)); err != nil {
		return none, err
	}
	cofferdam.Progress(1, "counted")

	harvest := Harvest{Region: region, Host: *shop.Host, Port: *shop.Port, Rows: len(rows), Raw: len(raw)}
	if seen != nil {
		before := string(seen)
		harvest.Before = &before
	}
	return harvest, nil
}

func init() { cofferdam.Task(harvest) }

func main() {}
