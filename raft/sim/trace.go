package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// trace.go: trace files. The first line names the settings, each other line is
// an event. Empty lines and what follows a # are for the reader: a transcript
// is a trace file too.

const (
	traceHeader = "settings "
	// maxTraceLine bounds a line of a trace file.
	maxTraceLine = 1 << 20
)

// WriteTrace writes a trace file that shows what the events do.
func WriteTrace(out io.Writer, set Settings, events []Event) (Result, error) {
	var b bytes.Buffer
	r, err := Replay(set, events, &b)
	if err != nil {
		return r, err
	}
	fmt.Fprintf(out, "# %s\n%s%s\n", verdict(&r), traceHeader, set)
	_, err = out.Write(b.Bytes())
	return r, err
}

func verdict(r *Result) string {
	if r.Broken == nil {
		return "every rule holds"
	}
	first, _, _ := strings.Cut(r.Broken.Error(), "\n")
	return "broken: " + first
}

// ReadTrace reads a trace file.
func ReadTrace(in io.Reader) (Settings, []Event, error) {
	var set Settings
	var events []Event
	known := false
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxTraceLine)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, traceHeader):
			d := json.NewDecoder(strings.NewReader(line[len(traceHeader):]))
			d.DisallowUnknownFields()
			if err := d.Decode(&set); err != nil {
				return set, nil, fmt.Errorf("sim: settings of a trace: %w", err)
			}
			known = true
		case len(events) >= MaxSteps:
			return set, nil, fmt.Errorf("sim: a trace of more than %d events", MaxSteps)
		default:
			e, err := ParseEvent(line)
			if err != nil {
				return set, nil, err
			}
			events = append(events, e)
		}
	}
	if err := lines.Err(); err != nil {
		return set, nil, fmt.Errorf("sim: reading a trace: %w", err)
	}
	if !known {
		return set, nil, fmt.Errorf("sim: a trace begins with a line %q", traceHeader+"{...}")
	}
	return set, events, set.validate()
}
